package syncer

import (
	"context"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// lacking refuses to read from a MySQL that has not all transactions which were
// read before, from another server of its group: what it writes until it has
// them may contradict what is on the target. A MySQL itself refuses only those
// that it had given out by its own name, which is left to it; a MariaDB refuses all.
func (r *reader) lacking(ctx context.Context) error {
	if !r.byGTID || r.flavor != binlog.MySQL || r.upstream == nil {
		return nil
	}
	const op = "ask which transactions the source lacks"
	var missing, own string
	err := r.upstream.QueryRowContext(ctx, "SELECT GTID_SUBTRACT(?, @@GLOBAL.gtid_executed), @@GLOBAL.server_uuid",
		r.group.loc.GTID.String()).Scan(&missing, &own)
	if err != nil {
		return dbconn.Error(fault.Upstream, op, err)
	}
	if missing == "" || strings.Contains(missing, own) {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Side: fault.Upstream, Code: codeGetEvent,
		Msg: "the source lacks transactions that were read before: " + strings.ReplaceAll(missing, "\n", ""),
		Hint: "if it is a server of the group that lags behind, reading goes on by itself when it has caught up; if they are lost," +
			" copy the data anew (stop-task, then start-task --remove-meta)"}
}
