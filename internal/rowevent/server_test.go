package rowevent_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/testbed"
)

// serverCase is a column, values to write into it, and how to read them.
type serverCase struct {
	column, form string
	values       []string
}

// TestServerRows: what a real server writes into its binlog is what it answers
// to a SELECT, and what go-mysql reads. Each row is inserted, updated and deleted.
func TestServerRows(t *testing.T) {
	server := servers.MariaDB(t)
	for _, c := range []struct {
		name  string
		set   []string
		kinds []replication.EventType // of events that must come
		cases []serverCase
	}{
		{"usual", nil, []replication.EventType{replication.WRITE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv1}, serverCases()},
		{"packed", []string{"SET GLOBAL log_bin_compress=ON, GLOBAL log_bin_compress_min_len=10, SESSION column_compression_zlib_wrap=OFF"}, []replication.EventType{
			replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1, replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1},
			serverCases()},
		{"wrapped", []string{"SET SESSION column_compression_zlib_wrap=ON, GLOBAL binlog_row_metadata=FULL"}, nil, packedCases()},
		{"old", []string{"SET GLOBAL mysql56_temporal_format=OFF"}, nil, oldCases()},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := openSource(t, server, mysql.MariaDBFlavor, "rows_"+c.name)
			for _, q := range append([]string{"SET GLOBAL log_bin_compress=OFF, GLOBAL binlog_row_metadata=NO_LOG, GLOBAL mysql56_temporal_format=ON"}, c.set...) {
				s.exec("%s", q)
			}
			for i, one := range c.cases {
				s.check(fmt.Sprintf("t%d", i), one)
			}
			for _, want := range c.kinds {
				if s.seen[byte(want)] == 0 {
					t.Errorf("no %s has come", want)
				}
			}
		})
	}
}

// TestServerImages: which rows are complete is told, whatever the server leaves out.
func TestServerImages(t *testing.T) {
	s := openSource(t, servers.MariaDB(t), mysql.MariaDBFlavor, "images")
	s.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT, b BLOB)")
	for image, want := range map[string][3]int{"FULL": {-1, -1, -1}, "NOBLOB": {-1, 2, 2}, "MINIMAL": {1, 1, 1}} {
		s.exec("SET SESSION binlog_row_image='%s'", image)
		s.exec("INSERT INTO t (id) VALUES (1)")
		s.exec("UPDATE t SET a = 2")
		s.exec("DELETE FROM t")
		for i, missing := range want {
			e := s.next()
			if image != "FULL" && e.Kind == rowevent.Insert {
				missing = e.Missing // servers differ in whether they leave out what takes its default
			}
			if e.Missing != missing || e.Kind != rowevent.Kind(i) {
				t.Errorf("%s %d: column %d is missing, want %d", image, e.Kind, e.Missing, missing)
			}
		}
	}
}

// source is a session of a server whose binlog is read.
type source struct {
	t    *testing.T
	ctx  context.Context
	conn *sql.Conn
	next func() rowtest.Event
	seen map[byte]int // how many events of a type have come
}

func openSource(t *testing.T, server *testbed.Server, flavor, schema string) *source {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	conn, err := server.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	s := &source{t: t, ctx: ctx, conn: conn, seen: map[byte]int{}}
	s.exec("SET NAMES utf8mb4")
	s.exec("SET time_zone='+00:00', sql_mode='ALLOW_INVALID_DATES'")
	s.exec("CREATE DATABASE %s", schema)
	s.exec("USE %s", schema)
	s.next = rowtest.Follow(t, server, flavor)
	return s
}

func (s *source) exec(format string, args ...any) {
	s.t.Helper()
	if _, err := s.conn.ExecContext(s.ctx, fmt.Sprintf(format, args...)); err != nil {
		s.t.Fatalf("%v\n%.200s", err, fmt.Sprintf(format, args...))
	}
}

// check writes the values of a case and compares all rows that come of them.
func (s *source) check(table string, c serverCase) {
	s.t.Helper()
	s.exec("CREATE TABLE %s (id INT PRIMARY KEY, v %s NULL)", table, c.column)
	var values []string
	for i, v := range append(c.values, "NULL") {
		values = append(values, fmt.Sprintf("(%d, %s)", i, v))
	}
	s.exec("INSERT INTO %s VALUES %s", table, strings.Join(values, ", "))
	want := s.read(fmt.Sprintf("SELECT %s FROM %s ORDER BY id", c.form, table))
	s.exec("UPDATE %s SET id = id + 1000 ORDER BY id", table)
	s.exec("DELETE FROM %s ORDER BY id", table)
	for left := 4 * len(want); left > 0; {
		e := s.next()
		s.seen[e.Type]++
		if e.Table.Name != table || e.Missing >= 0 {
			s.t.Fatalf("%s: an event of %s, column %d is missing", c.column, e.Table.Name, e.Missing)
		}
		for r, im := range e.Images {
			left--
			v, id := im.Value(1), im.Value(0).Int()
			if got := shown(v, c.form); got != want[id%1000] {
				s.t.Errorf("%s value %s in event type %d: %v, the server says %v", c.column, values[id%1000], e.Type, got, want[id%1000])
			}
			if e.OracleErr == nil {
				if diff := agrees(v, e.Oracle.Rows[r][1]); diff != "" && !knownWrong(v) {
					s.t.Errorf("%s value %s: %s", c.column, values[id%1000], diff)
				}
			} else if e.OracleErr != nil && !strings.Contains(c.column, "COMPRESSED") {
				s.t.Errorf("%s: go-mysql: %v", c.column, e.OracleErr)
			}
		}
	}
}

// knownWrong tells where go-mysql reads something else than the server wrote:
// negative times before MySQL 5.6.
func knownWrong(v rowevent.Value) bool {
	return v.Type == mysql.MYSQL_TYPE_TIME && strings.HasPrefix(v.String(), "-")
}

// shown is a value as the server shows it in a form.
func shown(v rowevent.Value, form string) sql.NullString {
	if v.IsNull() {
		return sql.NullString{}
	}
	out := v.String()
	switch {
	case strings.HasPrefix(form, "HEX"):
		raw, _, err := v.Bytes()
		out = fmt.Sprintf("%X", raw)
		if err != nil {
			out = err.Error()
		}
	case form == "CAST(v AS UNSIGNED)":
		out = fmt.Sprint(v.Uint())
	case form == "v*1e0":
		f, _ := v.Float()
		out = fmt.Sprint(f)
	}
	return sql.NullString{String: out, Valid: true}
}

func (s *source) read(query string) (out []sql.NullString) {
	s.t.Helper()
	rows, err := s.conn.QueryContext(s.ctx, query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v sql.NullString
		if strings.Contains(query, "v*1e0") {
			var f sql.NullFloat64
			err = rows.Scan(&f)
			v = sql.NullString{String: fmt.Sprint(f.Float64), Valid: f.Valid}
		} else {
			err = rows.Scan(&v)
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if !v.Valid {
			v.String = ""
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}
