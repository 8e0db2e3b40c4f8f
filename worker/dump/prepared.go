package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// An XA transaction that is prepared is not in a snapshot, and what it changed
// is in the binlog before the snapshot's place, where nobody reads. So a place
// further back is noted, from which the syncer reads what was prepared only: one
// after which all was prepared that is prepared under the lock. To find it,
// everything that is prepared now must end first, and nothing else need stop.

// errPrepared means that some are left. The dump begins anew: by then they may
// have ended.
var errPrepared = errors.New("an XA transaction is prepared for longer than the dump can look back")

// before is a place in the binlog and what was prepared there.
type before struct {
	at   binlog.Location
	xids []string
	// blind tells that the source does not say what is prepared.
	blind bool
}

// patience is how long transactions may take to end before the dump begins
// anew, which shows what it waits for.
const patience = 5 * time.Second

// lookBack finds such a place.
func lookBack(ctx context.Context, db *dbconn.DB, log *slog.Logger) (before, error) {
	const op = "look for prepared XA transactions on the source"
	var b before
	conn, err := db.Conn(ctx)
	if err != nil {
		return b, dbconn.Error(fault.Upstream, op, err)
	}
	defer conn.Close()
	if b.at, err = db.MasterStatusOn(ctx, conn); err != nil {
		return b, err
	}
	// A transaction is in the binlog for a moment before the server lists it.
	if _, err := conn.ExecContext(ctx, "DO SLEEP(0.1)"); err != nil {
		return b, dbconn.Error(fault.Upstream, op, err)
	}
	b.xids, err = db.PreparedXA(ctx, conn)
	var answer *mysql.MySQLError
	if errors.As(err, &answer) && !fault.Transient(err) {
		log.Warn("the source does not say which XA transactions are prepared: one that is, and that is committed after the snapshot, will stop the task",
			"why", err, "help", "GRANT XA_RECOVER_ADMIN ON *.* TO the user of the source")
		b.blind = true
		return b, nil
	}
	now := b.xids
	for late := time.Now().Add(patience); err == nil && len(b.left(now)) > 0; now, err = db.PreparedXA(ctx, conn) {
		if time.Now().After(late) {
			return b, b.refuse(now)
		}
		if _, err := conn.ExecContext(ctx, "DO SLEEP(0.05)"); err != nil {
			return b, dbconn.Error(fault.Upstream, op, err)
		}
	}
	return b, dbconn.Error(fault.Upstream, op, err)
}

// left are those that are still prepared.
func (b *before) left(now []string) []string {
	return slices.DeleteFunc(slices.Clone(now), func(x string) bool { return !slices.Contains(b.xids, x) })
}

// underLock answers the place from which the transactions that are prepared now
// can be read; the zero place when there are none.
func (b *before) underLock(ctx context.Context, db *dbconn.DB, conn *sql.Conn) (binlog.Location, error) {
	if b.blind {
		return binlog.Location{}, nil
	}
	now, err := db.PreparedXA(ctx, conn)
	if err != nil || len(now) == 0 {
		return binlog.Location{}, dbconn.Error(fault.Upstream, "look for prepared XA transactions on the source", err)
	}
	if len(b.left(now)) == 0 {
		return b.at, nil
	}
	return binlog.Location{}, b.refuse(now) // one has come back under its old name
}

// refuse tells what is left.
func (b *before) refuse(now []string) error {
	const most = 5 // the others are not told
	old := b.left(now)
	return &fault.Error{Kind: fault.Conflict, Side: fault.Upstream, Err: errPrepared,
		Msg: fmt.Sprintf("%d XA transactions are prepared on the source and neither committed nor rolled back: %s",
			len(old), strings.Join(old[:min(len(old), most)], "; ")),
		Hint: "nothing to do if they end by themselves; if nobody will end them, do so on the source: XA RECOVER lists them, XA COMMIT and XA ROLLBACK end them"}
}
