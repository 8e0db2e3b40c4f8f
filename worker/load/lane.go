package load

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// lane loads files one after the other over one connection.
type lane struct {
	*run
	conn    *sql.Conn // nil when a new one is needed
	db      string    // its current schema
	zone    string    // its time zone, "" for the one that it began with
	altered bool      // it is not to be used by others again
	careful bool      // rows of the present file were there already
}

// load brings one file into the target, however often the connection breaks.
func (l *lane) load(ctx context.Context, it item, c checkpoint.Chunk) error {
	if err := it.file.check(); err != nil {
		return err
	}
	l.careful = false
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
		if it.table.plain {
			return err // another pass looks first which rows are there
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
		l.log.Warn("load is interrupted and goes on by itself", "file", it.file.name, "error", cause, "after", *pause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(*pause):
		}
		*pause = min(2**pause, backoffMax)
		known, err := l.cfg.Meta.ReadChunk(ctx, it.file.name)
		switch {
		case err == nil:
			l.count(it.table, known.Offset-c.Offset, known.Rows-c.Rows)
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
	if err := l.connect(ctx, it.table.to.Schema); err != nil {
		return dbconn.Error(fault.Downstream, "connect to the target", err)
	}
	in, err := openStatements(l.content.own, it, c.Offset)
	if err != nil {
		return err
	}
	defer in.close()
	var pending []statement
	for {
		if len(pending) == 0 {
			begin := time.Now()
			limit, _ := l.pressure.limits()
			if pending, err = in.batch(limit); err != nil {
				return err
			}
			l.metrics.query.Observe(time.Since(begin).Seconds())
		}
		if len(pending) == 0 {
			return l.atEnd(it, *c, in.in.Read())
		}
		var group []statement
		limit, packet := l.pressure.limits()
		if group, pending, err = take(pending, limit, packet); err != nil {
			return err
		}
		next := *c
		next.Offset = group[len(group)-1].end
		next.Rows += rowsOf(group)
		size := sizeOf(group)
		err := l.transact(ctx, it, next, batch{group, in.settings}, size)
		switch {
		case err == nil:
			l.count(it.table, next.Offset-c.Offset, next.Rows-c.Rows)
			next.Attempt++
			*c = next
		case !it.table.plain && (len(group) > 1 || group[0].rows > 1) && l.pressure.shrink(time.Now(), size, largest(group), err):
			if fault.Transient(err) {
				return err // not at once: others are in the way
			}
			l.log.Warn("a transaction is too large for the target and is cut", "file", it.file.name, "bytes", size, "error", err)
			pending = append(group, pending...) // to be cut by the new limits
		default:
			return err
		}
	}
}

// take gives the statements for the next transaction, and what is left. What is
// too large is cut.
func take(pending []statement, limit, packet int) (group, rest []statement, err error) {
	size := 0
	for i, s := range pending {
		if len(s.text) > packet && s.rows > 1 {
			if i > 0 {
				return pending[:i:i], pending[i:], nil
			}
			parts, err := split(s, packet)
			if err != nil {
				return nil, nil, err
			}
			return take(append(parts, pending[1:]...), limit, math.MaxInt)
		}
		if size += len(s.text); size > limit && i > 0 {
			return pending[:i:i], pending[i:], nil
		}
	}
	return pending, nil, nil
}

func largest(group []statement) int {
	n := 0
	for _, s := range group {
		n = max(n, len(s.text))
	}
	return n
}

func sizeOf(group []statement) int {
	n := 0
	for _, s := range group {
		n += len(s.text)
	}
	return n
}

func rowsOf(group []statement) int64 {
	var n int64
	for _, s := range group {
		n += s.rows
	}
	return n
}

// transact waits for its turn and makes one transaction.
func (l *lane) transact(ctx context.Context, it item, next checkpoint.Chunk, b batch, size int) error {
	if err := l.maxRows.wait(ctx, rowsOf(b.statements)); err != nil {
		return err
	}
	if err := l.maxBytes.wait(ctx, int64(size)); err != nil {
		return err
	}
	if err := l.pressure.enter(ctx); err != nil {
		return err
	}
	begin := time.Now()
	err := l.commit(ctx, it, next, b)
	took := time.Since(begin)
	l.pressure.leave(time.Now(), size, took, err)
	if err == nil {
		l.metrics.txn.WithLabelValues(l.cfg.Subtask.Task, l.cfg.Worker, l.cfg.Subtask.SourceID, it.table.Schema, it.table.Table).Observe(took.Seconds())
	}
	return err
}

// atEnd checks that as many rows went into the target as the dump has written, or,
// where nobody has counted them, that the file was read to where it ended when the
// load began.
func (l *lane) atEnd(it item, c checkpoint.Chunk, end int64) error {
	if it.file.rows < 0 {
		if end != it.file.bytes {
			return fmt.Errorf("%w: file %s has %d bytes, and had %d when the load began", dumpdir.ErrDamaged, it.file.name, end, it.file.bytes)
		}
		return nil
	}
	if c.Rows != it.file.rows || c.Offset != it.file.bytes {
		return fmt.Errorf("%w: file %s: %d rows loaded up to byte %d, but the dump counted %d rows in %d bytes",
			dumpdir.ErrDamaged, it.file.name, c.Rows, c.Offset, it.file.rows, it.file.bytes)
	}
	return nil
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
		l.conn, l.zone, l.altered = conn, "", false
	}
	l.db = name
	_, err := l.conn.ExecContext(ctx, "USE "+dbconn.Ident(name))
	return err
}

// inZone gives the session the time zone that a foreign file was written in.
func (l *lane) inZone(ctx context.Context, set sqlfile.Settings) error {
	zone := set.TimeZone
	if !l.content.own && zone == "" {
		zone = l.foreignZone
	}
	if zone == l.zone || zone == "" {
		return nil
	}
	l.altered = true
	if _, err := l.conn.ExecContext(ctx, "SET SESSION time_zone = '"+zone+"'"); err != nil {
		out := dbconn.ExecError(fault.Downstream, "set the time zone of the dump", err)
		var f *fault.Error
		if errors.As(out, &f) && f.Hint == "" && !fault.Transient(err) {
			f.Hint = "give the target the zone (mysql_tzinfo_to_sql fills in its tables of them), or name it by its distance, such as +01:00: as timezone" +
				" of the task where the files name none, with stop-task and start-task; then resume-task"
		}
		return out
	}
	l.zone = zone
	return nil
}

// drop gives the connection back; the pool closes it when it is broken, or when
// its settings are not those of the pool any more.
func (l *lane) drop() {
	if l.conn == nil {
		return
	}
	if l.altered {
		_ = l.conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	_ = l.conn.Close() // whatever it held is resolved by reading the chunk row back
	l.conn = nil
}
