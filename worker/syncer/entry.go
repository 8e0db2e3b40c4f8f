package syncer

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

// hasEntry tells whether a row has an entry in ix that its columns tell.
func hasEntry(ix *schema.Index, image rowevent.Image) bool {
	return !slices.ContainsFunc(ix.Parts, func(p schema.IndexPart) bool { return p.Column < 0 || image.Null(p.Column) })
}

// appendEntry is the condition that a row has the image's entry in ix.
func (p *plan) appendEntry(dst []byte, ix *schema.Index, image rowevent.Image) ([]byte, error) {
	var err error
	for n, part := range ix.Parts {
		if n > 0 {
			dst = append(dst, " AND "...)
		}
		c := &p.table.Columns[part.Column]
		name := dbconn.Ident(c.Name)
		if part.Prefix == 0 {
			dst = append(append(dst, name...), " = "...)
			if dst, err = c.Literal(dst, image.Value(part.Column)); err != nil {
				return dst, err
			}
			continue
		}
		length := ", " + strconv.Itoa(part.Prefix) + ")"
		dst = append(append(append(append(dst, "LEFT("...), name...), length...), " = LEFT("...)
		if dst, err = c.Literal(dst, image.Value(part.Column)); err != nil {
			return dst, err
		}
		dst = append(dst, length...)
	}
	return dst, nil
}

// appendExactly appends the condition that the text of a key's column is that of
// the image by the source's collation, which takes no different texts for equal
// where the target's does: another row must not pass for this one.
func (p *plan) appendExactly(dst []byte, part schema.IndexPart, image rowevent.Image) ([]byte, error) {
	c := &p.table.Columns[part.Column]
	open, end := "CAST(CONVERT(", " USING utf8mb4) AS BINARY)"
	if _, counted := c.Exact(); !counted {
		open, end = open+"RTRIM(", ")"+end
	}
	if part.Prefix > 0 {
		open, end = open+"LEFT(", ", "+strconv.Itoa(part.Prefix)+")"+end
	}
	dst = append(append(append(append(dst, open...), dbconn.Ident(c.Name)...), end...), " = "...)
	dst, err := c.Literal(append(dst, open...), image.Value(part.Column))
	return append(dst, end...), err
}

// isText tells whether a column has a collation that comparisons go by.
func isText(c *schema.Column) bool {
	switch c.Type {
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return true
	}
	return false
}

// isDuplicate tells the answer of a server that two rows would share a unique key.
func isDuplicate(err error) bool {
	var answer *mysql.MySQLError
	return errors.As(err, &answer) && (answer.Number == 1062 || answer.Number == 1586)
}

// holder is the row of the target that keeps a statement from being executed.
type holder struct {
	row string // a condition that names it
	key targetKey
}

// holder finds, in the transaction that is open, the row that has the place of
// the one that s writes; nil when there is none to be found.
func (t *target) holder(ctx context.Context, s *stmt) *holder {
	p := s.table
	if p == nil || s.row.After.IsZero() || len(p.fit.primary) == 0 {
		return nil
	}
	names := make([]string, len(p.fit.primary))
	for i, n := range p.fit.primary {
		names[i] = dbconn.Ident(n)
	}
	for _, k := range p.fit.keys {
		if !hasEntry(&k.Index, s.row.After) {
			continue
		}
		text, err := p.appendEntry([]byte("SELECT "+strings.Join(names, ", ")+" FROM "+p.name+" WHERE "), &k.Index, s.row.After)
		if err == nil && !s.row.Before.IsZero() && p.keyed {
			text, err = p.appendMatch(append(text, " AND NOT ("...), s.row.Before)
			text = append(text, ')')
		}
		if err != nil {
			return nil
		}
		if row := t.first(ctx, names, string(text)+" LIMIT 1"); row != "" {
			return &holder{row: row, key: k}
		}
	}
	return nil
}

// first gives the first row of a query as a condition, "" when there is none.
func (t *target) first(ctx context.Context, names []string, query string) string {
	rows, err := t.conn.QueryContext(ctx, query)
	if err != nil {
		return "" // the refusal of the statement is what is told, then
	}
	defer rows.Close()
	values := make([]sql.NullString, len(names))
	into := make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	if !rows.Next() || rows.Scan(into...) != nil {
		return ""
	}
	parts := make([]string, len(names))
	for i, v := range values {
		parts[i] = names[i] + " = " + strconv.Quote(v.String)
	}
	return strings.Join(parts, " AND ")
}

// duplicate tells of both rows: the one that cannot be written, and the one
// that has its place.
func duplicate(what string, h *holder, err error) error {
	err = refused(err)
	var e *fault.Error
	if h.key.own && errors.As(err, &e) {
		e.Hint = "the source has no such unique key: drop it on the target, or change one of the two rows, then resume-task"
	}
	return fault.Wrap("apply "+what+", while the row WHERE "+h.row+" of the target has its value of the unique key "+dbconn.Ident(h.key.Name), err)
}
