package load

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// keys are the unique keys of a table on the target.
type keys struct {
	table *schema.Table // as it is on the target
	// own are those that the source has as well, equal in what they take for
	// equal: the row of the dump is the only one of the source with such a value.
	own []schema.Index
	// extra are all others: different rows of the source may meet in them.
	extra []schema.Index
	// transactional says that the table's engine can take back what it did.
	transactional bool
}

// plainEngine finds the engines without transactions in a CREATE TABLE.
var plainEngine = regexp.MustCompile(`(?i)\bENGINE=(MyISAM|Aria|MEMORY|CSV|ARCHIVE|MRG_MyISAM|BLACKHOLE)\b`)

// keysOf reads the unique keys of a table. What cannot be compared counts as the
// target's own.
func (l *lane) keysOf(ctx context.Context, t *table) (*keys, error) {
	text, err := l.run.db.CreateTable(ctx, schema.Name{Schema: t.to.Schema, Table: t.to.Table})
	if err != nil {
		return nil, err
	}
	k := &keys{transactional: l.run.db.Server.TiDB || !plainEngine.MatchString(text)}
	if k.table, err = schema.Parse(text, "", t.Schema); err != nil {
		return nil, err
	}
	var source *schema.Table
	if text, err = t.text(); err != nil {
		return nil, err
	}
	if text != "" {
		if source, err = schema.Parse(text, "", t.Schema); err != nil {
			return nil, err
		}
	}
	for _, ix := range k.table.Indexes {
		if source != nil && slices.ContainsFunc(source.Indexes, func(o schema.Index) bool { return equalKeys(k.table, ix, source, o) }) {
			k.own = append(k.own, ix)
		} else {
			k.extra = append(k.extra, ix)
		}
	}
	return k, nil
}

// equalKeys tells whether two rows that are equal in a on the one side are equal
// in b on the other.
func equalKeys(on *schema.Table, a schema.Index, source *schema.Table, b schema.Index) bool {
	return slices.EqualFunc(a.Parts, b.Parts, func(p, q schema.IndexPart) bool {
		if p.Column < 0 || q.Column < 0 || p.Prefix != q.Prefix {
			return false
		}
		c, d := on.Columns[p.Column], source.Columns[q.Column]
		return strings.EqualFold(c.Name, d.Name) && c.Type == d.Type && c.Unsigned == d.Unsigned && c.Decimals == d.Decimals &&
			(c.Length == d.Length || c.Length < 0 || d.Length < 0 || c.Length > d.Length) &&
			c.Generated == d.Generated && equalTexts(c, d) && slices.Equal(c.Elems, d.Elems)
	})
}

// equalTexts tells whether texts that are equal in a column of the target are equal
// in the source's: in the same collation, or byte by byte, as in those that a load
// gives to a target which lacks the source's. Blanks at the end are equal to none in
// most of the latter.
func equalTexts(on, source schema.Column) bool {
	pads := !strings.Contains(source.Collate, "nopad") && !strings.Contains(source.Collate, "0900") && source.Collate != "binary"
	return on.Collate == source.Collate || on.Charset == source.Charset && strings.HasSuffix(on.Collate, "_bin") && pads
}

// where finds the rows of the target that have one of a row's values in one of
// the keys; "" when no key can be asked for.
func (k *keys) where(indexes []schema.Index, columns []string, values [][]byte, set sqlfile.Settings) string {
	var any []string
	for _, ix := range indexes {
		if text := k.equals(ix, columns, values, set); text != "" {
			any = append(any, "("+text+")")
		}
	}
	return strings.Join(any, " OR ")
}

// equals compares all columns of a key; "" when one has no value, is NULL (no
// two rows meet there) or is an expression.
func (k *keys) equals(ix schema.Index, columns []string, values [][]byte, set sqlfile.Settings) string {
	var all []string
	for _, p := range ix.Parts {
		if p.Column < 0 {
			return ""
		}
		c := k.table.Columns[p.Column]
		i := slices.IndexFunc(columns, func(n string) bool { return strings.EqualFold(n, c.Name) })
		if i < 0 || i >= len(values) || strings.EqualFold(string(values[i]), "NULL") {
			return ""
		}
		value, name := string(values[i]), dbconn.Ident(c.Name)
		if !literalOf(&c, value) {
			return ""
		}
		if c.Charset != "" && strings.EqualFold(set.Names, "binary") {
			value = "CONVERT(" + value + " USING " + c.Charset + ")"
		}
		if p.Prefix > 0 {
			name, value = fmt.Sprintf("LEFT(%s, %d)", name, p.Prefix), fmt.Sprintf("LEFT(%s, %d)", value, p.Prefix)
		}
		all = append(all, name+" = "+value)
	}
	return strings.Join(all, " AND ")
}

// literalOf tells whether a value may be compared with a column: a text column
// equals a number wherever its text does not begin with one.
func literalOf(c *schema.Column, value string) bool {
	if c.Charset == "" && !strings.Contains(c.Type, "binary") && !strings.Contains(c.Type, "blob") {
		return true
	}
	return value != "" && (value[0] < '0' || value[0] > '9' || strings.HasPrefix(value, "0x")) && value[0] != '-' && value[0] != '.'
}
