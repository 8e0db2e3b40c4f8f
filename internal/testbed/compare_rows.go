package testbed

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// columnKind says how a column's values are read and made comparable.
type columnKind uint8

const (
	kindBytes columnKind = iota // as the server gives it
	kindFloat                   // IEEE bits over the binary protocol
	kindBit                     // as an integer
	kindText                    // CAST(... AS CHAR): times and decimals
	kindJSON                    // decoded and written again
)

type column struct {
	name string
	kind columnKind
	key  bool   // part of the primary key
	form string // the expression that reads it, "" for that of its kind
}

// side is one table on one server.
type side struct {
	db      *sql.DB
	name    TableName
	columns []column
}

// describe reads the columns; none means that the table does not exist.
func (s *side) describe(ctx context.Context) error {
	rows, err := s.db.QueryContext(ctx, "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_KEY FROM information_schema.COLUMNS "+
		"WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION", s.name.Schema, s.name.Table)
	if err != nil {
		return err
	}
	defer rows.Close()
	s.columns = nil
	for rows.Next() {
		var name, typ, key string
		if err := rows.Scan(&name, &typ, &key); err != nil {
			return err
		}
		s.columns = append(s.columns, column{name: name, kind: kindOf(typ), key: key == "PRI"})
	}
	return rows.Err()
}

func kindOf(dataType string) columnKind {
	switch strings.ToLower(dataType) {
	case "float", "double", "real":
		return kindFloat
	case "bit":
		return kindBit
	case "decimal", "numeric", "date", "time", "datetime", "timestamp", "year":
		return kindText
	case "json":
		return kindJSON
	default:
		return kindBytes
	}
}

func (s *side) columnList() string {
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}

// query selects every row; prepared, so that the binary protocol carries
// floating point numbers without rounding them to text.
func (s *side) query() string {
	parts := make([]string, len(s.columns))
	for i, c := range s.columns {
		q := quote(c.name)
		switch {
		case c.form != "":
			q = c.form
		case c.kind == kindBit:
			q = "CAST(" + q + " AS UNSIGNED)"
		case c.kind == kindText:
			q = "CAST(" + q + " AS CHAR)"
		}
		parts[i] = q
	}
	return "SELECT " + strings.Join(parts, ", ") + " FROM " + quote(s.name.Schema) + "." + quote(s.name.Table)
}

// each calls f with every row and its digest.
func (s *side) each(ctx context.Context, f func(digest, []any)) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "SET time_zone = '+00:00'"); err != nil {
		return err
	}
	stmt, err := conn.PrepareContext(ctx, s.query())
	if err != nil {
		return err
	}
	defer stmt.Close()
	rows, err := stmt.QueryContext(ctx)
	if err != nil {
		return err
	}
	defer rows.Close()
	values := make([]any, len(s.columns))
	into := make([]any, len(s.columns))
	for i := range values {
		into[i] = &values[i]
	}
	var buf []byte
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if buf, err = s.encode(buf[:0], values); err != nil {
			return err
		}
		f(digestOf(buf), values)
	}
	return rows.Err()
}

// encode writes a row so that different rows give different bytes.
func (s *side) encode(dst []byte, row []any) ([]byte, error) {
	for i, v := range row {
		if v == nil {
			dst = append(dst, 0)
			continue
		}
		b, err := s.columns[i].canonical(v)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", s.columns[i].name, err)
		}
		dst = append(dst, 1)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
		dst = append(dst, b...)
	}
	return dst, nil
}

// canonical gives the same bytes for the same value of any server.
func (c column) canonical(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		if c.kind == kindJSON {
			return canonicalJSON(v)
		}
		return v, nil
	case string:
		return []byte(v), nil
	case int64:
		return fmt.Appendf(nil, "%d", v), nil
	case uint64:
		return fmt.Appendf(nil, "%d", v), nil
	case float32:
		return fmt.Appendf(nil, "f%016x", math.Float64bits(float64(v))), nil
	case float64:
		return fmt.Appendf(nil, "f%016x", math.Float64bits(v)), nil
	default:
		return nil, fmt.Errorf("a value of type %T was not expected", v)
	}
}

func canonicalJSON(b []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber() // no rounding
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v) // sorts the keys
}

// render shows a row to a person: the primary key first, long values cut.
func (s *side) render(row []any) string {
	var keys, others []string
	for i, v := range row {
		text := "NULL"
		switch v := v.(type) {
		case nil:
		case []byte:
			text = fmt.Sprintf("%.60q", v)
		default:
			text = fmt.Sprint(v)
		}
		item := s.columns[i].name + "=" + text
		if s.columns[i].key {
			keys = append(keys, item)
		} else {
			others = append(others, item)
		}
	}
	return strings.Join(append(keys, others...), " ")
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }
