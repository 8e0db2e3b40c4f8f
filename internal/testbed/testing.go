package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// startLimit covers the first build of TiDB; readyLimit bounds each start.
const startLimit = 20 * time.Minute

// MariaDB starts a MariaDB server for one test; it ends with the test. The
// test is skipped in -short mode.
func MariaDB(t testing.TB, opts ...MariaDBOption) *Server {
	t.Helper()
	return forTest(t, func(ctx context.Context, dir string) (*Server, error) { return StartMariaDB(ctx, dir, opts...) })
}

// TiDB starts a TiDB server for one test; it ends with the test. The test is
// skipped in -short mode.
func TiDB(t testing.TB) *Server {
	t.Helper()
	return forTest(t, StartTiDB)
}

// MySQL starts a MySQL 9 server for one test; it ends with the test. It needs
// root and debootstrap: only for tests with the build tag mysql.
func MySQL(t testing.TB, args ...string) *Server {
	t.Helper()
	return forTest(t, func(ctx context.Context, dir string) (*Server, error) { return StartMySQL(ctx, dir, args...) })
}

func forTest(t testing.TB, start func(context.Context, string) (*Server, error)) *Server {
	t.Helper()
	SkipIfShort(t)
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	s, err := start(ctx, filepath.Join(t.TempDir(), "server"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close %s: %v", s.Name, err)
		}
	})
	return s
}

// SkipIfShort skips a test that needs real servers when -short is given.
func SkipIfShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs real servers; not run with -short")
	}
}

// Shared is a set of servers that all tests of a package use. Make one in
// TestMain and hand its Main the *testing.M:
//
//	var servers testbed.Shared
//
//	func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }
//
// Each server starts on first use and ends after the last test; tests keep out
// of each other's way by schema names.
type Shared struct {
	mariadb, tidb lazy
	programs      programs
}

// programs is the product's binaries, built when they are first asked for.
type programs struct {
	once sync.Once
	err  error
	bin  Binaries
	dir  string
}

// Binaries gives dm-master, dm-worker and dmctl, built on the first call.
func (s *Shared) Binaries(t testing.TB) Binaries {
	t.Helper()
	p := &s.programs
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "raftdm-bin-"); p.err == nil {
			// Not the test's context: later tests use the result.
			p.bin, p.err = BuildBinaries(context.WithoutCancel(t.Context()), p.dir)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return p.bin
}

// Main runs the tests and ends the servers that they started. The answer is
// the exit code.
func (s *Shared) Main(m *testing.M) int {
	code := m.Run()
	for _, l := range []*lazy{&s.mariadb, &s.tidb} {
		l.close()
	}
	removeDir(s.programs.dir)
	return code
}

// MariaDB gives the package's MariaDB server, started on the first call.
func (s *Shared) MariaDB(t testing.TB) *Server {
	t.Helper()
	return s.mariadb.get(t, func(ctx context.Context, dir string) (*Server, error) { return StartMariaDB(ctx, dir) })
}

// TiDB gives the package's TiDB server, started on the first call.
func (s *Shared) TiDB(t testing.TB) *Server {
	t.Helper()
	return s.tidb.get(t, StartTiDB)
}

// lazy is one server that starts when it is first asked for.
type lazy struct {
	once   sync.Once
	err    error
	server *Server
	dir    string
}

func (l *lazy) get(t testing.TB, start func(context.Context, string) (*Server, error)) *Server {
	t.Helper()
	SkipIfShort(t)
	l.once.Do(func() { l.err = l.open(start) })
	if l.err != nil {
		t.Fatal(l.err)
	}
	return l.server
}

func (l *lazy) open(start func(context.Context, string) (*Server, error)) (err error) {
	if l.dir, err = os.MkdirTemp("", "raftdm-test-"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	l.server, err = start(ctx, filepath.Join(l.dir, "server"))
	return err
}

func (l *lazy) close() {
	if l.server != nil {
		if err := l.server.Close(); err != nil {
			fmt.Fprintf(os.Stderr, "close %s: %v\n", l.server.Name, err)
		}
	}
	removeDir(l.dir)
}

// removeDir removes a directory that may not have been made.
func removeDir(dir string) {
	if dir == "" {
		return
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
