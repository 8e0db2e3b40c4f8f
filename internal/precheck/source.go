package precheck

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// openLimit bounds connecting to one server: an operator waits for the answer.
const openLimit = 10 * time.Second

// ioLimit bounds one answer of a server, as in DM.
const ioLimit = 30 * time.Second

// The range that DM draws replica ids from: far from what people choose.
const (
	firstServerID = 429496729
	serverIDs     = 100000
)

const codeGTIDMode = 26007

// CheckSource connects to the upstream of src and gives src with what was found
// out there: the flavor, a replica id that nobody uses, and whether names are
// case-sensitive. The error names what the operator has to change.
func CheckSource(ctx context.Context, src config.Source) (config.Source, error) {
	op := "check source " + src.SourceID
	db, err := open(ctx, fault.Upstream, src.From)
	if err != nil {
		return src, fault.Wrap(op, err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(ctx, ioLimit)
	defer cancel()
	if err := detect(ctx, db, &src); err != nil {
		return src, fault.Wrap(op, err)
	}
	return src, nil
}

// open connects within openLimit.
func open(ctx context.Context, side fault.Side, cfg config.Database) (*dbconn.DB, error) {
	ctx, cancel := context.WithTimeout(ctx, openLimit)
	defer cancel()
	return dbconn.Open(ctx, side, cfg, dbconn.Options{IOTimeout: ioLimit, MaxConns: askers})
}

// detect fills in src from the server's answers.
func detect(ctx context.Context, db *dbconn.DB, src *config.Source) error {
	if db.Server.TiDB {
		return upstream(0, "the server is TiDB, which writes no binlog to replicate from", "name a MySQL or MariaDB server under from")
	}
	if src.Flavor != "" && src.Flavor != db.Server.Flavor {
		return upstream(0, fmt.Sprintf("flavor is %s in the source file, but the server is %s (%s)", src.Flavor, db.Server.Flavor, db.Server.Version),
			"remove the key flavor: it is detected")
	}
	src.Flavor = db.Server.Flavor
	src.CaseSensitive = db.Server.LowerCaseTableNames == 0
	if src.EnableGTID && src.Flavor == "mysql" {
		if err := gtidMode(ctx, db); err != nil {
			return err
		}
	}
	return serverID(ctx, db, src)
}

func upstream(code int, msg, hint string) *fault.Error {
	return &fault.Error{Kind: fault.Invalid, Side: fault.Upstream, Code: code, Msg: msg, Hint: hint}
}

// gtidMode proves that MySQL writes a GTID for every transaction.
func gtidMode(ctx context.Context, db *dbconn.DB) error {
	got, err := db.Variable(ctx, "gtid_mode")
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if strings.EqualFold(got, "ON") {
		return nil
	}
	if got == "" {
		got = "unknown to this server"
	}
	return upstream(codeGTIDMode, "enable-gtid is true in the source file, but gtid_mode of the server is "+got,
		"set enforce_gtid_consistency=ON and gtid_mode=ON on the server, or enable-gtid: false in the source file")
}

// serverID chooses a replica id, or checks the one that was chosen. The server
// drops the older of two replicas with one id.
func serverID(ctx context.Context, db *dbconn.DB, src *config.Source) error {
	if src.ServerID != 0 {
		if src.ServerID == db.Server.ServerID {
			return upstream(0, fmt.Sprintf("server-id %d is the server's own id", src.ServerID),
				"choose another server-id in the source file, or remove the key")
		}
		return nil
	}
	used, err := replicaIDs(ctx, db)
	if err != nil {
		return err
	}
	used[db.Server.ServerID] = true
	for {
		id := firstServerID + rand.Uint32N(serverIDs)
		if !used[id] {
			src.ServerID = id
			return nil
		}
		if len(used) >= serverIDs {
			return upstream(0, "no free server-id was found", "set server-id in the source file")
		}
	}
}

// replicaIDs lists the ids of the replicas that are connected. A user who may
// not ask gets an empty list: drawing one of 100,000 ids makes a clash unlikely.
func replicaIDs(ctx context.Context, db *dbconn.DB) (map[uint32]bool, error) {
	rows, err := firstColumn(ctx, db, "SHOW SLAVE HOSTS")
	if isNumber(err, 1064) { // gone since MySQL 8.4
		rows, err = firstColumn(ctx, db, "SHOW REPLICAS")
	}
	used := map[uint32]bool{}
	if isNumber(err, 1227, 1045) {
		return used, nil
	}
	if err != nil {
		return nil, dbconn.Error(fault.Upstream, "list the server's replicas", err)
	}
	for _, r := range rows {
		if n, err := strconv.ParseUint(r, 10, 32); err == nil {
			used[uint32(n)] = true
		}
	}
	return used, nil
}

// firstColumn gives the first column of every row.
func firstColumn(ctx context.Context, db *dbconn.DB, query string) ([]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]any, len(names))
	for i := range values {
		values[i] = new([]byte)
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return nil, err
		}
		out = append(out, string(*values[0].(*[]byte)))
	}
	return out, rows.Err()
}

// isNumber tells whether the server refused with one of these error numbers.
func isNumber(err error, numbers ...uint16) bool {
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) {
		return false
	}
	for _, n := range numbers {
		if refused.Number == n {
			return true
		}
	}
	return false
}
