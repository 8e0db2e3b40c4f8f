package load

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// to tells where a table of the dump goes: its own name without routes.
func (r *run) to(n schema.Name) (*route.Target, error) {
	return r.cfg.Subtask.Routes.Table(n.Schema, n.Table)
}

// insertInto is an INSERT up to and with the table's name, behind what InsertHead writes.
var insertInto = regexp.MustCompile("^(INSERT (?:/\\*[^*]*\\*/ )?INTO )`(?:[^`]|``)+`")

// moved is an INSERT of a file of ours for the table that its rows go to, with the
// values that say where they came from.
func moved(text []byte, to *route.Target) ([]byte, error) {
	at := insertInto.FindSubmatchIndex(text)
	head, rows, ok := bytes.Cut(text, []byte(" VALUES\n"))
	if at == nil || !ok {
		return nil, fault.New(fault.Internal, "an INSERT of the dump does not begin as one")
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	out = append(append(out, text[:at[3]]...), dbconn.Ident(to.Schema, to.Table)...)
	columns := head[at[1]:]
	if len(to.Columns) == 0 {
		return append(append(append(out, columns...), " VALUES\n"...), rows...), nil
	}
	columns, ok = bytes.CutSuffix(columns, []byte(")"))
	if !ok {
		return nil, &fault.Error{Kind: fault.Unsupported,
			Msg:  "an INSERT of the dump does not name its columns, so that a route cannot add one",
			Hint: "let the task take the dump itself"}
	}
	out = append(out, columns...)
	values := []byte{}
	for _, c := range to.Columns {
		out = append(append(out, ','), dbconn.Ident(c.Name)...)
		values = append(append(values, ','), literal(c.Value)...)
	}
	out = append(out, ") VALUES\n"...)
	for line := range bytes.Lines(rows) { // one row each: line breaks in values are escaped
		end := bytes.LastIndexByte(line, ')')
		if end < 0 {
			return nil, fault.New(fault.Internal, "a row of the dump has no end")
		}
		out = append(append(append(out, line[:end]...), values...), line[end:]...)
	}
	return out, nil
}

// literal writes a text for a session without ANSI_QUOTES.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''", "\n", `\n`, "\x00", `\0`).Replace(s) + "'"
}

// shares tells whether another table of the dump, of which something is loaded,
// goes where t goes.
func (r *run) shares(t *table) bool {
	for _, o := range r.content.tables {
		if o == t {
			continue
		}
		if there, err := r.to(o.Name); err == nil && there.Schema == t.to.Schema && there.Table == t.to.Table && r.begun(o) {
			return true
		}
	}
	return false
}

// toTarget is an INSERT of a file as it is for the table that its rows go to.
func (r *run) toTarget(it item, text []byte) ([]byte, error) {
	to := it.table.to
	switch {
	case !to.Routed:
		return text, nil
	case r.content.own:
		return moved(text, to)
	}
	in, err := sqlfile.ParseInsert(text, nil)
	if err != nil {
		return nil, err
	}
	columns := in.Columns
	var values []byte
	for _, c := range to.Columns {
		columns = append(columns[:len(columns):len(columns)], c.Name)
		// The session may have the character set of the file.
		values = append(append(values, ",_utf8mb4"...), literal(c.Value)...)
	}
	out := []byte(insertHead("INSERT", schema.Name{Schema: to.Schema, Table: to.Table}, columns))
	for i, row := range in.Rows {
		if i > 0 {
			out = append(out, ',')
		}
		one := row.Of(text)
		out = append(append(append(append(out, '\n'), one[:len(one)-1]...), values...), ')')
	}
	return append(out, ";\n"...), nil
}
