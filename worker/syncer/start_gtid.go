package syncer

import (
	"context"
	"strings"

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
		return set, dbconn.Error(fault.Upstream, "ask for the GTIDs up to "+at.String(), err)
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
		return binlog.GTIDSet{}, dbconn.Error(fault.Upstream, "ask for the GTIDs up to "+at.String(), err)
	}
	return set, nil
}
