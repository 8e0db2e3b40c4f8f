package testbed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// MariaDBOption changes how a MariaDB server is started.
type MariaDBOption func(*mariadbOptions)

type mariadbOptions struct {
	binlog bool
	args   []string
	data   string // copied as the first data directory; "" for an empty server
}

// WithoutBinlog starts the server with its binary log switched off.
func WithoutBinlog() MariaDBOption { return func(o *mariadbOptions) { o.binlog = false } }

// WithBinlogFormat sets binlog_format: ROW, STATEMENT or MIXED.
func WithBinlogFormat(format string) MariaDBOption { return WithArgs("--binlog-format=" + format) }

// WithGTIDStrict switches gtid_strict_mode on.
func WithGTIDStrict() MariaDBOption { return WithArgs("--gtid-strict-mode=ON") }

// WithRowMetadata sets binlog_row_metadata: NO_LOG, MINIMAL or FULL.
func WithRowMetadata(level string) MariaDBOption {
	return WithArgs("--binlog-row-metadata=" + level)
}

// WithServerID sets server_id; by default it is the port.
func WithServerID(id uint32) MariaDBOption {
	return WithArgs("--server-id=" + strconv.FormatUint(uint64(id), 10))
}

// WithData starts the server with a copy of the data directory of another one
// that was stopped.
func WithData(dir string) MariaDBOption { return func(o *mariadbOptions) { o.data = dir } }

// WithArgs adds arguments of mariadbd; a later one wins over an earlier one.
func WithArgs(args ...string) MariaDBOption {
	return func(o *mariadbOptions) { o.args = append(o.args, args...) }
}

// StartMariaDB starts a MariaDB server on a free port with its files under
// dir, and waits until it answers. Binary logging in ROW format with full row
// images is on unless an option says otherwise. ctx bounds the start only.
func StartMariaDB(ctx context.Context, dir string, opts ...MariaDBOption) (*Server, error) {
	o := mariadbOptions{binlog: true}
	for _, opt := range opts {
		opt(&o)
	}
	mariadbd, err := findProgram("mariadbd", "/usr/sbin/mariadbd", "/usr/libexec/mariadbd")
	if err != nil {
		return nil, err
	}
	if o.data == "" {
		if o.data, err = mariadbTemplate(ctx, mariadbd); err != nil {
			return nil, err
		}
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.CopyFS(data, os.DirFS(o.data)); err != nil {
		return nil, fmt.Errorf("copy a MariaDB data directory: %w", err)
	}
	// A server that starts removes the temporary tables of all others that have
	// the same directory for them.
	if err := os.MkdirAll(filepath.Join(dir, "tmp"), 0o700); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: "mariadb", Host: "127.0.0.1", Port: port, User: "root", Password: rootPassword, Dir: dir, data: data}
	s.proc = &process{name: "mariadbd", path: mariadbd, args: o.command(dir, data, port), logFile: filepath.Join(dir, "mariadbd.log")}
	if err = s.openPools(); err != nil {
		return nil, err
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// command is the argument list of mariadbd. Commits reach the kernel but wait
// for no disk: data survives kill -9, which is all that tests need.
func (o *mariadbOptions) command(dir, data string, port int) []string {
	args := append(mariadbBaseArgs(data),
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
		// Relative to the data directory: a socket's path has room for 107 bytes.
		"--socket=s.sock", "--pid-file="+filepath.Join(dir, "mariadbd.pid"),
		"--tmpdir="+filepath.Join(dir, "tmp"),
		"--skip-name-resolve", "--max-connections=500", "--max-allowed-packet=64M",
		"--innodb-buffer-pool-size=256M", "--innodb-flush-log-at-trx-commit=2",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci",
		"--server-id="+strconv.Itoa(port))
	if o.binlog {
		args = append(args, "--log-bin=mariadb-bin", "--binlog-format=ROW", "--binlog-row-image=FULL", "--sync-binlog=0")
	} else {
		args = append(args, "--skip-log-bin")
	}
	return append(args, o.args...)
}

// mariadbBaseArgs are the arguments that the template is made with, too.
func mariadbBaseArgs(data string) []string {
	args := []string{"--no-defaults", "--datadir=" + data, "--innodb-log-file-size=48M", "--loose-skip-feedback"}
	if os.Geteuid() == 0 {
		// Changing the user would clear the death signal (prctl(2)).
		args = append(args, "--user=root")
	}
	return args
}

// mariadbTemplate gives a data directory as mariadb-install-db leaves it, with
// root's password set. It is made once per version and kept in the user's cache.
func mariadbTemplate(ctx context.Context, mariadbd string) (string, error) {
	installer, err := findProgram("mariadb-install-db", "/usr/bin/mariadb-install-db")
	if err != nil {
		return "", err
	}
	version, err := exec.CommandContext(ctx, mariadbd, "--no-defaults", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", mariadbd, err)
	}
	id := sha256.Sum256([]byte(string(version) + templateSQL()))
	return cached(fmt.Sprintf("mariadb-template-%x", id[:6]), func(dst string) error {
		// Without --force a machine that cannot look up its own name is refused.
		args := append(mariadbBaseArgs(dst), "--force", "--skip-test-db", "--auth-root-authentication-method=normal")
		if out, err := exec.CommandContext(ctx, installer, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("mariadb-install-db: %w\n%s", err, out)
		}
		boot := exec.CommandContext(ctx, mariadbd, append(mariadbBaseArgs(dst), "--bootstrap", "--skip-log-bin")...)
		boot.Stdin = strings.NewReader(templateSQL())
		var out bytes.Buffer
		boot.Stdout, boot.Stderr = &out, &out
		if err := boot.Run(); err != nil {
			return fmt.Errorf("mariadbd --bootstrap: %w\n%s", err, out.String())
		}
		return nil
	})
}

func templateSQL() string {
	// The installer leaves accounts for 127.0.0.1, ::1 and the host's name that
	// would match before '%'.
	return "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys';\n" +
		"FLUSH PRIVILEGES;\n" +
		"CREATE USER root@'%' IDENTIFIED BY '" + rootPassword + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n"
}

// findProgram looks in PATH, then at the given places.
func findProgram(name string, places ...string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, p := range places {
		if st, err := os.Stat(p); err == nil && !st.IsDir() {
			return p, nil
		}
	}
	return "", fmt.Errorf("the program %s is not installed: run `make deps`", name)
}
