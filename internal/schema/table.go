package schema

import (
	"cmp"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// Name is a table's qualified name.
type Name struct {
	Schema string
	Table  string
}

// Compare orders names by schema, then by table, byte by byte.
func (n Name) Compare(o Name) int {
	return cmp.Or(cmp.Compare(n.Schema, o.Schema), cmp.Compare(n.Table, o.Table))
}

// Table is a table's structure at one moment of the binlog. It is immutable:
// applying a DDL gives a new Table.
type Table struct {
	Name    Name
	Columns []Column
	// Indexes are the PRIMARY KEY and UNIQUE keys, primary first, in the order
	// of the CREATE TABLE otherwise. Other indexes are not kept.
	Indexes []Index
	Charset string // the table's default character set, lower case
	Collate string // the table's default collation, lower case
	// CreateSQL is the canonical CREATE TABLE statement, without the schema name:
	// columns, indexes and options as in the package doc, for the empty sql_mode.
	CreateSQL string
}

// Column is one column of a Table, in binlog order.
type Column struct {
	Name      string
	Type      string // base type, lower case: "int", "bigint", "varchar", "decimal", "timestamp", "bit" ...
	Unsigned  bool
	NotNull   bool
	Length    int // display length, characters, or bytes for binary types; -1 when none was given
	Decimals  int // scale or fractional second digits; -1 when none was given
	Charset   string
	Collate   string
	Elems     []string // of ENUM and SET
	Generated bool     // virtual or stored: never written
	Invisible bool
	// NameCharset makes Literal name the character set of text, and give a VECTOR
	// as its bytes: see NamingCharsets.
	NameCharset bool
}

// Index is a primary or unique key.
type Index struct {
	Name    string // "PRIMARY" for the primary key
	Primary bool
	Parts   []IndexPart
}

// IndexPart is one column of an index.
type IndexPart struct {
	Column int // offset in Table.Columns; -1 for an expression
	Prefix int // characters (bytes for binary types) of a prefix index, 0 for the whole column
}

// Column finds a column whatever the case of its name, nil when there is none.
func (t *Table) Column(name string) *Column {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return strings.EqualFold(c.Name, name) })
	if i < 0 {
		return nil
	}
	return &t.Columns[i]
}

// Key gives the best index to find one row by: the primary key, else the first
// unique key whose columns are all NOT NULL and whole; nil when there is none.
func (t *Table) Key() *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Primary {
			return &t.Indexes[i]
		}
	}
	for i := range t.Indexes {
		if t.identifies(&t.Indexes[i]) {
			return &t.Indexes[i]
		}
	}
	return nil
}

// identifies tells whether each row has its own non-NULL value of ix.
func (t *Table) identifies(ix *Index) bool {
	for _, p := range ix.Parts {
		if p.Column < 0 || p.Prefix > 0 || !t.Columns[p.Column].NotNull {
			return false
		}
	}
	return true
}

// Visible gives the values of a row that belong to Columns. MariaDB keeps a hash
// for each unique key on whole TEXT or BLOB columns in a column of its own,
// behind all others, which no CREATE TABLE shows but each row of the binlog has.
func (t *Table) Visible(row rowevent.Image) rowevent.Image {
	extra := row.Len() - len(t.Columns)
	if extra <= 0 {
		return row
	}
	for i := range t.Indexes {
		if t.hashed(&t.Indexes[i]) {
			extra--
		}
	}
	if extra != 0 {
		return row // another structure, which the caller finds out
	}
	return row.Head(len(t.Columns))
}

// hashed tells whether an index can only be one by hash.
func (t *Table) hashed(ix *Index) bool {
	for _, p := range ix.Parts {
		if p.Column < 0 || p.Prefix > 0 {
			continue
		}
		switch t.Columns[p.Column].Type {
		case "tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob", "json":
			return true
		}
	}
	return false
}
