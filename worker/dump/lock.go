package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// lockTries is how often tables are locked when new ones keep coming.
const lockTries = 5

// errNotLocked means that a table was created after the list of what to lock
// was made.
var errNotLocked = errors.New("a table was created while the others were being locked")

// stop makes the writers wait as the consistency says, and tells since when;
// locked names the tables that are locked one by one, nil when all are.
func stop(ctx context.Context, db *dbconn.DB, conn *sql.Conn, cat *catalogue) (since time.Time, locked map[schema.Name]bool, err error) {
	switch cat.consistency {
	case config.ConsistencyNone:
		return time.Now(), nil, nil
	case config.ConsistencyLock:
		names, err := db.Tables(ctx, cat.filter)
		if err != nil {
			return time.Time{}, nil, err
		}
		locked := make(map[schema.Name]bool, len(names))
		list := make([]string, len(names))
		for i, n := range names {
			list[i] = dbconn.Ident(n.Schema, n.Table) + " READ"
			locked[n] = true
		}
		if len(list) == 0 {
			return time.Now(), locked, nil
		}
		since, err := lock(ctx, conn, "lock the tables on the source", "LOCK TABLES "+strings.Join(list, ", "),
			"GRANT LOCK TABLES, SELECT ON <schema>.* TO <user>")
		return since, locked, err
	}
	since, err = lock(ctx, conn, "take the global read lock on the source", "FLUSH TABLES WITH READ LOCK", "GRANT RELOAD ON *.* TO <user>")
	return since, nil, err
}

// lock executes a statement that stops writers and tells since when they are. While
// it waits for one that holds it up, all others wait behind it: so it gives up soon,
// lets them go on for as long, and tries again.
func lock(ctx context.Context, conn *sql.Conn, op, statement, grant string) (time.Time, error) {
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", lockWaitSeconds)); err != nil {
		return time.Time{}, dbconn.Error(fault.Upstream, op, err)
	}
	first := time.Now()
	begin := first
	_, err := conn.ExecContext(ctx, statement)
	for ; notGranted(err) && time.Since(first) < lockPatience; _, err = conn.ExecContext(ctx, statement) {
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(lockWaitSeconds * time.Second):
		}
		begin = time.Now()
	}
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return begin, nil
	case notGranted(err):
		return time.Time{}, &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.Upstream, Code: codeGlobalLock, Err: err,
			Msg:  fmt.Sprintf("it was not granted in %s; a long statement, a DDL or another backup holds it up", lockPatience),
			Hint: "look for long queries with SHOW FULL PROCESSLIST on the source, let them end or kill them, then resume-task"}
	case errors.As(err, &my) && (my.Number == 1227 || my.Number == 1045 || my.Number == 1044 || my.Number == 1142):
		return time.Time{}, &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.Upstream, Code: codeGlobalLock, Err: err,
			Msg: "the user may not lock the tables, which a consistent dump needs",
			Hint: "grant it on the source: " + grant + "; then resume-task. Where it cannot be granted, another --consistency in" +
				" extra-args (flush, lock) may do: stop-task, edit the task file, start-task"}
	}
	return time.Time{}, dbconn.Error(fault.Upstream, op, err)
}

func notGranted(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && (my.Number == 1205 || my.Number == 1969)
}

// unlock lets writers go on, also when ctx has ended.
func unlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := conn.ExecContext(ctx, "UNLOCK TABLES")
	if err == nil {
		return nil
	}
	// A connection that does not answer is closed: the server then releases
	// what it holds.
	return errors.Join(dbconn.Error(fault.Upstream, "release the read locks", err),
		conn.Raw(func(any) error { return errDiscard }))
}

// inexact refuses what cannot be right when the moment of the rows is not exact.
func (s *snapshot) inexact() error {
	if s.until.IsZero() {
		return nil
	}
	for _, t := range s.tables {
		why := ""
		switch {
		case !t.keyed:
			why = "it has no primary key and no unique key without NULLs, so changes cannot be replayed on rows that may have them already"
		case !t.versioned():
			why = "its engine " + t.engine + " has no snapshots"
		default:
			continue
		}
		return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeRuntime,
			Msg:  fmt.Sprintf("--consistency none cannot copy table %s.%s: %s", t.Schema, t.Table, why),
			Hint: "stop-task, write --consistency lock or flush in extra-args, or exclude the table, then start-task"}
	}
	return nil
}
