// Package checkpoint keeps, on the target, what one (task, source) has done:
// which unit it is in, how far each data file is loaded, how far each lane of
// the syncer has applied, and the table structures at that point. The units
// write it inside the very transactions that carry the rows, so the record and
// the data cannot disagree.
//
// It is not a lock service and decides nothing: the scheduler binds a source
// to a worker and mints the epoch, this package only makes the target refuse
// everybody else.
//
// # Fencing
//
// Every row that a unit updates carries the epoch of the binding under which
// it was written. Open raises the epoch of all rows of the source in one
// transaction (the subtask row first, which serialises two workers that open
// at the same time), and every later write names its epoch in the WHERE
// clause. No row matched means that another worker has taken over: the write
// answers ErrFenced and the transaction around it must be rolled back, which
// takes its data with it. So a worker that was paused for an hour in the
// middle of a transaction cannot add one row.
//
// New rows (chunks, structures) are added in a transaction that first touches
// the subtask row under its epoch, for the same reason.
//
// # Unknown commits
//
// A connection lost during COMMIT leaves the outcome open. Each chunk row has
// an attempt counter: a writer names the attempt it has seen and raises it, as
// the first statement of its transaction, so it holds the row lock while the
// outcome is open. Chunk.Offset read back by ReadChunk, which locks the row and
// raises attempt itself, is therefore final: whatever of the lost transaction
// was not committed by then matches no row any more.
//
// # Tables
//
// All of them live in the task's meta schema. DM's own names keep DM's columns
// (operators edit them by hand); everything else is called {task}_raftdm_*.
//
//	{task}_raftdm_subtask    (source) epoch, unit, finished, dump_id, snapshot
//	{task}_raftdm_chunk      (source, file) dump_id, epoch, attempt, byte_offset, rows_done
//	{task}_raftdm_lane       (source, lane) epoch, attempt, watermark, applied, partial
//	{task}_raftdm_ddl        (source) the DDL that is being executed
//	{task}_raftdm_operator   (source, binlog_name, binlog_pos) what to do about a DDL instead of executing it
//	{task}_raftdm_head       (source) which binlog file was read last, and when it was begun
//	{task}_raftdm_structure  (source, db, tbl) create_sql
//	{task}_raftdm_xa         (source, xid, part, chunk) rows of XA transactions that are prepared
//	{task}_raftdm_probe      (source) n; empty but for a moment, when a load begins
//	{task}_syncer_checkpoint DM's, follows the watermark, with a row for each table
//	{task}_onlineddl         DM's, the DDL of shadow tables, in tasks with online-ddl
package checkpoint
