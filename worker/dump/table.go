package dump

import (
	"context"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// table is one table to dump, as the catalogue describes it.
type table struct {
	schema.Name
	create  string // SHOW CREATE TABLE under the lock
	created string // the table's creation time in the server, under the lock
	engine  string
	rows    int64 // the server's estimate
	bytes   int64 // of the rows in the server, an estimate
	columns []tableColumn
	// keyed tells that each row has a unique key of its own without NULLs.
	keyed bool
	key   *key    // to cut the table by, nil for none
	plan  []piece // at least one; together all rows
	step  int64   // rows of a chunk
	// prior is what an earlier attempt has read of it, nil for nothing; refused
	// tells why that is not used.
	prior   *dumpdir.Progress
	refused string
}

// tableColumn is one column that is written, and how it is read.
type tableColumn struct {
	name string
	expr string
	// text is set where the column is read as the bytes of its character set.
	text *schema.Column
	// enum tells that the column may hold the error value, which is no text.
	enum bool
}

// versioned tells whether the engine shows a snapshot the rows of its moment.
// Rows of any other engine are read while the global lock is held.
func (t *table) versioned() bool {
	switch strings.ToLower(t.engine) {
	case "innodb", "rocksdb", "tokudb":
		return true
	}
	return false
}

// describe fills in what the catalogue knows about the tables of one schema.
func describe(ctx context.Context, db *dbconn.DB, name string, tables map[string]*table, c *catalogue) error {
	if err := readTables(ctx, db, name, tables); err != nil {
		return dbconn.Error(fault.Upstream, "read the tables of schema "+name, err)
	}
	columns, err := readColumns(ctx, db, name, tables, c.nameCharsets)
	if err != nil {
		return dbconn.Error(fault.Upstream, "read the columns of schema "+name, err)
	}
	if err := readIndexes(ctx, db, name, tables, columns, c.anyIndex); err != nil {
		return dbconn.Error(fault.Upstream, "read the indexes of schema "+name, err)
	}
	return nil
}

func readTables(ctx context.Context, db *dbconn.DB, name string, tables map[string]*table) error {
	rows, err := db.QueryContext(ctx, "SELECT TABLE_NAME, COALESCE(ENGINE, ''), COALESCE(TABLE_ROWS, 0), COALESCE(DATA_LENGTH, 0)"+
		" FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?", name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			tbl, engine string
			n, size     int64
		)
		if err := rows.Scan(&tbl, &engine, &n, &size); err != nil {
			return err
		}
		if t := tables[tbl]; t != nil {
			t.engine, t.rows, t.bytes = engine, n, size
		}
	}
	return rows.Err()
}

// readColumns also answers which columns a key may have, as "table\x00column".
func readColumns(ctx context.Context, db *dbconn.DB, name string, tables map[string]*table, nameCharsets bool) (map[string]keyColumn, error) {
	for _, t := range tables {
		t.columns, t.key, t.keyed = nil, nil, false
	}
	rows, err := db.QueryContext(ctx, "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, EXTRA, COALESCE(CHARACTER_SET_NAME, '')"+
		" FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? ORDER BY TABLE_NAME, ORDINAL_POSITION", name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	keys := map[string]keyColumn{}
	for rows.Next() {
		var tbl, col, typ, full, extra, charset string
		if err := rows.Scan(&tbl, &col, &typ, &full, &extra, &charset); err != nil {
			return nil, err
		}
		t := tables[tbl]
		if t == nil {
			continue
		}
		if strings.ContainsAny(tbl+col+name, "\n") {
			return nil, &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream,
				Msg:  fmt.Sprintf("not supported yet: a line break in a name (column %q of table %q)", col, tbl),
				Hint: "rename it, or exclude the table with the block-allow-list"}
		}
		typ = strings.ToLower(typ)
		keys[tbl+"\x00"+col] = keyColumn{name: col, form: keyFormOf(typ, charset), charset: charset}
		if isGenerated(extra) {
			continue
		}
		if charset == "utf8mb3" {
			charset = "utf8"
		}
		t.columns = append(t.columns, readColumn(schema.Column{Name: col, Type: typ, Charset: charset, NameCharset: nameCharsets}, full))
	}
	return keys, rows.Err()
}

// isGenerated tells a generated column from one whose default is an expression,
// which MySQL 8 calls DEFAULT_GENERATED.
func isGenerated(extra string) bool {
	e := strings.ToUpper(extra)
	return strings.Contains(e, "VIRTUAL") || strings.Contains(e, "STORED") || strings.Contains(e, "PERSISTENT")
}

// readColumn is how a column is selected so that its text is exact.
//
// A server prints FLOAT with six digits and FLOAT(M,D), DOUBLE(M,D) with D
// decimals; a product is a plain DOUBLE, which is printed so that reading it
// back gives the same bits, and 1 is the factor that keeps the sign of zero.
//
// A conversion to UTF-8 makes a question mark of each code that stands for no
// character, so text of the rarer character sets is read as bytes.
//
// The error value of an ENUM, number 0, has the text of an empty element.
func readColumn(c schema.Column, full string) tableColumn {
	out := tableColumn{name: c.Name, expr: dbconn.Ident(c.Name)}
	switch {
	case c.Type == "float" || c.Type == "double" && strings.Contains(full, "("):
		out.expr += "*1e0"
	case c.Type == "enum":
		out.expr = "IF(" + out.expr + "=0,'" + enumError + "'," + out.expr + ")"
		out.enum = true
	case c.Type == "set" || c.Portable() && c.Type != "vector":
	default:
		out.expr = "CAST(" + out.expr + " AS BINARY)"
		out.text = &c
	}
	return out
}
