package dbconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// MasterStatus gives the present end of the server's binlog, as a position and
// as a GTID set that belong together.
func (db *DB) MasterStatus(ctx context.Context) (binlog.Location, error) {
	return db.MasterStatusOn(ctx, db)
}

// MasterStatusOn is MasterStatus on a connection of the caller's choice, for one
// that holds locks.
func (db *DB) MasterStatusOn(ctx context.Context, on querier) (binlog.Location, error) {
	const op = "read the binlog position"
	loc, err := db.masterStatus(ctx, on)
	if err != nil {
		return binlog.Location{}, Error(db.side, op, err)
	}
	return loc, nil
}

func (db *DB) masterStatus(ctx context.Context, on querier) (binlog.Location, error) {
	if db.Server.Flavor == binlog.MariaDB {
		return mariaStatus(ctx, on)
	}
	row, err := statusRow(ctx, on)
	if err != nil {
		return binlog.Location{}, err
	}
	set, err := binlog.ParseGTIDSet(binlog.MySQL, row.gtid)
	return binlog.Location{Position: row.pos, GTID: set}, err
}

// mariaStatus brackets the position by two reads of the GTID position: equal
// sets mean that nothing was committed in between. On a server too busy for
// that it asks which set belongs to the position, which makes the server scan
// the current binlog file.
func mariaStatus(ctx context.Context, on querier) (binlog.Location, error) {
	const tries = 3
	var row status
	for range tries {
		before, err := queryText(ctx, on, "SELECT @@GLOBAL.gtid_binlog_pos")
		if err != nil {
			return binlog.Location{}, err
		}
		if row, err = statusRow(ctx, on); err != nil {
			return binlog.Location{}, err
		}
		after, err := queryText(ctx, on, "SELECT @@GLOBAL.gtid_binlog_pos")
		if err != nil {
			return binlog.Location{}, err
		}
		if before == after {
			set, err := binlog.ParseGTIDSet(binlog.MariaDB, after)
			return binlog.Location{Position: row.pos, GTID: set}, err
		}
	}
	text, err := queryText(ctx, on, "SELECT BINLOG_GTID_POS(?, ?)", row.pos.Name, row.pos.Pos)
	if err != nil {
		return binlog.Location{}, err
	}
	set, err := binlog.ParseGTIDSet(binlog.MariaDB, text)
	return binlog.Location{Position: row.pos, GTID: set}, err
}

// status is the row of SHOW MASTER STATUS.
type status struct {
	pos  binlog.Position
	gtid string
}

// statusRow uses the statement that every server before MySQL 8.4 has, then the
// one that replaced it.
func statusRow(ctx context.Context, on querier) (status, error) {
	row, err := queryRow(ctx, on, "SHOW MASTER STATUS")
	var refused *mysql.MySQLError
	if errors.As(err, &refused) && refused.Number == erParse {
		row, err = queryRow(ctx, on, "SHOW BINARY LOG STATUS")
	}
	if err != nil {
		return status{}, err
	}
	if row == nil {
		return status{}, &fault.Error{
			Kind: fault.Invalid, Code: codeNoMasterStatus,
			Msg:  "the server writes no binlog: SHOW MASTER STATUS has no row",
			Hint: "set log_bin and binlog_format=ROW in the server's configuration and restart it",
		}
	}
	pos, err := strconv.ParseUint(row["POSITION"], 10, 32)
	if err != nil {
		return status{}, &fault.Error{
			Kind: fault.Unsupported, Err: err,
			Msg:  fmt.Sprintf("binlog file %s has grown beyond 4 GiB, where positions no longer fit", row["FILE"]),
			Hint: "run FLUSH BINARY LOGS on the server",
		}
	}
	return status{
		pos:  binlog.Position{Name: row["FILE"], Pos: uint32(pos)},
		gtid: row["EXECUTED_GTID_SET"],
	}, nil
}

// queryRow gives the first row as ScanNamed does, nil when there is none.
func queryRow(ctx context.Context, on querier, query string) (map[string]string, error) {
	rows, err := on.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	out, err := ScanNamed(rows)
	return out, errors.Join(err, rows.Err())
}

// ScanNamed gives the present row by column names in upper case; NULL is "".
func ScanNamed(rows *sql.Rows) (map[string]string, error) {
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values := make([]sql.NullString, len(names))
	targets := make([]any, len(names))
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	out := make(map[string]string, len(names))
	for i, n := range names {
		out[strings.ToUpper(n)] = values[i].String
	}
	return out, nil
}

// queryText gives the first column of the first row, "" for NULL.
func queryText(ctx context.Context, on querier, query string, args ...any) (string, error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", errors.Join(rows.Err(), sql.ErrNoRows)
	}
	var text sql.NullString
	if err := rows.Scan(&text); err != nil {
		return "", err
	}
	return text.String, rows.Err()
}
