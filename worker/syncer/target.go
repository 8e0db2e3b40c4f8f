package syncer

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// errUnknownCommit means that the connection broke during COMMIT: the
// transaction may or may not be on the target.
var errUnknownCommit = errors.New("the connection broke during COMMIT")

// maxText is how much SQL goes out in one round trip: large enough that the
// trip does not count, and within the smallest max_allowed_packet in use (1 MiB).
const maxText = 900 << 10

// target is one connection for the transactions of a lane. A broken connection
// is thrown away and the next transaction opens another; nothing is retried here.
type target struct {
	db   *dbconn.DB
	conn *sql.Conn
	used time.Time // when conn was used last
	buf  []byte

	meter *laneMeter
}

// transaction opens a transaction and executes the statements and the update
// in it. It answers the counts of matched rows, the update's last; on an error
// the transaction is gone.
func (t *target) transaction(ctx context.Context, b *sqlBatch, update string) ([]int64, error) {
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	counts := make([]int64, 0, len(b.stmts)+1)
	t.buf = append(t.buf[:0], "BEGIN"...)
	inText, begun := 1, false
	send := func() error {
		got, err := t.exec(ctx, string(t.buf))
		if err == nil && len(got) != inText {
			err = fault.New(fault.Internal, fmt.Sprintf("the target answered %d statements of %d", len(got), inText))
		}
		if err != nil {
			return err
		}
		if !begun {
			got, begun = got[1:], true
		}
		counts = append(counts, got...)
		t.buf, inText = t.buf[:0], 0
		return nil
	}
	for i := range len(b.stmts) + 1 {
		text := []byte(update)
		if i < len(b.stmts) {
			text = b.part(i)
		}
		if i < len(b.stmts) && b.stmts[i].mode != "" {
			if err := t.inMode(ctx, b, i, send, &counts, &inText); err != nil {
				return nil, t.fail(ctx, b, err)
			}
			continue
		}
		if inText > 0 && len(t.buf)+len(text)+1 > maxText {
			if err := send(); err != nil {
				return nil, t.fail(ctx, b, err)
			}
		}
		if inText > 0 {
			t.buf = append(t.buf, ';')
		}
		t.buf = append(t.buf, text...)
		inText++
	}
	if err := send(); err != nil {
		return nil, t.fail(ctx, b, err)
	}
	return counts, nil
}

// inMode executes statement i, alone, under an sql_mode of its own. What was
// gathered before it goes out first.
func (t *target) inMode(ctx context.Context, b *sqlBatch, i int, send func() error, counts *[]int64, inText *int) error {
	if *inText > 0 {
		if err := send(); err != nil {
			return err
		}
	}
	n, err := t.lenient(ctx, b, i)
	if err != nil {
		t.close() // the session may have been left in the other mode
		return err
	}
	*counts = append(*counts, n)
	return nil
}

func modeText(mode string) string { return "SET SESSION sql_mode = '" + mode + "'" }

// commit ends the transaction. An error of the server's is an answer: TiDB and
// InnoDB have rolled back. Anything else leaves the outcome open.
func (t *target) commit(ctx context.Context) error {
	_, err := t.exec(ctx, "COMMIT")
	if err == nil {
		return nil
	}
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && !undetermined(answer.Number) {
		return t.fail(ctx, nil, err)
	}
	t.close()
	return fmt.Errorf("%w: %w", errUnknownCommit, err)
}

// undetermined lists the answers to a COMMIT that do not say how it ended.
func undetermined(number uint16) bool {
	switch number {
	case 1053, // server shutdown in progress
		1317, // query execution was interrupted
		1927, // connection was killed (MariaDB)
		3024, // execution time exceeded
		8501, // TiDB: the commit's result is undetermined
		9001, // TiDB: PD server timeout
		9002, // TiDB: TiKV server timeout
		9003, // TiDB: TiKV server is busy
		9004, // TiDB: resolve lock timeout
		9005, // TiDB: region is unavailable
		9010, // TiDB: raft entry too large, from the store
		9011: // TiDB: store's reply lost
		return true
	}
	return false
}

// fail rolls back, or drops the connection if that is not possible or if the
// statements have left the session in another state.
func (t *target) fail(ctx context.Context, b *sqlBatch, err error) error {
	t.rollback(ctx)
	if b != nil && b.unchecked {
		t.close()
	}
	return err
}

// rollback also works when ctx has ended: an open transaction must not survive it.
func (t *target) rollback(ctx context.Context) {
	if t.conn == nil {
		return
	}
	const limit = 2 * time.Second // a target that needs longer loses the connection, which rolls back as well
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if _, err := t.exec(ctx, "ROLLBACK"); err != nil {
		t.close()
	}
}

// open makes a connection where there is none.
func (t *target) open(ctx context.Context) error {
	if t.conn != nil && t.db.Idle > 0 && time.Since(t.used) > t.db.Idle {
		t.close()
	}
	if t.conn != nil {
		return nil
	}
	conn, err := t.db.Conn(ctx)
	if err != nil {
		return err
	}
	t.conn = conn
	if !t.db.Server.TiDB {
		// Lanes touch different rows; gap locks would make them wait all the same.
		if _, err := t.exec(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
			t.close()
			return err
		}
	}
	return nil
}

// close drops the connection for good: it never goes back to the pool, since
// nobody knows what state it is in.
func (t *target) close() {
	if t.conn == nil {
		return
	}
	_ = t.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = t.conn.Close()
	t.conn = nil
}

// exec sends one text of one or more statements and answers each one's count
// of matched rows.
func (t *target) exec(ctx context.Context, text string) ([]int64, error) {
	var counts []int64
	began := time.Now()
	err := t.conn.Raw(func(dc any) error {
		ex, ok := dc.(driver.ExecerContext)
		if !ok {
			return fault.New(fault.Internal, "the database driver cannot execute texts")
		}
		res, err := ex.ExecContext(ctx, text, nil)
		if err != nil {
			return err
		}
		all, ok := res.(mysql.Result)
		if !ok {
			return fault.New(fault.Internal, "the database driver does not count rows per statement")
		}
		counts = all.AllRowsAffected()
		return nil
	})
	t.used = time.Now()
	t.meter.trip(text, t.used.Sub(began))
	if err != nil {
		var answer *mysql.MySQLError
		if !errors.As(err, &answer) {
			t.close() // a connection that failed otherwise has no known state
		}
	}
	return counts, err
}

// blame finds the first statement that is refused for good, executing them one
// by one in a transaction that is rolled back; -1 when none is. For a duplicate it
// also finds the row that is there already.
func (t *target) blame(ctx context.Context, b *sqlBatch) (int, error, *holder) {
	if err := t.open(ctx); err != nil {
		return -1, err, nil
	}
	// The connection is not used again: its settings are changed here.
	defer t.close()
	if t.db.Server.TiDB {
		// Otherwise an optimistic transaction finds duplicates only at its COMMIT.
		if _, err := t.exec(ctx, "SET SESSION tidb_constraint_check_in_place = 1"); err != nil {
			return -1, err, nil
		}
	}
	if _, err := t.exec(ctx, "BEGIN"); err != nil {
		return -1, err, nil
	}
	defer t.rollback(ctx)
	for i := range b.stmts {
		var err error
		if b.stmts[i].mode != "" {
			_, err = t.lenient(ctx, b, i)
		} else {
			_, err = t.exec(ctx, string(b.part(i)))
		}
		var answer *mysql.MySQLError
		switch {
		case err == nil:
		case errors.Is(err, errAltered):
			return i, err, nil
		case errors.As(err, &answer) && !fault.Transient(err):
			var other *holder
			if isDuplicate(err) {
				other = t.holder(ctx, &b.stmts[i])
			}
			return i, err, other
		default:
			return -1, err, nil
		}
	}
	return -1, nil, nil
}

// refused gives the target's refusal of a statement its kind and hint.
func refused(err error) error {
	out := dbconn.ExecError(fault.Downstream, "", err)
	var e *fault.Error
	if errors.As(out, &e) && e.Hint == "" {
		e.Hint = "repair the row or the structure on the target, then resume-task"
	}
	return out
}
