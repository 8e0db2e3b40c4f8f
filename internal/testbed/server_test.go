package testbed

import (
	"context"
	"os"
	"testing"
	"time"
)

var servers Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// Each server keeps its rows and its port across a clean stop and a kill.
func TestServersKeepDataAcrossRestarts(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *Server{
		"mariadb": func(t testing.TB) *Server { return MariaDB(t) },
		"tidb":    TiDB,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			must(t, s.Exec(ctx, "CREATE DATABASE d", "CREATE TABLE d.t (a INT PRIMARY KEY)", "INSERT INTO d.t VALUES (1)"))
			port, pid := s.Port, s.PID()
			must(t, s.Stop(ctx))
			if s.DB().PingContext(ctx) == nil {
				t.Fatal("a stopped server answers")
			}
			must(t, s.Start(ctx))
			if s.Port != port || s.PID() == pid {
				t.Fatalf("port %d -> %d, pid %d -> %d", port, s.Port, pid, s.PID())
			}
			must(t, s.Exec(ctx, "INSERT INTO d.t VALUES (2)"))
			s.Kill()
			must(t, s.Start(ctx))
			var n int
			must(t, s.DB().QueryRowContext(ctx, "SELECT COUNT(*) FROM d.t").Scan(&n))
			if n != 2 {
				t.Fatalf("%d rows after a kill, want 2", n)
			}
		})
	}
}

// A paused server accepts a connection but does not answer until it goes on.
func TestPauseAndContinue(t *testing.T) {
	s := MariaDB(t)
	must(t, s.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.DB().PingContext(ctx); err == nil {
		t.Fatal("a paused server answers")
	}
	must(t, s.Continue())
	must(t, s.DB().PingContext(t.Context()))
}

func TestMariaDBOptions(t *testing.T) {
	for _, c := range []struct {
		name     string
		opts     []MariaDBOption
		variable string
		want     string
	}{
		{"default format", nil, "binlog_format", "ROW"},
		{"binlog off", []MariaDBOption{WithoutBinlog()}, "log_bin", "0"},
		{"statement", []MariaDBOption{WithBinlogFormat("STATEMENT")}, "binlog_format", "STATEMENT"},
		{"strict", []MariaDBOption{WithGTIDStrict()}, "gtid_strict_mode", "1"},
		{"metadata", []MariaDBOption{WithRowMetadata("FULL")}, "binlog_row_metadata", "FULL"},
		{"server id", []MariaDBOption{WithServerID(77)}, "server_id", "77"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			must(t, MariaDB(t, c.opts...).DB().QueryRow("SELECT @@global."+c.variable).Scan(&got))
			if got != c.want {
				t.Errorf("%s = %q, want %q", c.variable, got, c.want)
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
