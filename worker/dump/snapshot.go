package dump

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

const (
	// codeRuntime and codeGlobalLock are DM's numbers for a failed dump and for
	// a global lock that cannot be had.
	codeRuntime    = 32001
	codeGlobalLock = 32004
	// lockWaitSeconds bounds the wait for the global read lock: while it is
	// waited for, writers queue up behind it.
	lockWaitSeconds = 60
)

// errStructureChanged means that a DDL ran on a table between the snapshot and
// the end of reading it. The dump begins anew with another snapshot.
var errStructureChanged = errors.New("a table was altered, renamed or recreated while it was dumped")

// erTableChanged is ER_TABLE_DEF_CHANGED: the snapshot is older than the table.
const erTableChanged = 1412

// snapshot is a consistent view of the source over several connections.
type snapshot struct {
	conns []*wire
	at    binlog.Location
	// prepared is where reading has to begin for the XA transactions that are
	// prepared in this moment; zero when there are none.
	prepared binlog.Location
	tables   []*table
	held     time.Duration // how long writers were stopped
}

func (s *snapshot) describe() dumpdir.Snapshot {
	return dumpdir.Snapshot{At: s.at, Prepared: s.prepared}
}

func (s *snapshot) close() {
	for _, w := range s.conns {
		w.Close() //nolint:errcheck // a read-only connection: nothing is lost
	}
}

// sessionMode lets a key be compared with any date that a table may hold.
const sessionMode = "ALLOW_INVALID_DATES"

// sessionSetup is what each reading connection sets: exact text, UTC, no limit
// on how long a query or an idle transaction lasts.
func sessionSetup(mariadb bool) []string {
	s := []string{
		"SET NAMES utf8mb4",
		"SET SESSION sql_mode = '" + sessionMode + "', time_zone = '+00:00', net_write_timeout = 3600, wait_timeout = 86400",
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
	}
	if mariadb {
		return append(s, "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0")
	}
	return append(s, "SET SESSION max_execution_time = 0")
}

// connect opens n reading connections, not yet in a transaction.
func connect(ctx context.Context, db *dbconn.DB, cfg config.Database, n int) (*snapshot, error) {
	s := &snapshot{conns: make([]*wire, 0, n)}
	for range n {
		w, err := dial(ctx, cfg)
		if err != nil {
			s.close()
			return nil, dbconn.Error(fault.Upstream, "connect to the source", err)
		}
		s.conns = append(s.conns, w)
		for _, q := range sessionSetup(db.Server.Flavor == binlog.MariaDB) {
			if _, err := w.exec(ctx, q); err != nil {
				s.close()
				return nil, dbconn.Error(fault.Upstream, "set up a session on the source", err)
			}
		}
	}
	return s, nil
}

// take makes all connections see the same moment, whose binlog position and
// table structures it records. underLock runs before the global lock is
// released. The lock is released in any case before take returns.
func (s *snapshot) take(ctx context.Context, db *dbconn.DB, cat *catalogue, log *slog.Logger,
	underLock func(context.Context) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return dbconn.Error(fault.Upstream, "connect to the source", err)
	}
	defer conn.Close()
	xa, err := lookBack(ctx, db, conn, log)
	if err != nil {
		return err
	}
	begin, err := lock(ctx, conn)
	if err != nil {
		return err
	}
	err = s.underLock(ctx, db, conn, cat, &xa, underLock)
	uerr := unlock(ctx, conn)
	s.held = time.Since(begin)
	log.Info("global read lock released", "held", s.held, "tables", len(s.tables), "position", s.at.String())
	return errors.Join(err, uerr)
}

func (s *snapshot) underLock(ctx context.Context, db *dbconn.DB, conn *sql.Conn, cat *catalogue, xa *before, more func(context.Context) error) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, w := range s.conns {
		g.Go(func() error {
			_, err := w.exec(gctx, "START TRANSACTION WITH CONSISTENT SNAPSHOT")
			return dbconn.Error(fault.Upstream, "start a consistent snapshot", err)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	var err error
	if s.at, err = db.MasterStatusOn(ctx, conn); err != nil {
		return err
	}
	if s.prepared, err = xa.underLock(ctx, db, conn); err != nil {
		return err
	}
	if s.tables, err = cat.confirm(ctx, db); err != nil {
		return err
	}
	return more(ctx)
}

// lock stops all writers of the source and tells since when.
func lock(ctx context.Context, conn *sql.Conn) (time.Time, error) {
	const op = "take the global read lock on the source"
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", lockWaitSeconds)); err != nil {
		return time.Time{}, dbconn.Error(fault.Upstream, op, err)
	}
	begin := time.Now()
	_, err := conn.ExecContext(ctx, "FLUSH TABLES WITH READ LOCK")
	var my *mysql.MySQLError
	switch {
	case err == nil:
		return begin, nil
	case errors.As(err, &my) && (my.Number == 1205 || my.Number == 1969):
		return time.Time{}, &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.Upstream, Code: codeGlobalLock, Err: err,
			Msg:  fmt.Sprintf("it was not granted within %d s; a long transaction, a DDL or another backup holds it up", lockWaitSeconds),
			Hint: "look for long queries with SHOW FULL PROCESSLIST on the source, let them end or kill them, then resume-task"}
	case errors.As(err, &my) && (my.Number == 1227 || my.Number == 1045 || my.Number == 1044):
		return time.Time{}, &fault.Error{Op: op, Kind: fault.Invalid, Side: fault.Upstream, Code: codeGlobalLock, Err: err,
			Msg:  "the user may not lock the tables, which a consistent dump needs",
			Hint: "grant it on the source: GRANT RELOAD ON *.* TO <user>; then resume-task"}
	}
	return time.Time{}, dbconn.Error(fault.Upstream, op, err)
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
	return errors.Join(dbconn.Error(fault.Upstream, "release the global read lock", err),
		conn.Raw(func(any) error { return errDiscard }))
}

// errDiscard makes database/sql close a connection instead of pooling it.
var errDiscard = fmt.Errorf("discard the connection: %w", driver.ErrBadConn)
