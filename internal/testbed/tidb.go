package testbed

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

// StartTiDB starts a TiDB server with its embedded store under dir on a free
// port, and waits until it answers. ctx bounds the start only, and the build
// of the server when it has not been built on this machine yet.
func StartTiDB(ctx context.Context, dir string) (*Server, error) { return startTiDB(ctx, dir, "") }

// StartTiDBWith is StartTiDB with more lines for its configuration file.
func StartTiDBWith(config string) func(ctx context.Context, dir string) (*Server, error) {
	return func(ctx context.Context, dir string) (*Server, error) { return startTiDB(ctx, dir, config) }
}

func startTiDB(ctx context.Context, dir, config string) (*Server, error) {
	binary, err := TiDBBinary(ctx)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range []string{dir, filepath.Join(dir, "data"), filepath.Join(dir, "tmp")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	statusPort, err := FreePort()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "tidb.toml")
	if err := os.WriteFile(conf, []byte(tidbConfig(dir)+config), 0o644); err != nil {
		return nil, err
	}
	s := &Server{Name: "tidb", Host: "127.0.0.1", Port: port, User: "root", Password: rootPassword, Dir: dir}
	s.afterFirstStart = s.setTiDBPassword
	s.proc = &process{
		name: "tidb-server", path: binary, logFile: filepath.Join(dir, "tidb.out"),
		args: []string{"--config=" + conf, "--host=127.0.0.1", "--advertise-address=127.0.0.1",
			"-P", strconv.Itoa(port), "--status-host=127.0.0.1", "--status=" + strconv.Itoa(statusPort),
			"--store=unistore", "--path=" + filepath.Join(dir, "data")},
	}
	if err = s.openPools(); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// tidbConfig keeps every file of the server under dir and its log quiet.
func tidbConfig(dir string) string {
	return fmt.Sprintf(`socket = ""
temp-dir = %q
[log]
level = "warn"
slow-query-file = %q
[log.file]
filename = %q
[instance]
tidb_slow_log_threshold = 10000
`, filepath.Join(dir, "tmp"), filepath.Join(dir, "slow.log"), filepath.Join(dir, "tidb.log"))
}

// setTiDBPassword gives root, who has none after the first start, its password.
func (s *Server) setTiDBPassword(ctx context.Context) error {
	db, err := s.open("")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "ALTER USER root@'%' IDENTIFIED BY '"+rootPassword+"'")
	return errors.Join(err, db.Close())
}

// TiDBBinary gives the path of the TiDB server to run: the one that the
// environment variable RAFTDM_TIDB_SERVER names, else the one in the user's
// cache, else it is built from tools/tidb (several minutes, once per machine).
func TiDBBinary(ctx context.Context) (string, error) {
	if p := os.Getenv("RAFTDM_TIDB_SERVER"); p != "" {
		if _, err := os.Stat(p); err != nil {
			return "", fmt.Errorf("RAFTDM_TIDB_SERVER: %w", err)
		}
		return p, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "tools", "tidb")
	h := sha256.New()
	for _, f := range []string{"go.mod", "go.sum"} {
		b, err := os.ReadFile(filepath.Join(module, f))
		if err != nil {
			return "", fmt.Errorf("the module of the TiDB server: %w", err)
		}
		h.Write(b)
	}
	name := fmt.Sprintf("tidb-server-%x", h.Sum(nil)[:8])
	return cached(name, func(dst string) error { return buildTiDB(ctx, module, dst) })
}

// buildTiDB compiles the server and says so: people wait minutes for it.
func buildTiDB(ctx context.Context, module, dst string) error {
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dst, "github.com/pingcap/tidb/cmd/tidb-server")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(10 * time.Second)
		defer tick.Stop()
		for {
			fmt.Fprintf(os.Stderr, "building TiDB from its Go module (about 5 minutes, once per machine): %s\n",
				time.Since(began).Round(time.Second))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	out, err := cmd.CombinedOutput()
	close(done)
	if err != nil {
		return fmt.Errorf("build TiDB in %s: %w\n%s", module, err, out)
	}
	fmt.Fprintf(os.Stderr, "TiDB is built: %s\n", time.Since(began).Round(time.Second))
	return nil
}

// moduleRoot gives the directory of this checkout: the working directory's
// nearest ancestor with our go.mod, else the place this file was compiled from.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if _, file, _, ok := runtime.Caller(0); ok {
		if own := filepath.Join(filepath.Dir(file), "..", ".."); exists(filepath.Join(own, "tools", "tidb", "go.mod")) {
			return own, nil
		}
	}
	for ; ; dir = filepath.Dir(dir) {
		if exists(filepath.Join(dir, "tools", "tidb", "go.mod")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("not inside a checkout of raftdm: tools/tidb/go.mod was not found")
		}
	}
}
