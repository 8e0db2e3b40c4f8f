package testbed

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Await asks for a task of one source every fifth of a second until check
// answers true or an error. The last status is given back in any case; an
// error of query-status itself is only the reason when ctx ends.
func (c *Cluster) Await(ctx context.Context, task string, check func(TaskStatus) (bool, error)) (TaskStatus, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last TaskStatus
	var lastErr error
	for {
		list, err := c.QueryStatus(ctx, task)
		if ctx.Err() == nil { // else dmctl was ended by us
			lastErr = err
		}
		if err == nil && len(list) > 0 {
			last = list[0]
			if ok, err := check(last); ok || err != nil {
				return last, err
			}
		}
		select {
		case <-ctx.Done():
			if lastErr != nil {
				return last, lastErr
			}
			return last, fmt.Errorf("task %s did not get there: %w; it is %s", task, ctx.Err(), last)
		case <-tick.C:
		}
	}
}

// String gives the status in one line.
func (t TaskStatus) String() string {
	s := fmt.Sprintf("%s in unit %s", t.Stage, t.Unit)
	switch {
	case t.Dump != nil:
		s += ", dumped " + t.Dump.Progress
	case t.Load != nil:
		s += ", loaded " + t.Load.Progress
	case t.Sync != nil:
		s += fmt.Sprintf(", at %s of %s, synced %t", t.Sync.SyncerBinlog, t.Sync.MasterBinlog, t.Sync.Synced)
	}
	if why := t.Trouble(); why != "" {
		s += ": " + why
	}
	return s
}

// AwaitCaughtUp waits until the target holds everything that up has written to
// its binary log so far. Nobody may write meanwhile.
func (c *Cluster) AwaitCaughtUp(ctx context.Context, task string, up *sql.DB) (TaskStatus, error) {
	end, err := BinlogEnd(ctx, up)
	if err != nil {
		return TaskStatus{}, err
	}
	return c.Await(ctx, task, func(t TaskStatus) (bool, error) {
		return t.Caught() && t.Sync.MasterBinlog == end.String(), nil
	})
}

// BinlogPosition is a server's position as its SQL tells it.
type BinlogPosition struct {
	Name string
	Pos  uint32
	GTID string
}

// String gives the position as query-status prints it.
func (p BinlogPosition) String() string { return fmt.Sprintf("(%s, %d)", p.Name, p.Pos) }

// BinlogEnd asks a server, MariaDB or MySQL of any version, where its binary
// log ends.
func BinlogEnd(ctx context.Context, db *sql.DB) (BinlogPosition, error) {
	var p BinlogPosition
	rows, err := db.QueryContext(ctx, "SHOW MASTER STATUS")
	if err != nil { // MySQL 8.4 and later
		if rows, err = db.QueryContext(ctx, "SHOW BINARY LOG STATUS"); err != nil {
			return p, err
		}
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return p, err
	}
	into := make([]any, len(columns))
	for i := range into {
		into[i] = new(sql.RawBytes)
	}
	into[0], into[1] = &p.Name, &p.Pos
	if len(columns) > 4 {
		into[4] = &p.GTID
	}
	if !rows.Next() {
		return p, fmt.Errorf("the server writes no binary log (%w)", sql.ErrNoRows)
	}
	if err := rows.Scan(into...); err != nil {
		return p, err
	}
	if err := rows.Close(); err != nil {
		return p, err
	}
	if len(columns) == 4 { // MariaDB has its own place for it
		if err := db.QueryRowContext(ctx, "SELECT @@gtid_binlog_pos").Scan(&p.GTID); err != nil {
			return p, err
		}
	}
	return p, nil
}
