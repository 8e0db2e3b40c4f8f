package dump

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

const (
	// codeRuntime and codeGlobalLock are DM's numbers for a failed dump and for
	// a global lock that cannot be had.
	codeRuntime    = 32001
	codeGlobalLock = 32004
	// lockWaitSeconds bounds one wait for the read lock: while it is waited for,
	// writers queue up behind it. lockPatience is for how long it is tried.
	lockWaitSeconds = 5
	lockPatience    = 2 * time.Minute
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
	until binlog.Location // later than at when no lock made the moment exact; else zero
	// prepared is where reading has to begin for the XA transactions that are
	// prepared in this moment; zero when there are none.
	prepared binlog.Location
	before   before // what lookBack has seen
	tables   []*table
	held     time.Duration // how long writers were stopped
	// keepsLocks tells that metadata locks are held until the end of the dump.
	keepsLocks bool
}

func (s *snapshot) describe() dumpdir.Snapshot {
	return dumpdir.Snapshot{At: s.at, Until: s.until, Prepared: s.prepared, Boot: dumpdir.Boot()}
}

func (s *snapshot) close() {
	for _, w := range s.conns {
		if w == nil { // it could not be opened
			continue
		}
		w.Close() //nolint:errcheck // a read-only connection: nothing is lost
	}
}

// sessionMode lets a key be compared with any date that a table may hold.
const sessionMode = "ALLOW_INVALID_DATES"

// sessionSetup is what each reading connection sets: exact text, UTC, no limit
// on how many rows a query gives or on how long a query or an idle transaction lasts.
func sessionSetup(mariadb bool) []string {
	s := []string{
		"SET NAMES utf8mb4",
		"SET SESSION sql_mode = '" + sessionMode + "', time_zone = '+00:00', net_write_timeout = 3600, wait_timeout = 86400, sql_select_limit = " + dbconn.NoSelectLimit,
		"SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
	}
	if mariadb {
		return append(s, "SET SESSION max_statement_time = 0, idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0")
	}
	return append(s, "SET SESSION max_execution_time = 0")
}

// connect opens n reading connections, not yet in a transaction.
func connect(ctx context.Context, db *dbconn.DB, cfg config.Database, n int) (*snapshot, error) {
	s := &snapshot{conns: make([]*wire, n)}
	keeps := make([]bool, n)
	var g errgroup.Group
	for i := range n {
		g.Go(func() (err error) {
			if s.conns[i], err = dial(ctx, cfg); err != nil {
				return dbconn.Error(fault.Upstream, "connect to the source", err)
			}
			keeps[i], err = s.conns[i].setUp(ctx, db.Server.Flavor == binlog.MariaDB)
			return dbconn.Error(fault.Upstream, "set up a session on the source", err)
		})
	}
	if err := g.Wait(); err != nil {
		s.close()
		return nil, err
	}
	s.keepsLocks = slices.Contains(keeps, true)
	return s, nil
}

// setUp begins the session, and tells whether it keeps metadata locks.
func (w *wire) setUp(ctx context.Context, mariadb bool) (keepsLocks bool, err error) {
	for _, q := range sessionSetup(mariadb) {
		if _, err := w.exec(ctx, q); err != nil {
			return false, err
		}
	}
	if !mariadb {
		return false, nil
	}
	// Only so does a MariaDB with a binlog let go of metadata locks at a savepoint.
	var answer *mysql.MySQLError
	if _, err = w.exec(ctx, "SET SESSION sql_log_bin = 0"); errors.As(err, &answer) {
		return true, nil // it takes a privilege that a dump does not need otherwise
	}
	return false, err
}

// take makes all connections see the same moment, whose binlog position and
// table structures it records. underLock runs before writers go on, which they
// do in any case when take returns.
func (s *snapshot) take(ctx context.Context, db *dbconn.DB, cat *catalogue, log *slog.Logger,
	underLock func(context.Context) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return dbconn.Error(fault.Upstream, "connect to the source", err)
	}
	defer conn.Close()
	if s.keepsLocks {
		log.Warn("a DDL on the source will wait for the end of the dump, and queries on the table for the DDL",
			"help", "GRANT BINLOG ADMIN ON *.* TO the user of the source, and it waits for one chunk only")
	}
	for try := 1; ; try++ {
		begin, locked, err := stop(ctx, db, conn, cat)
		if err != nil {
			return err
		}
		err = s.underLock(ctx, db, conn, cat, locked, underLock)
		uerr := unlock(ctx, conn)
		s.held = time.Since(begin)
		log.Info("read locks released", "consistency", cat.consistency, "held", s.held, "tables", len(s.tables), "position", s.at.String())
		if errors.Is(err, errNotLocked) && uerr == nil && try < lockTries {
			continue
		}
		return errors.Join(err, uerr)
	}
}

func (s *snapshot) underLock(ctx context.Context, db *dbconn.DB, conn *sql.Conn, cat *catalogue, locked map[schema.Name]bool,
	more func(context.Context) error) error {
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
	if s.prepared, err = s.before.underLock(ctx, db, conn); err != nil {
		return err
	}
	if s.tables, err = cat.confirm(ctx, db); err != nil {
		return err
	}
	for _, t := range s.tables {
		if locked != nil && !locked[t.Name] {
			return fmt.Errorf("%s.%s: %w", t.Schema, t.Table, errNotLocked)
		}
	}
	if cat.consistency == config.ConsistencyNone {
		// A transaction is in the binlog for a moment before a snapshot shows it;
		// the place noted before is old enough.
		s.at, s.until = s.before.at, s.at
		if s.until.Position == s.at.Position {
			s.until = binlog.Location{}
		}
		if err := s.inexact(); err != nil {
			return err
		}
	}
	return more(ctx)
}

// errDiscard makes database/sql close a connection instead of pooling it.
var errDiscard = fmt.Errorf("discard the connection: %w", driver.ErrBadConn)
