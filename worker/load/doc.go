// Package load brings the files of a dump into the target and hands over to the
// syncer. It reads what dumpdir describes, in mode load also what mydumper and
// dumpling have written (package foreign), never the source.
//
// The files come from a feed, which waits for a dump that is still being
// written (Config.Live); the list of tables is known from the beginning. What the
// two owe each other stands in worker/dump/DESIGN.md.
//
// # Exactly once
//
// A data file is loaded by one lane at a time. Each target transaction takes
// some statements of one file and, as its first statement, moves the file's
// offset in the chunk table, under our epoch and from the attempt we knew (see
// package checkpoint). So a file goes on where its last committed transaction
// ended, tables without any key included, whoever was killed in between, and a
// worker that lost the source cannot add a row. When a commit is lost the chunk
// row is read back and says what happened.
//
// # Which file is next
//
// find takes files from the feed and records them on the target, order chooses
// among those that wait, lanes load. A few tables are filled at a time, the ones
// begun first before others, also while a dump hands out files of many.
//
// # LOAD DATA
//
// A MySQL or MariaDB spends much of a load on the parser of SQL. Rows of our own
// files go to it as LOAD DATA LOCAL INFILE instead, which can be told to read
// them as they stand in their INSERT (sqlfile.InfileFormat): nothing is written anew.
// With LOCAL the server does not refuse a row: it leaves it out or alters it, warns
// and counts. So only a batch whose rows were all taken without a warning is
// committed; any other is rolled back and executed as INSERT, whose answer counts,
// and so are all others of that table.
//
// What would be altered without a warning is kept from it: infile.go compares the
// columns of both sides (a BIT takes the text 5 for the sign), and sqlfile.Infile
// looks at each value. Tables without transactions, TiDB, foreign files and a
// target with local_infile = OFF get INSERT.
//
// # Nothing is altered silently
//
// The target session is strict, allows dates that only a lenient server takes
// (0000-00-00, 2024-02-30), and after each INSERT the server's warnings are
// asked for: a value that does not fit its column is an error that names table,
// file, offset and the server's reason. A row with error values of ENUMs is
// inserted by a session that is not strict, and must give one warning for each
// of them and no other.
//
// # What the target can take
//
// All lanes share one opinion of how large a transaction may be and how many may
// run at a time (pressure). An answer about size, memory or locks halves the one,
// growing latency the other; what goes well for a while grows them back. A
// statement is cut between rows when it must be, and the offset of a chunk may
// stand between two rows of a statement. Limits of the task are kept by pace.
//
// # Foreign files
//
// They are cut by following strings and comments. An INSERT without columns gets
// the list of the table's CREATE statement, since the target's columns may stand
// in another order. Character set and time zone are set as the file says, the
// former only around its INSERTs: our own statements compare names. Where it says
// binary, text is in each column's own character set (mydumper) and refused where
// the target would take it for other text, or UTF-8 (dumpling).
//
// # What is there already
//
// Schemas and tables that exist are used as they are, columns being matched by
// name; a row that clashes with one of the target is an error that shows both,
// unless on-duplicate-logical says which stays. Then the batch is tried anew, in
// halves down to the rows that clash. REPLACE is not left to the server where the
// target has a unique key that the source does not have: the row of an equal key
// is deleted and ours inserted, and what still clashes ends the load. A
// table without any unique key would take such rows twice with nothing to
// notice it: when it holds rows before the first of ours and this source is the
// only one of the task, the load refuses to begin. So it does when such a table has
// no transactions either and more rows than are known to be loaded (plain.go).
//
// # The end
//
// When all files are loaded, one transaction records the structures of the
// snapshot and the next phase: the syncer at the snapshot's position, or
// finished in mode full. Then clean-dump-file is honoured.
//
// # A dump that is gone
//
// Files that are missing, damaged or of another dump are dumped again: all of
// them when nothing was loaded yet, else those that are not complete on the
// target; so are those of a table that was emptied there. Run hands the subtask back (ErrDumpAgain); worker/dump/DESIGN.md says
// how rows of two dumps become one state. In mode load, where nobody can dump
// anything, a load that has begun needs the operator then.
package load
