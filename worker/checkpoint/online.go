package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// onlineColumns is DM's public interface: names, types and the unique key stay.
const onlineColumns = `
  id VARCHAR(32) NOT NULL,
  ghost_schema VARCHAR(128) NOT NULL,
  ghost_table VARCHAR(128) NOT NULL,
  ddls TEXT,
  update_time TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  UNIQUE KEY uk_id_schema_table (id, ghost_schema, ghost_table)`

// maxOnline is what the column ddls holds, in bytes.
const maxOnline = 65535

const codeOnlineMeta = 36039

// Online is what is remembered of one table of an online DDL tool: a row of DM's
// table {task}_onlineddl.
type Online struct {
	// Schema and Table are the real table.
	Schema string `json:"schema"`
	Table  string `json:"table"`
	// DDLs are the statements that have changed the shadow table, in the form that
	// DM gives them: names are qualified, and quoted for the empty sql_mode.
	DDLs []string `json:"ddls"`
	// More is what DM does not know of.
	More *OnlineMore `json:"raftdm,omitempty"`
}

// OnlineMore is what we keep beside DM's part of an Online.
type OnlineMore struct {
	// Statements are DDLs as the source has executed them. One counts for the text in
	// DDLs that it was made with: who changes DDLs by hand need not know about it.
	Statements []OnlineStatement `json:"statements,omitempty"`
	// Away says that the real table has left its name, and how; "" while it has not.
	Away Away `json:"away,omitempty"`
}

// Away is how a real table has left its name before its shadow took it.
type Away string

// The ways. A table that was Renamed is remembered under its trash table's name,
// one that was Dropped under its own.
const (
	Renamed Away = "renamed"
	Dropped Away = "dropped"
)

// OnlineStatement is a statement of the source with what its session had.
type OnlineStatement struct {
	Of        string `json:"of"` // the OnlineSum of its text in DDLs
	Schema    string `json:"schema"`
	Text      string `json:"text"`
	SQLMode   uint64 `json:"sql_mode"`
	HasMode   bool   `json:"has_mode"`
	Time      uint32 `json:"time"`
	Micros    uint32 `json:"micros"`
	Zone      string `json:"zone,omitempty"`
	Unchecked bool   `json:"unchecked,omitempty"`
	Stamps    int    `json:"stamps,omitempty"` // explicit_defaults_for_timestamp: 1 ON, 2 OFF
}

// OnlineSum tells one text in DDLs from another.
func OnlineSum(ddl string) string {
	h := fnv.New64a()
	h.Write([]byte(ddl)) //nolint:errcheck // a hash never fails
	return strconv.FormatUint(h.Sum64(), 16)
}

// Onlines reads what is remembered of the source's online DDL, by the names of
// the tools' tables.
func (m *Meta) Onlines(ctx context.Context) (map[schema.Name]Online, error) {
	const op = "read what is recorded of online DDL"
	rows, err := m.DB.QueryContext(ctx, "SELECT ghost_schema, ghost_table, ddls FROM "+m.table(suffixOnline)+" WHERE id = ?", m.Source)
	if err != nil {
		return nil, m.wrap(op, err)
	}
	defer rows.Close()
	out := map[schema.Name]Online{}
	for rows.Next() {
		var (
			n    schema.Name
			text []byte
			o    Online
		)
		if err := rows.Scan(&n.Schema, &n.Table, &text); err != nil {
			return nil, m.wrap(op, err)
		}
		if err := json.Unmarshal(text, &o); err != nil {
			return nil, &fault.Error{Op: m.op(op), Kind: fault.Corrupt, Side: fault.Downstream, Code: codeOnlineMeta, Err: err,
				Msg: fmt.Sprintf("the row of %s with ghost_schema %q and ghost_table %q is not readable: %s", m.table(suffixOnline), n.Schema, n.Table, text),
				Hint: `correct its column ddls, which looks like {"schema":"db","table":"t","ddls":["ALTER TABLE ` + "`db`.`_t_gho`" +
					` ADD COLUMN c INT"]}, then resume-task`}
		}
		out[n] = o
	}
	return out, m.wrap(op, rows.Err())
}

// SaveOnline records o under the name of a tool's table. It is not fenced by
// itself: ex must be a transaction that also calls SaveLane.
func (m *Meta) SaveOnline(ctx context.Context, ex Execer, n schema.Name, o Online) error {
	op := "record the online DDL of " + n.Schema + "." + n.Table
	if o.DDLs == nil {
		o.DDLs = []string{}
	}
	text, err := json.Marshal(o)
	if err == nil && len(text) > maxOnline && o.More != nil {
		o.More = &OnlineMore{Away: o.More.Away} // DM's part is enough to go on
		text, err = json.Marshal(o)
	}
	if err != nil {
		return m.wrap(op, err)
	}
	if len(text) > maxOnline {
		return &fault.Error{Op: m.op(op), Kind: fault.Unsupported, Side: fault.Downstream,
			Msg: fmt.Sprintf("not supported yet: the statements have %d bytes, and the column ddls of %s holds %d", len(text), m.table(suffixOnline), maxOnline)}
	}
	_, err = ex.ExecContext(ctx, "REPLACE INTO "+m.table(suffixOnline)+" (id, ghost_schema, ghost_table, ddls) VALUES (?, ?, ?, ?)",
		m.Source, n.Schema, n.Table, string(text))
	return m.wrap(op, err)
}

// ForgetOnline removes what is recorded of a tool's table, or of all those of a
// schema, in a transaction that also calls SaveLane.
func (m *Meta) ForgetOnline(ctx context.Context, ex Execer, n schema.Name) error {
	q, args := "DELETE FROM "+m.table(suffixOnline)+" WHERE id = ? AND ghost_schema = ?", []any{m.Source, n.Schema}
	if n.Table != "" {
		q, args = q+" AND ghost_table = ?", append(args, n.Table)
	}
	_, err := ex.ExecContext(ctx, q, args...)
	return m.wrap("forget the online DDL of "+n.Schema+"."+n.Table, err)
}

// OnlineRow is the statement with which a person records a DDL of a shadow table.
func (m *Meta) OnlineRow(n schema.Name, real schema.Name, ddl string) string {
	text, err := json.Marshal(Online{Schema: real.Schema, Table: real.Table, DDLs: []string{ddl}})
	if err != nil {
		return ""
	}
	return fmt.Sprintf("REPLACE INTO %s (id, ghost_schema, ghost_table, ddls) VALUES (%s, %s, %s, %s)", m.table(suffixOnline),
		literal(m.Source), literal(n.Schema), literal(n.Table), literal(string(text)))
}

// OnlineGone is the statement with which a person forgets a record.
func (m *Meta) OnlineGone(n schema.Name) string {
	return fmt.Sprintf("DELETE FROM %s WHERE id = %s AND ghost_schema = %s AND ghost_table = %s", m.table(suffixOnline),
		literal(m.Source), literal(n.Schema), literal(n.Table))
}

// literal writes a text for a session without NO_BACKSLASH_ESCAPES.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}
