package e2e

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/internal/testbed/edges"
)

// typeTable is a table of one of three kinds over some types.
type typeTable struct {
	name    string // qualified
	kind    typeKind
	columns []edges.Column
	// rows are the texts, one for each column, that a table without a key is filled
	// with: so few that its rows are alike.
	rows [][]string
}

type typeKind int

const (
	rowsWithKey    typeKind = iota // id PRIMARY KEY, c0, c1, ...
	rowsWithoutKey                 // n, c0, c1, ...
	typeInKey                      // c0, n, x, PRIMARY KEY (c0, n)
)

const (
	keyedIDs   = 40 // so many rows with a key there are at most
	alikeRows  = 4
	alikeNs    = 5
	keysInPlay = 12 // types that are in a key, of each seed
)

// typeTables is a schema over all types, the same with each seed but for what is
// in keys.
type typeTables struct {
	schema   string
	up, down *testbed.Server
	tidb     bool
	list     []typeTable

	transactions, conflicts atomic.Int64
}

func newTypeTables(up, down *testbed.Server, schema string, r *rand.Rand) *typeTables {
	w := &typeTables{schema: schema, up: up, down: down, tidb: down.Name == "tidb"}
	var keyable []edges.Column
	for _, g := range edges.Groups() {
		columns := slices.DeleteFunc(slices.Clone(g.Columns), func(c edges.Column) bool { return w.tidb && c.OnTiDB == "-" })
		if len(columns) == 0 {
			continue
		}
		w.add(r, "keyed_"+g.Name, rowsWithKey, columns)
		w.add(r, "bare_"+g.Name, rowsWithoutKey, columns)
		for _, c := range columns {
			if c.Keyable() {
				keyable = append(keyable, c)
			}
		}
	}
	few := []edges.Column{{Type: "INT", Values: []string{"1", "2"}}, {Type: "VARCHAR(20)", Values: []string{"'a'", "'A'", "'a '"}}, {Type: "TEXT", Values: []string{"'x'", "''"}}}
	w.add(r, "twins", rowsWithoutKey, few)
	for i, k := range r.Perm(len(keyable))[:keysInPlay] {
		w.add(r, fmt.Sprintf("key_%d", i), typeInKey, keyable[k:k+1])
	}
	return w
}

func (w *typeTables) add(r *rand.Rand, name string, kind typeKind, columns []edges.Column) {
	t := typeTable{name: w.schema + "." + name, kind: kind, columns: columns}
	for range alikeRows {
		t.rows = append(t.rows, t.values(r))
	}
	w.list = append(w.list, t)
}

// create gives CREATE TABLE, with the types of a source or of a TiDB.
func (t *typeTable) create(tidb bool) string {
	parts := []string{"id INT PRIMARY KEY"}
	switch t.kind {
	case rowsWithoutKey:
		parts[0] = "n INT"
	case typeInKey:
		parts[0] = "n INT, x INT, PRIMARY KEY (c0, n)"
	}
	for i, c := range t.columns {
		def := c.Type
		if tidb && c.OnTiDB != "" {
			def = c.OnTiDB
		}
		if t.kind == typeInKey {
			def = strings.TrimSuffix(def, " NULL") + " NOT NULL"
		}
		parts = append(parts, fmt.Sprintf("c%d %s", i, def))
	}
	return "CREATE TABLE " + t.name + " (" + strings.Join(parts, ", ") + ")"
}

func (t *typeTable) names() string {
	names := make([]string, len(t.columns))
	for i := range names {
		names[i] = fmt.Sprintf("c%d", i)
	}
	return strings.Join(names, ", ")
}

// value is one of a column's values. Long ones are rare, for they take time.
func (t *typeTable) value(r *rand.Rand, column int) string {
	list := t.columns[column].Values
	if t.kind != typeInKey && r.IntN(8) == 0 {
		return "NULL"
	}
	for {
		v := list[r.IntN(len(list))]
		if !strings.HasPrefix(v, "REPEAT(") || r.IntN(12) == 0 {
			return v
		}
	}
}

func (t *typeTable) values(r *rand.Rand) []string {
	out := make([]string, len(t.columns))
	for i := range out {
		out[i] = t.value(r, i)
	}
	return out
}

// change is one random statement.
func (t *typeTable) change(r *rand.Rand) string {
	switch t.kind {
	case rowsWithKey:
		return t.changeKeyed(r)
	case rowsWithoutKey:
		return t.changeAlike(r)
	}
	return t.changeKey(r)
}

func (t *typeTable) changeKeyed(r *rand.Rand) string {
	id := r.IntN(keyedIDs)
	switch r.IntN(6) {
	case 0, 1:
		return fmt.Sprintf("REPLACE INTO %s (id, %s) VALUES (%d, %s)", t.name, t.names(), id, strings.Join(t.values(r), ", "))
	case 2, 3:
		return fmt.Sprintf("UPDATE %s SET %s WHERE id = %d", t.name, t.assignments(r, t.values(r)), id)
	case 4:
		return fmt.Sprintf("UPDATE IGNORE %s SET id = %d WHERE id = %d", t.name, r.IntN(keyedIDs), id)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE id = %d", t.name, id)
}

// assignments sets some columns to what they have in values.
func (t *typeTable) assignments(r *rand.Rand, values []string) string {
	var out []string
	for range 1 + r.IntN(5) {
		i := r.IntN(len(values))
		out = append(out, fmt.Sprintf("c%d = %s", i, values[i]))
	}
	return strings.Join(out, ", ")
}

func (t *typeTable) changeAlike(r *rand.Rand) string {
	n, most, row := r.IntN(alikeNs), 1+r.IntN(3), t.rows[r.IntN(alikeRows)]
	switch r.IntN(6) {
	case 0, 1:
		one := fmt.Sprintf("(%d, %s)", n, strings.Join(row, ", "))
		return fmt.Sprintf("INSERT INTO %s (n, %s) VALUES %s", t.name, t.names(), strings.TrimSuffix(strings.Repeat(one+", ", most), ", "))
	case 2, 3:
		return fmt.Sprintf("UPDATE %s SET n = %d, %s WHERE n = %d LIMIT %d", t.name, r.IntN(alikeNs), t.assignments(r, row), n, most)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE n = %d LIMIT %d", t.name, n, most)
}

// changeKey hands the few values of a key from row to row.
func (t *typeTable) changeKey(r *rand.Rand) string {
	v, n, x := t.value(r, 0), r.IntN(alikeNs), r.IntN(100)
	switch r.IntN(6) {
	case 0:
		return fmt.Sprintf("REPLACE INTO %s (c0, n, x) VALUES (%s, %d, %d)", t.name, v, n, x)
	case 1:
		return fmt.Sprintf("INSERT IGNORE INTO %s (c0, n, x) VALUES (%s, %d, %d), (%[2]s, %d, %[4]d)", t.name, v, n, x, r.IntN(alikeNs))
	case 2:
		return fmt.Sprintf("UPDATE IGNORE %s SET c0 = %s, x = %d WHERE n = %d LIMIT 2", t.name, v, x, n)
	case 3:
		return fmt.Sprintf("UPDATE IGNORE %s SET n = %d, x = x + 1 WHERE c0 = %s LIMIT 2", t.name, n, v)
	case 4:
		return fmt.Sprintf("UPDATE %s SET x = %d WHERE c0 = %s", t.name, x, v)
	}
	return fmt.Sprintf("DELETE FROM %s WHERE c0 = %s AND n = %d", t.name, v, n)
}

// fill makes the tables and some rows in each.
func (w *typeTables) fill(t *testing.T, r *rand.Rand) {
	t.Helper()
	must(t, w.up.Exec(t.Context(), "CREATE DATABASE "+w.schema+" DEFAULT CHARACTER SET utf8mb4"))
	if w.tidb {
		must(t, w.down.Exec(t.Context(), "CREATE DATABASE "+w.schema+" DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
	}
	conn, err := w.session(t.Context())
	must(t, err)
	defer conn.Close()
	for i := range w.list {
		one := &w.list[i]
		must(t, execOn(t.Context(), conn, one.create(false)))
		if w.tidb && slices.ContainsFunc(one.columns, func(c edges.Column) bool { return c.OnTiDB != "" }) {
			must(t, w.down.Exec(t.Context(), one.create(true)))
		}
		for range 30 {
			must(t, execOn(t.Context(), conn, one.change(r)))
		}
	}
}

// session lets in what the edges need, and waits for no lock for long.
func (w *typeTables) session(ctx context.Context) (*sql.Conn, error) {
	conn, err := w.up.Session(ctx)
	if err != nil {
		return nil, err
	}
	return conn, execOn(ctx, conn, "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', time_zone = '+00:00', innodb_lock_wait_timeout = 2")
}

func execOn(ctx context.Context, conn *sql.Conn, statement string) error {
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		return fmt.Errorf("%.300s: %w", statement, err)
	}
	return nil
}

// write lets n writers change rows in transactions, with a pause behind each, until
// the function that it gives is called.
func (w *typeTables) write(t *testing.T, n int, pace time.Duration, seed uint64) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() { errs[i] = w.writer(ctx, pace, rand.New(rand.NewPCG(seed, uint64(i)))) })
	}
	end := sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(end)
	return func() {
		t.Helper()
		end()
		must(t, errors.Join(errs...))
		t.Logf("%d transactions, and %d that met others", w.transactions.Load(), w.conflicts.Load())
	}
}

func (w *typeTables) writer(ctx context.Context, pace time.Duration, r *rand.Rand) error {
	whole := context.WithoutCancel(ctx) // what is begun is ended, or the source would write on behind the test's back
	conn, err := w.session(whole)
	if err != nil {
		return err
	}
	defer conn.Close()
	for ctx.Err() == nil {
		err := w.transaction(whole, conn, r)
		var answer *mysql.MySQLError
		switch {
		case err == nil:
			w.transactions.Add(1)
		case errors.As(err, &answer) && slices.Contains([]uint16{1020, 1062, 1205, 1213}, answer.Number): // row changed, duplicate, lock timeout, deadlock
			w.conflicts.Add(1)
			if err := execOn(whole, conn, "ROLLBACK"); err != nil {
				return err
			}
		default:
			return err
		}
		pause(ctx, pace)
	}
	return nil
}

func (w *typeTables) transaction(ctx context.Context, conn *sql.Conn, r *rand.Rand) error {
	if err := execOn(ctx, conn, "BEGIN"); err != nil {
		return err
	}
	for range 1 + r.IntN(1+r.IntN(12)) {
		if err := execOn(ctx, conn, w.list[r.IntN(len(w.list))].change(r)); err != nil {
			return err
		}
	}
	return execOn(ctx, conn, []string{"COMMIT", "COMMIT", "COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[r.IntN(6)])
}

// compare compares all tables by the bytes of their values.
func (w *typeTables) compare(t *testing.T) {
	t.Helper()
	for i := range w.list {
		one := &w.list[i]
		_, name, _ := strings.Cut(one.name, ".")
		n := testbed.TableName{Schema: w.schema, Table: name}
		first := []string{"id", "n", "n"}[one.kind]
		forms := []testbed.Form{{Column: first, Expr: first}}
		if one.kind == typeInKey {
			forms = append(forms, testbed.Form{Column: "x", Expr: "x"})
		}
		for k, c := range one.columns {
			col := fmt.Sprintf("c%d", k)
			forms = append(forms, testbed.Form{Column: col, Expr: c.Form(col, w.tidb), JSON: w.tidb && c.IsJSON()})
		}
		d, err := testbed.CompareAs(t.Context(), w.up.DB(), w.down.DB(), n, forms)
		must(t, err)
		if d == nil {
			continue
		}
		t.Error(d)
		for k, c := range one.columns {
			only, err := testbed.CompareAs(t.Context(), w.up.DB(), w.down.DB(), n, []testbed.Form{forms[0], forms[len(forms)-len(one.columns)+k]})
			must(t, err)
			if only != nil {
				t.Errorf("of these, column c%d %s: %s", k, c.Type, only)
			}
		}
	}
}

// drop removes the schema on both sides.
func (w *typeTables) drop(ctx context.Context) error {
	q := "DROP DATABASE IF EXISTS " + w.schema
	return errors.Join(w.up.Exec(ctx, q), w.down.Exec(ctx, q))
}
