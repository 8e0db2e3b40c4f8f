package syncer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// matrixColumn is one type with values at its edges, at least two.
type matrixColumn struct {
	column string
	values []string
	// onTiDB is the column by which TiDB stands in for a type that it lacks;
	// "" where it has the type, "-" where it has nothing like it.
	onTiDB string
}

// TestTypesMatrix takes each value of each type through dump and load, and then
// through INSERT, UPDATE and DELETE in the binlog: in a table with a key, in one
// without, where all columns find the row, and as the key itself. Both sides are
// compared by their bytes. It is peer-bugs 13, 14 and 31.
func TestTypesMatrix(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, group := range matrixGroups() {
			t.Run(group.name, func(t *testing.T) {
				m := newMatrix(t, up, down)
				for _, c := range group.columns {
					m.add(t, c)
				}
				m.run(t)
			})
		}
	})
}

// matrix is a bench with one set of tables for each column.
type matrix struct {
	*bench
	tidb    bool
	columns []matrixColumn
}

func newMatrix(t *testing.T, up, down *testbed.Server) *matrix {
	m := &matrix{bench: newBench(t, up, down, true), tidb: down.Name == "tidb"}
	m.sub.Mode = config.ModeAll
	m.sub.Start = nil
	m.sub.Dump = config.Dump{Threads: 2, ChunkBytes: 1 << 20, StatementSize: 20_000}
	m.sub.Load = config.Load{PoolSize: 2, Dir: filepath.Join(t.TempDir(), "dump")}
	m.exec("CREATE DATABASE " + m.schema() + " DEFAULT CHARACTER SET utf8mb4")
	if m.tidb {
		m.must(down.Exec(t.Context(), "CREATE DATABASE "+m.schema()+" DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"))
	}
	return m
}

// add makes the tables of a column.
func (m *matrix) add(t *testing.T, c matrixColumn) {
	if m.tidb && c.onTiDB == "-" {
		t.Logf("not in TiDB: %s", c.column)
		return
	}
	n := len(m.columns)
	m.columns = append(m.columns, c)
	m.exec(m.create(n, c.column)...)
	if m.tidb && c.onTiDB != "" {
		m.must(m.down.Exec(t.Context(), m.create(n, c.onTiDB)...))
	}
}

// create gives the statements for the tables of column n.
func (m *matrix) create(n int, column string) []string {
	name := func(kind string) string { return fmt.Sprintf("CREATE TABLE %s.%s%d ", m.schema(), kind, n) }
	out := []string{name("row") + "(n INT PRIMARY KEY, v " + column + ")", name("bare") + "(n INT, v " + column + ")"}
	if m.keyed(n) {
		column = strings.TrimSuffix(column, " NULL") + " NOT NULL"
		out = append(out, name("key_")+"(v "+column+", n INT, PRIMARY KEY (v, n))")
	}
	return out
}

// keyed tells whether column n may be part of a key.
func (m *matrix) keyed(n int) bool {
	for _, no := range []string{"TEXT", "BLOB", "JSON", "POINT", "GEOMETRY", "LINESTRING", "POLYGON", "MULTI"} {
		if strings.Contains(m.columns[n].column, no) {
			return false
		}
	}
	return true
}

// run fills, copies, changes and compares.
func (m *matrix) run(t *testing.T) {
	m.relaxed(func(exec func(string)) { m.fill(exec, 0) })
	m.copy(t)
	m.compare(t, "after the load")
	r := m.start()
	m.relaxed(func(exec func(string)) {
		m.fill(exec, 1000)
		m.change(exec)
	})
	r.caughtUp()
	r.end()
	m.compare(t, "after the changes")
}

// fill inserts each value into each table, with numbers from base on.
func (m *matrix) fill(exec func(string), base int) {
	for i, c := range m.columns {
		for k, v := range append(slices.Clone(c.values), "NULL") {
			n := base + k
			exec(fmt.Sprintf("INSERT INTO %s.row%d VALUES (%d, %s), (%[5]d, %[4]s)", m.schema(), i, n, v, n+500))
			exec(fmt.Sprintf("INSERT INTO %s.bare%d VALUES (%d, %s), (%[3]d, %[4]s), (%[5]d, %[4]s)", m.schema(), i, n, v, n+500))
			if m.keyed(i) && v != "NULL" {
				exec(fmt.Sprintf("INSERT INTO %s.key_%d VALUES (%s, %d), (%[3]s, %[5]d)", m.schema(), i, v, n, n+500))
			}
		}
	}
}

// change makes another value of each, moves each row and deletes half of them.
func (m *matrix) change(exec func(string)) {
	for i, c := range m.columns {
		for _, kind := range []string{"row", "bare", "key_"} {
			if kind == "key_" && !m.keyed(i) {
				continue
			}
			table := fmt.Sprintf("%s.%s%d", m.schema(), kind, i)
			for k := range c.values {
				exec(fmt.Sprintf("UPDATE %s SET v = %s, n = n + 10000 WHERE n IN (%d, %d)", table, c.values[(k+1)%len(c.values)], k, 1000+k))
			}
			exec("UPDATE " + table + " SET n = n + 20000 WHERE n % 3 = 0")
			exec("DELETE FROM " + table + " WHERE n % 10000 % 1000 >= 500")
		}
	}
}

// copy dumps and loads.
func (m *matrix) copy(t *testing.T) {
	ctx := t.Context()
	db, err := dbconn.Open(ctx, fault.Downstream, m.meta, dbconn.Options{MaxConns: 4, TimeZone: "+00:00"})
	m.must(err)
	defer db.Close()
	meta, err := checkpoint.Open(ctx, db, m.sub, m.epoch)
	m.must(err)
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	m.must(dump.New(dump.Config{Subtask: m.sub, Meta: meta, Log: log}).Run(ctx))
	m.must(load.New(load.Config{Subtask: m.sub, Meta: meta, Log: log}).Run(ctx))
	m.epoch++
}

// compare reads all tables on both sides.
func (m *matrix) compare(t *testing.T, when string) {
	for i, c := range m.columns {
		for _, kind := range []string{"row", "bare", "key_"} {
			if kind == "key_" && !m.keyed(i) {
				continue
			}
			table := fmt.Sprintf("%s.%s%d", m.schema(), kind, i)
			up, down := m.read(m.up, table, c), m.read(m.down, table, c)
			if len(up) == 0 {
				t.Errorf("%s %s: the source has no row", c.column, kind)
			}
			if len(up) != len(down) {
				t.Errorf("%s %s %s: %d rows on the source, %d on the target", c.column, kind, when, len(up), len(down))
				continue
			}
			for k := range up {
				if up[k] != down[k] {
					t.Errorf("%s %s %s\nsource %.300s\ntarget %.300s", c.column, kind, when, up[k], down[k])
					break
				}
			}
		}
	}
}

// read gives the rows of the tables of a column.
func (m *matrix) read(s *testbed.Server, table string, c matrixColumn) []string {
	m.t.Helper()
	out := m.query(s, "SELECT n, "+m.form(c)+" FROM "+table)
	if !m.tidb {
		return out
	}
	for i, row := range out {
		n, v, _ := strings.Cut(row, " ")
		switch {
		case strings.HasPrefix(c.column, "JSON"):
			out[i] = n + " " + m.canonicalJSON(v)
		case v == negativeZero: // TiDB does nothing when 0 shall become -0
			out[i] = n + " 0"
		}
	}
	return out
}

// query gives rows as text, sorted.
func (m *matrix) query(s *testbed.Server, text string) []string {
	m.t.Helper()
	conn, err := s.DB().Conn(context.Background())
	m.must(err)
	defer conn.Close()
	_, err = conn.ExecContext(context.Background(), "SET SESSION sql_mode = '', time_zone = '+00:00'")
	m.must(err)
	// A prepared statement: its protocol carries floating point numbers as they are.
	stmt, err := conn.PrepareContext(context.Background(), text)
	m.must(err)
	defer stmt.Close()
	rows, err := stmt.Query()
	m.must(err)
	defer rows.Close()
	names, err := rows.Columns()
	m.must(err)
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	var out []string
	for rows.Next() {
		m.must(rows.Scan(into...))
		out = append(out, rowText(values))
	}
	m.must(rows.Err())
	slices.Sort(out)
	return out
}

// negativeZero is how rowText shows it.
const negativeZero = "8000000000000000"

// rowText writes values so that unequal ones differ.
func rowText(values []any) string {
	parts := make([]string, len(values))
	for i, v := range values {
		switch x := v.(type) {
		case float64:
			parts[i] = fmt.Sprintf("%x", math.Float64bits(x))
		case float32:
			parts[i] = fmt.Sprintf("%x", math.Float64bits(float64(x)))
		case []byte:
			parts[i] = string(x)
		case nil:
			parts[i] = "NULL"
		default:
			parts[i] = fmt.Sprint(x)
		}
	}
	return strings.Join(parts, " ")
}

// form is how a column is read so that equal bytes give equal text.
func (m *matrix) form(c matrixColumn) string {
	kind, _, _ := strings.Cut(c.column, "(")
	switch strings.Fields(kind)[0] {
	case "FLOAT", "DOUBLE":
		return "v"
	case "DECIMAL", "YEAR", "DATE", "DATETIME", "TIMESTAMP", "TIME":
		if strings.Contains(c.column, "ZEROFILL") && m.tidb { // TiDB does not print the zeros
			return "CAST(v + 0 AS CHAR)"
		}
		return "CAST(v AS CHAR)"
	case "SET":
		if m.tidb { // whose numbers end at 63 bits
			return "HEX(CONVERT(v USING utf8mb4))"
		}
		return "CONCAT(v + 0, ' ', HEX(CONVERT(v USING utf8mb4)))"
	case "ENUM":
		return "CONCAT(v + 0, ' ', HEX(CONVERT(v USING utf8mb4)))"
	case "POINT", "GEOMETRY", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION":
		return "CONCAT(ST_SRID(v), ' ', HEX(ST_AsWKB(v)), ' ', HEX(v))"
	case "JSON":
		if m.tidb { // which stores a form of its own
			return "v"
		}
	case "UUID", "INET4", "INET6":
		return "CAST(v AS CHAR)"
	}
	if m.tidb && strings.Contains(c.column, "CHARACTER SET") && !strings.Contains(c.column, "CHARACTER SET binary") {
		return "HEX(CONVERT(v USING utf8mb4))"
	}
	return "HEX(v)"
}

// canonicalJSON gives equal documents one text.
func (m *matrix) canonicalJSON(text string) string {
	m.t.Helper()
	if text == "NULL" {
		return text
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	m.must(d.Decode(&v))
	out, err := json.Marshal(v)
	m.must(err)
	return string(out)
}
