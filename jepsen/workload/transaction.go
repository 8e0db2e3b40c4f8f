package workload

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/history"
)

// transaction runs statements on an upstream in one transaction, and commits it
// or rolls it back, and tells the history what became of it. Whatever goes
// wrong before COMMIT is sent means that nothing happened.
func transaction(ctx context.Context, db *sql.DB, p *history.Pending, undo bool, statements ...string) history.Outcome {
	err := func() error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := run(ctx, conn, append([]string{"BEGIN"}, statements...)...); err != nil {
			_, rerr := conn.ExecContext(ctx, "ROLLBACK") // or the connection is dead, and the server does it
			return errors.Join(err, rerr)
		}
		if undo {
			_, err := conn.ExecContext(ctx, "ROLLBACK")
			return errors.Join(errUndone, err)
		}
		if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
			return fmt.Errorf("%w: %w", errMaybe, err)
		}
		var out history.Committed
		// Without an answer the GTID stays unknown; the commit is not.
		_ = conn.QueryRowContext(ctx, "SELECT @@last_gtid").Scan(&out.GTID)
		p.OK(out)
		return nil
	}()
	switch {
	case err == nil:
		return history.OK
	case errors.Is(err, errMaybe):
		p.Unknown(err)
		return history.Unknown
	default:
		p.Failed(nil, err)
		return history.Failed
	}
}

var (
	// errMaybe: COMMIT was sent and not answered.
	errMaybe = errors.New("the commit was not confirmed")
	// errUndone: the client rolled back, as it had planned.
	errUndone = errors.New("rolled back")
)

func run(ctx context.Context, conn *sql.Conn, statements ...string) error {
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%.100s: %w", q, err)
		}
	}
	return nil
}

// snapshot reads in a consistent snapshot of a server.
//
// The store that a TiDB without TiKV keeps in its own process now and then
// leaves out, for a moment, a row that is being committed: 46 of 34,000 reads
// beside eight writers, without raftdm. A snapshot must not change, so what is
// read there counts only when it was read twice.
func snapshot[T any](ctx context.Context, server *testbed.Server, read func(*sql.Conn) (T, error)) (T, error) {
	var out T
	conn, err := server.DB().Conn(ctx)
	if err != nil {
		return out, err
	}
	defer conn.Close()
	if err := run(ctx, conn, "START TRANSACTION WITH CONSISTENT SNAPSHOT"); err != nil {
		return out, err
	}
	out, err = read(conn)
	for same := server.Name != "tidb"; err == nil && !same; {
		var again T
		again, err = read(conn)
		same = reflect.DeepEqual(out, again)
		out = again
	}
	_, rerr := conn.ExecContext(ctx, "ROLLBACK")
	return out, errors.Join(err, rerr)
}

// querier is a *sql.DB or a *sql.Conn.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect reads rows of one shape.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, one)
	}
	return out, rows.Err()
}
