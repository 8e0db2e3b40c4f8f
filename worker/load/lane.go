package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// lane loads files one after the other over one connection.
type lane struct {
	*run
	conn *sql.Conn // nil when a new one is needed
	db   string    // its current schema
}

// item is one data file to load.
type item struct {
	table dumpdir.Table
	file  dumpdir.File
	to    *route.Target // set by the lane
}

// load brings one file into the target, however often the connection breaks.
func (l *lane) load(ctx context.Context, it item) error {
	if err := it.file.Check(l.cfg.Subtask.Load.Dir); err != nil {
		return err
	}
	c := l.chunks[it.file.Name]
	pause := backoffMin
	for {
		before := c.Offset
		err := l.attempt(ctx, it, &c)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if !fault.Transient(err) && !errors.Is(err, checkpoint.ErrChunkMoved) {
			return err
		}
		if c.Offset > before {
			pause = backoffMin
		}
		if err := l.recover(ctx, it, &c, err, &pause); err != nil {
			return err
		}
	}
}

// recover waits and reads the chunk row back until the target says what has
// become of the transaction that failed with cause.
func (l *lane) recover(ctx context.Context, it item, c *checkpoint.Chunk, cause error, pause *time.Duration) error {
	l.drop()
	for {
		l.metrics.failed.Inc()
		l.setTrouble(l, l.fail(cause))
		l.log.Warn("load is interrupted and goes on by itself", "file", it.file.Name, "error", cause, "after", *pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(*pause):
		}
		*pause = min(2**pause, backoffMax)
		known, err := l.cfg.Meta.ReadChunk(ctx, it.file.Name)
		switch {
		case err == nil:
			l.count(known.Offset-c.Offset, known.Rows-c.Rows)
			*c = known
			l.setTrouble(l, nil)
			return nil
		case !fault.Transient(err):
			return err
		}
		cause = err
	}
}

// attempt loads from c on until the end of the file or the first failure; c
// follows what is committed.
func (l *lane) attempt(ctx context.Context, it item, c *checkpoint.Chunk) error {
	to, err := l.to(nameOf(it.table))
	if err != nil {
		return err
	}
	it.to = to
	if err := l.connect(ctx, to.Schema); err != nil {
		return dbconn.Error(fault.Downstream, "connect to the target", err)
	}
	in, err := openStatements(l.cfg.Subtask.Load.Dir, it.file, c.Offset)
	if err != nil {
		return err
	}
	defer in.close()
	for {
		begin := time.Now()
		batch, err := in.batch()
		if err != nil {
			return err
		}
		l.metrics.query.Observe(time.Since(begin).Seconds())
		if len(batch) == 0 {
			return l.atEnd(it, *c)
		}
		next := *c
		next.Offset = in.at
		for _, s := range batch {
			next.Rows += s.rows
		}
		if err := l.commit(ctx, it, next, batch); err != nil {
			return err
		}
		l.count(next.Offset-c.Offset, next.Rows-c.Rows)
		next.Attempt++
		*c = next
	}
}

// atEnd checks that as many rows went into the target as the dump has written.
func (l *lane) atEnd(it item, c checkpoint.Chunk) error {
	if c.Rows != it.file.Rows || c.Offset != it.file.Bytes {
		return fmt.Errorf("%w: file %s: %d rows loaded up to byte %d, but the dump counted %d rows in %d bytes",
			dumpdir.ErrDamaged, it.file.Name, c.Rows, c.Offset, it.file.Rows, it.file.Bytes)
	}
	return nil
}

// commit puts one batch into the target together with the offset behind it.
func (l *lane) commit(ctx context.Context, it item, next checkpoint.Chunk, batch []statement) error {
	start := time.Now()
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, "begin", err)
	}
	l.metrics.begin.Observe(time.Since(start).Seconds())
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := l.cfg.Meta.AdvanceChunk(ctx, tx, next); err != nil {
		return err
	}
	for _, s := range batch {
		if err := l.insert(ctx, tx, it, s); err != nil {
			return err
		}
	}
	begin := time.Now()
	if err := tx.Commit(); err != nil {
		return l.rowError(it, batch[0], err)
	}
	l.metrics.commit.Observe(time.Since(begin).Seconds())
	l.metrics.txn.WithLabelValues(l.cfg.Subtask.Task, l.cfg.Worker, l.cfg.Subtask.SourceID, it.table.Schema, it.table.Name).
		Observe(time.Since(start).Seconds())
	return nil
}

// insert executes one statement. One with error values of ENUMs needs a session
// that is not strict; the warnings then say that nothing else was altered.
func (l *lane) insert(ctx context.Context, tx *sql.Tx, it item, s statement) error {
	begin := time.Now()
	if s.invalid > 0 {
		if err := l.setMode(ctx, tx, lenientMode); err != nil {
			return err
		}
	}
	text := s.text
	if it.to.Routed {
		var err error
		if text, err = moved(text, it.to); err != nil {
			return fault.Wrap(place(it, s), err)
		}
	}
	// The driver only reads the text, and the bytes do not change meanwhile.
	if _, err := tx.ExecContext(ctx, unsafe.String(unsafe.SliceData(text), len(text))); err != nil {
		return l.rowError(it, s, err)
	}
	l.metrics.stmt.Observe(time.Since(begin).Seconds())
	if err := l.warnings(ctx, tx, it, s); err != nil {
		return err
	}
	if s.invalid > 0 {
		return l.setMode(ctx, tx, targetMode)
	}
	return nil
}

// setMode sets the sql_mode. When a failure leaves the session in the lenient
// one, no harm is done: there is no INSERT whose warnings are not looked at.
func (l *lane) setMode(ctx context.Context, tx *sql.Tx, mode string) error {
	_, err := tx.ExecContext(ctx, "SET SESSION sql_mode = '"+mode+"'")
	return dbconn.Error(fault.Downstream, "set the sql_mode", err)
}

// warnings makes an error of anything that the server altered in order to take
// a row. Each error value of an ENUM gives one warning, and no more are allowed.
func (l *lane) warnings(ctx context.Context, tx *sql.Tx, it item, s statement) error {
	const op = "read the warnings of an INSERT"
	rows, err := tx.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer rows.Close()
	expected := s.invalid
	for rows.Next() {
		var (
			level  string
			number uint16
			text   string
		)
		if err := rows.Scan(&level, &number, &text); err != nil {
			return dbconn.Error(fault.Downstream, op, err)
		}
		if dbconn.AboutWords(number) {
			continue
		}
		if expected--; expected >= 0 && number == dbconn.WarnTruncated {
			continue
		}
		return &fault.Error{Op: place(it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec,
			Msg:  "the target would have altered a row",
			Err:  &mysql.MySQLError{Number: number, Message: text},
			Hint: "give the column on the target the type that it has on the source, then resume-task"}
	}
	if err := rows.Err(); err != nil || expected == 0 {
		return dbconn.Error(fault.Downstream, op, err)
	}
	return &fault.Error{Op: place(it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec,
		Msg:  "the row has the error value of an ENUM, and the column on the target is no ENUM",
		Hint: "give the column on the target the type that it has on the source, then resume-task"}
}

// rowError names where in the dump the refused rows stand.
func (l *lane) rowError(it item, s statement, err error) error {
	if fault.Transient(err) || errors.Is(err, context.Canceled) {
		return dbconn.ExecError(fault.Downstream, place(it, s), err)
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) && (my.Number == 1062 || my.Number == 1586) {
		return &fault.Error{Op: place(it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec, Err: err,
			Msg:  "the target holds a row with the same key that this task did not load",
			Hint: "find out who wrote it; empty the table on the target, then resume-task, or stop-task and start-task --remove-meta for a new start"}
	}
	return dbconn.ExecError(fault.Downstream, place(it, s), err)
}

func place(it item, s statement) string {
	return fmt.Sprintf("load table %s.%s, file %s, statement at byte %d", it.table.Schema, it.table.Name, it.file.Name, s.from)
}

// connect makes sure that the lane has a connection whose schema is name.
func (l *lane) connect(ctx context.Context, name string) error {
	if l.conn != nil && l.db == name {
		return nil
	}
	if l.conn == nil {
		conn, err := l.run.db.Conn(ctx)
		if err != nil {
			return err
		}
		l.conn = conn
	}
	l.db = name
	_, err := l.conn.ExecContext(ctx, "USE "+dbconn.Ident(name))
	return err
}

// drop gives the connection back; the pool closes it when it is broken.
func (l *lane) drop() {
	if l.conn != nil {
		l.conn.Close() //nolint:errcheck // whatever it held is resolved by reading the chunk row back
		l.conn = nil
	}
}
