package precheck

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// The numbers of refusals for want of a privilege, which the check of privileges
// names, and of a statement that a server does not know.
const (
	deniedGlobal  = 1227
	deniedUser    = 1045
	syntaxUnknown = 1064
)

// unlogged finds schemas of the task whose changes the server leaves out of its binlog.
func (c *checker) unlogged(ctx context.Context) finding {
	const op = "read what is written to the binlog"
	row, err := firstRow(ctx, c.db, "SHOW MASTER STATUS")
	if isNumber(err, syntaxUnknown) { // gone since MySQL 8.4
		row, err = firstRow(ctx, c.db, "SHOW BINARY LOG STATUS")
	}
	if isNumber(err, deniedGlobal, deniedUser) {
		return finding{}
	}
	if err != nil {
		return unanswered(dbconn.Error(fault.Upstream, op, err))
	}
	only, never := list(row["Binlog_Do_DB"]), list(row["Binlog_Ignore_DB"])
	var f finding
	for _, name := range schemasOf(c.selected) {
		option := ""
		switch {
		case len(only) > 0 && !slices.Contains(only, name):
			option = "binlog_do_db"
		case len(only) == 0 && slices.Contains(never, name):
			option = "binlog_ignore_db"
		default:
			continue
		}
		f.details = append(f.details, Detail{Severity: Failed, ShortErr: fmt.Sprintf("%s of the server keeps changes of schema %s out of the binlog", option, dbconn.Ident(name)),
			Instruction: fmt.Sprintf("remove %s from the server's configuration file and restart it, or exclude the schema with the block-allow-list", option)})
	}
	return f
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// startPoint tells whether the binlog still has the place at which the task is to
// begin. One that has run before goes on where the target says.
func (c *checker) startPoint(ctx context.Context) []Detail {
	start := c.sub.Start
	if c.sub.Mode != config.ModeIncremental || start == nil || start.BinlogName == "" || c.sub.Source.EnableGTID || c.target == nil || c.target.begun(c.sub) {
		return nil
	}
	files, err := firstColumn(ctx, c.db, "SHOW BINARY LOGS")
	if err != nil || len(files) == 0 || slices.Contains(files, start.BinlogName) {
		return nil // the check of privileges says why nobody can tell
	}
	return []Detail{{Severity: Failed, ShortErr: fmt.Sprintf("the binlog file %s of meta is not on source %s, which has %s to %s",
		start.BinlogName, c.sub.SourceID, files[0], files[len(files)-1]),
		Instruction: "correct binlog-name in meta; when the file was purged, migrate the data anew with task-mode all"}}
}

// begun tells whether the target has the state of an earlier run of a task.
func (d *target) begun(sub *config.Subtask) bool {
	for _, suffix := range []string{"_raftdm_subtask", "_syncer_checkpoint"} {
		if d.has(sub.MetaSchema, sub.Task+suffix) {
			return true
		}
	}
	return false
}

// firstRow gives the first row of an answer by its columns' names.
func firstRow(ctx context.Context, db *dbconn.DB, query string) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return nil, err
	}
	values := make([]any, len(names))
	for i := range values {
		values[i] = new([]byte)
	}
	if err := rows.Scan(values...); err != nil {
		return nil, err
	}
	out := map[string]string{}
	for i, n := range names {
		out[n] = string(*values[i].(*[]byte))
	}
	return out, rows.Err()
}
