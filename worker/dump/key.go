package dump

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
)

// key is the index by which a table is cut into ranges.
type key struct {
	index   string
	columns []keyColumn
	// whole tells that columns are all columns of the index, and unique that no
	// two rows have the same values in them and none of the values is NULL.
	whole, unique bool
}

// keyColumn is one column of a key whose values can be written into a statement
// so that the server compares them as it orders the index.
type keyColumn struct {
	name     string
	form     keyForm
	charset  string // of text
	nullable bool
}

// keyForm is how a value of a key is read and written.
type keyForm uint8

const (
	keyUnusable keyForm = iota
	keyInteger          // digits
	keyNumber           // digits with a point
	keyText             // bytes in hex with their character set
	keyBytes            // bytes in hex
	keyQuoted           // times and the like
)

// keyFormOf leaves out what is not compared with a literal in the order of the
// index: ENUM and SET, which are ordered by number and compared as text, FLOAT,
// whose digits are not its value, YEAR, whose 0 is another year, and BIT.
func keyFormOf(typ, charset string) keyForm {
	switch typ {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return keyInteger
	case "decimal":
		return keyNumber
	case "char", "varchar":
		if charset != "" {
			return keyText
		}
	case "binary", "varbinary":
		return keyBytes
	case "date", "datetime", "timestamp", "time", "uuid", "inet6", "inet4":
		return keyQuoted
	}
	return keyUnusable
}

// expr selects a column so that literal can write it.
func (c keyColumn) expr() string {
	if c.form == keyText || c.form == keyBytes {
		return "HEX(" + dbconn.Ident(c.name) + ")"
	}
	return dbconn.Ident(c.name)
}

// literal writes a value that expr has read.
func (c keyColumn) literal(v string) string {
	switch c.form {
	case keyText:
		return "_" + c.charset + " x'" + v + "'"
	case keyBytes:
		return "x'" + v + "'"
	case keyQuoted:
		return "'" + v + "'" // digits and signs only
	}
	return v
}

// keyRange is the rows whose keys are at least from and less than to. A bound
// gives literals for the first columns of the key; none at all is no bound.
type keyRange struct {
	from, to []string
}

// condition gives the WHERE condition of a range, "" for all rows. It spells
// the comparison out, because servers do not look into an index for one of
// whole tuples. Rows with NULL are before all others.
func (k *key) condition(r keyRange) string {
	var parts []string
	if len(r.from) > 0 {
		parts = append(parts, k.compare(r.from, ">", ">="))
	}
	if len(r.to) > 0 {
		less := k.compare(r.to, "<", "<")
		if len(r.from) == 0 && k.columns[0].nullable {
			less = "(" + less + " OR " + dbconn.Ident(k.columns[0].name) + " IS NULL)"
		}
		parts = append(parts, less)
	}
	return strings.Join(parts, " AND ")
}

// compare says that the first columns are beyond a bound; last is the operator
// of the last of them.
func (k *key) compare(bound []string, beyond, last string) string {
	n := len(bound) - 1
	out := fmt.Sprintf("%s %s %s", dbconn.Ident(k.columns[n].name), last, bound[n])
	for i := n - 1; i >= 0; i-- {
		col := dbconn.Ident(k.columns[i].name)
		out = fmt.Sprintf("(%s %s %s OR (%s = %s AND %s))", col, beyond, bound[i], col, bound[i], out)
	}
	return out
}

// indexColumn is one column of an index.
type indexColumn struct {
	column    string
	nonUnique bool
	nullable  bool
	usable    bool // for the order: ascending, and the whole value
}

// readIndexes chooses for each table the key to cut it by: the clustered key,
// because a range of it is a piece of the table. Only when rows per chunk are
// asked for (anyIndex) is another index taken, which has to look up each row.
func readIndexes(ctx context.Context, db *dbconn.DB, name string, tables map[string]*table, columns map[string]keyColumn, anyIndex bool) error {
	rows, err := db.QueryContext(ctx, "SELECT * FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND INDEX_TYPE = 'BTREE'"+
		" ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX", name)
	if err != nil {
		return err
	}
	defer rows.Close()
	best := map[string]int{}
	var tbl, index string
	var cols []indexColumn
	take := func() {
		if t := tables[tbl]; t != nil && len(cols) > 0 {
			t.chooseIndex(index, cols, columns, anyIndex, best)
		}
		cols = cols[:0]
	}
	for rows.Next() {
		row, err := dbconn.ScanNamed(rows)
		if err != nil {
			return err
		}
		if row["TABLE_NAME"] != tbl || row["INDEX_NAME"] != index {
			take()
			tbl, index = row["TABLE_NAME"], row["INDEX_NAME"]
		}
		if row["IS_VISIBLE"] == "NO" || row["IGNORED"] == "YES" {
			continue // a statement must not force it
		}
		cols = append(cols, indexColumn{column: row["COLUMN_NAME"], nonUnique: row["NON_UNIQUE"] != "0", nullable: row["NULLABLE"] == "YES",
			usable: row["COLLATION"] == "A" && row["SUB_PART"] == ""})
	}
	take()
	return rows.Err()
}

// chooseIndex takes an index as the table's key if none before was better.
func (t *table) chooseIndex(index string, cols []indexColumn, columns map[string]keyColumn, anyIndex bool, best map[string]int) {
	nonUnique, nullable := false, false
	for _, c := range cols {
		nonUnique, nullable = nonUnique || c.nonUnique, nullable || c.nullable
	}
	t.keyed = t.keyed || !nonUnique && !nullable
	r := rank(index, nonUnique, nullable, anyIndex)
	k := &key{index: index}
	for _, c := range cols {
		kc, known := columns[t.Table+"\x00"+c.column]
		if !c.usable || !known || kc.form == keyUnusable || c.nullable && len(k.columns) > 0 {
			break
		}
		kc.nullable = c.nullable
		k.columns = append(k.columns, kc)
		if c.nullable {
			break // NULLs are told apart in the first column only
		}
	}
	k.whole = len(k.columns) == len(cols)
	k.unique = k.whole && !nonUnique && !nullable
	if r <= best[t.Table] || anyIndex && len(k.columns) == 0 {
		return
	}
	// Without anyIndex a better key that is of no use still wins: the table is
	// stored in its order, and a range of any other is scattered over it.
	best[t.Table] = r
	t.key = nil
	if len(k.columns) > 0 {
		t.key = k
	}
}

// rank orders indexes as InnoDB chooses the clustered one, then by how few rows
// a value has; 0 is no choice.
func rank(index string, nonUnique, nullable, anyIndex bool) int {
	switch {
	case index == "PRIMARY":
		return 4
	case !nonUnique && !nullable:
		return 3
	case anyIndex && !nonUnique:
		return 2
	case anyIndex:
		return 1
	}
	return 0
}

// count reads a number that a server prints.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
