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
	"github.com/raftdm/raftdm/internal/testbed/edges"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// TestTypesMatrix takes each value of each type through dump and load, and then
// through INSERT, UPDATE and DELETE in the binlog: in a table with a key, in one
// without, where all columns find the row, and as the key itself. Both sides are
// compared by their bytes. It is peer-bugs 13, 14 and 31.
func TestTypesMatrix(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, group := range edges.Groups() {
			t.Run(group.Name, func(t *testing.T) {
				t.Parallel() // it waits for servers more than it computes
				m := newMatrix(t, up, down)
				for _, c := range group.Columns {
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
	columns []edges.Column
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
func (m *matrix) add(t *testing.T, c edges.Column) {
	if m.tidb && c.OnTiDB == "-" {
		t.Logf("not in TiDB: %s", c.Type)
		return
	}
	n := len(m.columns)
	m.columns = append(m.columns, c)
	m.exec(m.create(n, c.Type)...)
	if m.tidb && c.OnTiDB != "" {
		m.must(m.down.Exec(t.Context(), m.create(n, c.OnTiDB)...))
	}
}

// create gives the statements for the tables of column n.
func (m *matrix) create(n int, column string) []string {
	name := func(kind string) string { return fmt.Sprintf("CREATE TABLE %s.%s%d ", m.schema(), kind, n) }
	out := []string{name("row") + "(n INT PRIMARY KEY, v " + column + ")", name("bare") + "(n INT, v " + column + ")"}
	if m.columns[n].Keyable() {
		column = strings.TrimSuffix(column, " NULL") + " NOT NULL"
		out = append(out, name("key_")+"(v "+column+", n INT, PRIMARY KEY (v, n))")
	}
	return out
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
		for k, v := range append(slices.Clone(c.Values), "NULL") {
			n := base + k
			exec(fmt.Sprintf("INSERT INTO %s.row%d VALUES (%d, %s), (%[5]d, %[4]s)", m.schema(), i, n, v, n+500))
			exec(fmt.Sprintf("INSERT INTO %s.bare%d VALUES (%d, %s), (%[3]d, %[4]s), (%[5]d, %[4]s)", m.schema(), i, n, v, n+500))
			if c.Keyable() && v != "NULL" {
				exec(fmt.Sprintf("INSERT INTO %s.key_%d VALUES (%s, %d), (%[3]s, %[5]d)", m.schema(), i, v, n, n+500))
			}
		}
	}
}

// change makes another value of each, moves each row and deletes half of them.
func (m *matrix) change(exec func(string)) {
	for i, c := range m.columns {
		for _, kind := range []string{"row", "bare", "key_"} {
			if kind == "key_" && !c.Keyable() {
				continue
			}
			table := fmt.Sprintf("%s.%s%d", m.schema(), kind, i)
			for k := range c.Values {
				exec(fmt.Sprintf("UPDATE %s SET v = %s, n = n + 10000 WHERE n IN (%d, %d)", table, c.Values[(k+1)%len(c.Values)], k, 1000+k))
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
			if kind == "key_" && !c.Keyable() {
				continue
			}
			table := fmt.Sprintf("%s.%s%d", m.schema(), kind, i)
			up, down := m.read(m.up, table, c), m.read(m.down, table, c)
			if len(up) == 0 {
				t.Errorf("%s %s: the source has no row", c.Type, kind)
			}
			if len(up) != len(down) {
				t.Errorf("%s %s %s: %d rows on the source, %d on the target", c.Type, kind, when, len(up), len(down))
				continue
			}
			for k := range up {
				if up[k] != down[k] {
					t.Errorf("%s %s %s\nsource %.300s\ntarget %.300s", c.Type, kind, when, up[k], down[k])
					break
				}
			}
		}
	}
}

// read gives the rows of the tables of a column.
func (m *matrix) read(s *testbed.Server, table string, c edges.Column) []string {
	m.t.Helper()
	out := m.query(s, "SELECT n, "+c.Form("v", m.tidb)+" FROM "+table)
	if !m.tidb || !c.IsJSON() {
		return out
	}
	for i, row := range out {
		n, v, _ := strings.Cut(row, " ")
		out[i] = n + " " + m.canonicalJSON(v)
	}
	return out
}

// query gives rows as text, sorted.
func (m *matrix) query(s *testbed.Server, text string) []string {
	m.t.Helper()
	conn, err := s.Session(context.Background())
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
