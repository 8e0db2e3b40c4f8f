package testbed

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// TableName names a table; the same on both sides.
type TableName struct{ Schema, Table string }

// Difference is what one table has on one side only.
type Difference struct {
	Table            TableName
	UpRows, DownRows int64
	// Detail names the structure or the first rows that differ, "<" upstream
	// only and ">" target only.
	Detail []string
}

// String gives the difference as several lines for a person.
func (d Difference) String() string {
	return fmt.Sprintf("%s.%s: %d rows upstream, %d on the target\n  %s",
		d.Table.Schema, d.Table.Table, d.UpRows, d.DownRows, strings.Join(d.Detail, "\n  "))
}

// maxDetail is how many differing rows a Difference shows for each side.
const maxDetail = 5

// Tables lists the base tables of the given schemas, sorted.
func Tables(ctx context.Context, db *sql.DB, schemas ...string) ([]TableName, error) {
	marks := strings.TrimSuffix(strings.Repeat("?,", len(schemas)), ",")
	args := make([]any, len(schemas))
	for i, s := range schemas {
		args[i] = s
	}
	rows, err := db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "+
		"WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA IN ("+marks+") ORDER BY 1, 2", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []TableName
	for rows.Next() {
		var n TableName
		if err := rows.Scan(&n.Schema, &n.Table); err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, rows.Err()
}

// Compare reads every row of the tables on both sides and gives one Difference
// for each table that is not equal as a multiset of rows, so that tables
// without a key are compared exactly, too. Nobody may write meanwhile.
//
// Values are compared in a form that is equal on MariaDB, MySQL and TiDB:
// floating point numbers by their bits, times in UTC as text, BIT as an
// integer, JSON by value when a side has it as a type, all else by its bytes.
func Compare(ctx context.Context, up, down *sql.DB, tables []TableName) ([]Difference, error) {
	var out []Difference
	for _, n := range tables {
		d, err := compareTable(ctx, up, down, n)
		if err != nil {
			return nil, fmt.Errorf("compare %s.%s: %w", n.Schema, n.Table, err)
		}
		if d != nil {
			out = append(out, *d)
		}
	}
	return out, nil
}

func compareTable(ctx context.Context, up, down *sql.DB, n TableName) (*Difference, error) {
	u, d := &side{db: up, name: n}, &side{db: down, name: n}
	if err := errors.Join(u.describe(ctx), d.describe(ctx)); err != nil {
		return nil, err
	}
	if diff := structureDifference(u, d); diff != nil {
		return diff, nil
	}
	return compareSides(ctx, u, d)
}

// Form is a column and the expression that reads it, for CompareAs.
type Form struct {
	Column, Expr string
	JSON         bool // compared by value
}

// CompareAs is Compare for one table of which each column is read as a test says,
// so that what a server makes equal on its way to a client is told apart. It
// answers nil when the rows are equal.
func CompareAs(ctx context.Context, up, down *sql.DB, n TableName, forms []Form) (*Difference, error) {
	u, d := &side{db: up, name: n}, &side{db: down, name: n}
	for _, f := range forms {
		c := column{name: f.Column, form: f.Expr}
		if f.JSON {
			c.kind = kindJSON
		}
		u.columns, d.columns = append(u.columns, c), append(d.columns, c)
	}
	diff, err := compareSides(ctx, u, d)
	if err != nil {
		return nil, fmt.Errorf("compare %s.%s: %w", n.Schema, n.Table, err)
	}
	return diff, nil
}

func compareSides(ctx context.Context, u, d *side) (*Difference, error) {
	for i := range u.columns { // JSON by value as soon as one side has the type
		if u.columns[i].kind != d.columns[i].kind {
			k := max(u.columns[i].kind, d.columns[i].kind)
			u.columns[i].kind, d.columns[i].kind = k, k
		}
	}
	var uSum, dSum summary
	if err := both(
		func() error { return u.each(ctx, uSum.add) },
		func() error { return d.each(ctx, dSum.add) },
	); err != nil {
		return nil, err
	}
	if uSum == dSum {
		return nil, nil
	}
	diff := &Difference{Table: u.name, UpRows: uSum.rows, DownRows: dSum.rows}
	return diff, diff.findRows(ctx, u, d)
}

// structureDifference compares the columns' names; types may differ in name.
func structureDifference(u, d *side) *Difference {
	switch {
	case len(u.columns) == 0:
		return &Difference{Table: u.name, Detail: []string{"the table does not exist upstream"}}
	case len(d.columns) == 0:
		return &Difference{Table: u.name, Detail: []string{"the table does not exist on the target"}}
	case !strings.EqualFold(u.columnList(), d.columnList()):
		return &Difference{Table: u.name, Detail: []string{"columns upstream: " + u.columnList(), "columns on the target: " + d.columnList()}}
	}
	return nil
}

// findRows reads both sides again and notes the first rows of each that the
// other side does not have.
func (d *Difference) findRows(ctx context.Context, u, down *side) error {
	count := map[digest]int{}
	if err := u.each(ctx, func(h digest, _ []any) { count[h]++ }); err != nil {
		return err
	}
	var only []string
	if err := down.each(ctx, func(h digest, row []any) {
		if count[h]--; count[h] < 0 && len(only) < maxDetail {
			only = append(only, "> "+down.render(row))
		}
	}); err != nil {
		return err
	}
	if err := u.each(ctx, func(h digest, row []any) {
		if count[h] > 0 && len(d.Detail) < maxDetail {
			count[h]--
			d.Detail = append(d.Detail, "< "+u.render(row))
		}
	}); err != nil {
		return err
	}
	sort.Strings(d.Detail)
	d.Detail = append(d.Detail, only...)
	if len(d.Detail) == 0 {
		d.Detail = []string{"the rows changed while they were compared"}
	}
	return nil
}

// both runs two functions side by side.
func both(a, b func() error) error {
	var wg sync.WaitGroup
	var errA, errB error
	wg.Go(func() { errA = a() })
	wg.Go(func() { errB = b() })
	wg.Wait()
	return errors.Join(errA, errB)
}

// digest identifies one row's values.
type digest [16]byte

func digestOf(row []byte) digest {
	sum := sha256.Sum256(row)
	return digest(sum[:16])
}

// summary is an order-free checksum of a table: equal multisets of rows give
// equal summaries, others almost never do.
type summary struct {
	rows   int64
	lo, hi uint64
}

func (s *summary) add(h digest, _ []any) {
	s.rows++
	var lo, hi uint64
	for i := range 8 {
		lo = lo<<8 | uint64(h[i])
		hi = hi<<8 | uint64(h[8+i])
	}
	s.lo += lo
	s.hi += hi
}
