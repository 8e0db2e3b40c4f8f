package syncer

import (
	"context"
	"errors"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// gtidsBefore finds the GTIDs of a MySQL up to a place in its binlog: those before
// the file, which stand at its head, and those of the file's transactions that
// end there or before. The server reads the file for it, which may take seconds.
// The zero set means that the source does not tell.
func gtidsBefore(ctx context.Context, up *dbconn.DB, at binlog.Position) (binlog.GTIDSet, error) {
	var set binlog.GTIDSet
	rows, err := up.QueryContext(ctx, "SHOW BINLOG EVENTS IN '"+strings.ReplaceAll(at.Name, "'", "''")+"'")
	if err != nil {
		return set, notListed(at, err)
	}
	defer rows.Close()
	for rows.Next() {
		var file, kind, info string
		var pos, server, end uint64
		if err := rows.Scan(&file, &pos, &kind, &server, &end, &info); err != nil {
			return set, err
		}
		if pos >= uint64(at.Pos) {
			return set, nil
		}
		switch {
		case kind == "Previous_gtids":
			set, err = binlog.ParseGTIDSet(binlog.MySQL, info)
		case strings.HasPrefix(kind, "Gtid") && set.Flavor() != "":
			_, gtid, _ := strings.Cut(info, "'")
			set, err = set.Add(strings.TrimSuffix(gtid, "'"))
		}
		if err != nil {
			return binlog.GTIDSet{}, err
		}
	}
	if err := rows.Err(); err != nil {
		return binlog.GTIDSet{}, notListed(at, err)
	}
	return set, nil
}

// noSuchFile is the server's number for events that it cannot list: the file is
// not there, or nothing begins at the place.
const noSuchFile = 1220

// notListed is the error for a file whose events the source does not list.
func notListed(at binlog.Position, err error) error {
	op := "ask for the GTIDs up to " + at.String()
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) || answer.Number != noSuchFile {
		return dbconn.Error(fault.Upstream, op, err)
	}
	return &fault.Error{Op: op, Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent, Err: err,
		Msg: "the source has no such place in its binlog: the file was purged, or the name or position is not this server's",
		Hint: "give the GTIDs that are on the target as binlog-gtid in the meta section of the task, with start-task --remove-meta;" +
			" or copy the data anew: stop-task, then start-task --remove-meta"}
}
