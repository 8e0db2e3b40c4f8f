package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// bytesAsTheyAre is the character set that a file of mydumper names: the text of
// each column is in the column's own.
const bytesAsTheyAre = "binary"

// otherText is a column of which the target would take such text for other text
// without a word.
type otherText struct {
	source, target string // the character sets
	wide           bool   // not even ASCII is the same in both
}

// compareText looks for columns of a foreign dump's table that have another
// character set on the target.
func (r *run) compareText(ctx context.Context, t *table) error {
	const op = "look into the table on the target"
	text, err := t.text()
	if err != nil {
		return err
	}
	source, _ := schema.Parse(text, "", t.Schema) // nil: taken to be as the target's
	rows, err := r.db.QueryContext(ctx, "SELECT COLUMN_NAME, DATA_TYPE, COALESCE(CHARACTER_SET_NAME, '') FROM information_schema.COLUMNS"+
		" WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", t.to.Schema, t.to.Table)
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer rows.Close()
	t.otherText, t.spatial = map[string]otherText{}, false
	for rows.Next() {
		var name, typ, charset string
		if err := rows.Scan(&name, &typ, &charset); err != nil {
			return dbconn.Error(fault.Downstream, op, err)
		}
		t.spatial = t.spatial || isSpatial(typ)
		from := charset
		if source != nil {
			if c := source.Column(name); c != nil {
				from = c.Charset
			}
		}
		if charset == "" || from == "" || from == bytesAsTheyAre || sameText(from, charset, r.db.Server.TiDB) {
			continue
		}
		t.otherText[strings.ToLower(name)] = otherText{from, charset, isWide(from) || isWide(charset)}
	}
	return dbconn.Error(fault.Downstream, op, rows.Err())
}

// sameText tells whether bytes of the one character set are the same text in the
// other, or refused. TiDB keeps latin1 as UTF-8 and looks at no byte of it.
func sameText(source, target string, tidb bool) bool {
	unicode := func(charset string) bool {
		return strings.HasPrefix(charset, "utf8") || charset == "ascii"
	}
	return unicode(source) && unicode(target) || source == target && !(tidb && source == "latin1")
}

func isWide(charset string) bool {
	return charset == "ucs2" || strings.HasPrefix(charset, "utf16") || charset == "utf32"
}

func isSpatial(typ string) bool {
	switch strings.ToLower(typ) {
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection":
		return true
	}
	return false
}

// checkText refuses rows with text that the target would take for other text.
func (t *table) checkText(text []byte, in sqlfile.Insert) error {
	at := map[int]otherText{}
	for i, c := range in.Columns {
		if o, ok := t.otherText[strings.ToLower(c)]; ok {
			at[i] = o
		}
	}
	if len(at) == 0 {
		return nil
	}
	for _, row := range in.Rows {
		for i, v := range sqlfile.Values(row.Of(text)) {
			o, ok := at[i]
			if !ok || len(v) == 0 || v[0] != '\'' && v[0] != '"' || !o.wide && isASCII(v) {
				continue
			}
			name := dbconn.Ident(t.to.Schema, t.to.Table)
			return &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Code: codeExec,
				Msg: fmt.Sprintf("text of column %s is in the character set %s, as the file names the character set binary, and %s of the target would take it for other text in %s",
					dbconn.Ident(in.Columns[i]), o.source, name, o.target),
				Hint: o.hint(name)}
		}
	}
	return nil
}

func (o otherText) hint(table string) string {
	if o.source == o.target { // of TiDB
		return "let the task dump the source itself (task-mode all or full), or dump it with dumpling, which writes UTF-8"
	}
	return fmt.Sprintf("make %s anew on the target with the character set %s of the source, then resume-task; or let the task dump the source itself", table, o.source)
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= 0x80 {
			return false
		}
	}
	return true
}
