package workload

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/jepsen/history"
)

// metaSchema is the default of task files.
const metaSchema = "dm_meta"

// readWindow reads rows and the recorded positions in one snapshot of the target.
func readWindow(ctx context.Context, env Env, i int, p *history.Pending, in history.Window) {
	out, err := snapshot(ctx, env.Target, func(conn *sql.Conn) (history.Rows, error) {
		var out history.Rows
		for table, into := range map[string]*[]history.Row{"keyed": &out.Keyed, "keyless": &out.Keyless} {
			scan := func(rows *sql.Rows) (r history.Row, err error) { err = rows.Scan(&r[0], &r[1]); return r, err }
			list, err := collect(ctx, conn, scan, fmt.Sprintf("SELECT seq, version FROM %s.%s WHERE client = ? AND seq >= ? AND seq < ? ORDER BY seq",
				rowsSchema(i), table), in.Client, in.Low, in.High)
			if err != nil {
				return out, err
			}
			*into = list
		}
		err := positions(ctx, conn, rowsTask(i), in.Source, &out)
		return out, err
	})
	if err != nil {
		p.Failed(nil, err)
		return
	}
	p.OK(out)
}

// positions reads the global row of DM's checkpoint table and the lane rows:
// what the product says is applied, in its own words.
func positions(ctx context.Context, conn *sql.Conn, task, source string, out *history.Rows) error {
	var published sql.NullString
	err := conn.QueryRowContext(ctx, "SELECT binlog_gtid FROM "+dbconn.Ident(metaSchema, task+"_syncer_checkpoint")+
		" WHERE id = ? AND cp_schema = '' AND cp_table = ''", source).Scan(&published)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	out.Published = published.String
	out.Lanes, err = collect(ctx, conn, scanLane, "SELECT lane, watermark, applied FROM "+
		dbconn.Ident(metaSchema, task+"_raftdm_lane")+" WHERE source = ? ORDER BY lane", source)
	return err
}

func scanLane(rows *sql.Rows) (history.Lane, error) {
	var l history.Lane
	var watermark, applied []byte
	if err := rows.Scan(&l.Lane, &watermark, &applied); err != nil {
		return l, err
	}
	var at struct {
		GTID string `json:"gtid"`
	}
	for _, part := range []struct {
		text []byte
		into any
	}{{watermark, &at}, {applied, &l.Applied}} {
		if len(part.text) == 0 {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return l, fmt.Errorf("lane %d: %q: %w", l.Lane, part.text, err)
		}
	}
	l.Watermark = at.GTID
	return l, nil
}
