package testbed

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
)

// StartMySQL starts a MySQL 9 server from Debian's development release, in a
// chroot that debootstrap makes once in the user's cache; it needs root. The
// data lives inside the chroot and goes with Close; dir takes the log. Row
// events and GTIDs are on; args are more arguments of mysqld, a later one wins over
// an earlier one. ctx bounds the start, and the making of the chroot.
func StartMySQL(ctx context.Context, dir string, args ...string) (*Server, error) {
	return StartMySQLWithTLS(ctx, dir, endpoint.Security{}, args...)
}

// StartMySQLWithTLS is StartMySQL for a server with a certificate, which it lets
// nobody in without TLS. An empty sec is for one without.
func StartMySQLWithTLS(ctx context.Context, dir string, sec endpoint.Security, args ...string) (*Server, error) {
	root, err := mysqlRoot(ctx)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	outside, err := os.MkdirTemp(filepath.Join(root, "srv"), "raftdm-")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	s := &Server{Name: "mysql", Host: "127.0.0.1", Port: port, User: "root", Password: rootPassword, Dir: dir, wantsTLS: sec.On()}
	s.cleanup = func() error { return os.RemoveAll(outside) }
	inside := "/srv/" + filepath.Base(outside)
	if sec.On() {
		for flag, path := range map[string]string{"ssl-ca": sec.CA, "ssl-cert": sec.Cert, "ssl-key": sec.Key} {
			pem, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(filepath.Join(outside, flag), pem, 0o600)
			}
			if err != nil {
				return nil, errors.Join(err, s.cleanup())
			}
			args = append([]string{"--" + flag + "=" + inside + "/" + flag}, args...)
		}
		args = append([]string{"--require-secure-transport=ON"}, args...)
	}
	data := []string{root, "mysqld", "--no-defaults", "--user=root", "--datadir=" + inside + "/data"}
	if err := initMySQL(ctx, outside, inside, data); err != nil {
		return nil, errors.Join(err, s.cleanup())
	}
	chroot, err := findProgram("chroot", "/usr/sbin/chroot")
	if err != nil {
		return nil, errors.Join(err, s.cleanup())
	}
	s.proc = &process{name: "mysqld", path: chroot, logFile: filepath.Join(dir, "mysqld.log"), args: append(append(data,
		"--bind-address=127.0.0.1", "--port="+strconv.Itoa(port), "--mysqlx=OFF", "--sql-mode=STRICT_TRANS_TABLES",
		"--socket="+inside+"/s.sock", "--pid-file="+inside+"/pid", "--secure-file-priv=", "--skip-name-resolve",
		"--server-id="+strconv.Itoa(port), "--log-bin="+inside+"/data/mysql-bin", "--gtid-mode=ON", "--enforce-gtid-consistency=ON",
		"--sync-binlog=0", "--cte-max-recursion-depth=10000000", "--innodb-flush-log-at-trx-commit=2", "--init-file="+inside+"/init.sql"), args...)}
	if err = s.openPools(); err != nil {
		return nil, errors.Join(err, s.cleanup())
	}
	if err := s.Start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// initMySQL makes an empty data directory and the statements that each start
// runs: root's password, without a trace in the binlog.
func initMySQL(ctx context.Context, outside, inside string, data []string) error {
	const sql = "SET SESSION sql_log_bin = 0;\n" +
		"CREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '" + rootPassword + "';\n" +
		"GRANT ALL PRIVILEGES ON *.* TO root@'%' WITH GRANT OPTION;\n"
	if err := os.WriteFile(filepath.Join(outside, "init.sql"), []byte(sql), 0o600); err != nil {
		return err
	}
	args := append(append([]string(nil), data...), "--initialize-insecure")
	if out, err := exec.CommandContext(ctx, "chroot", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("mysqld --initialize-insecure in %s: %w\n%s", inside, err, out)
	}
	return nil
}

// mysqlRoot gives the chroot with MySQL in it, made on first use.
func mysqlRoot(ctx context.Context) (string, error) {
	if os.Geteuid() != 0 {
		return "", errors.New("MySQL runs in a chroot, which needs root: run `sudo make test-mysql`")
	}
	debootstrap, err := exec.LookPath("debootstrap")
	if err != nil {
		return "", errors.New("the program debootstrap is not installed: run `make test-mysql`, which installs it")
	}
	return cached("mysql-chroot", func(dst string) error {
		fmt.Fprintln(os.Stderr, "installing MySQL into a chroot (about a minute, 640 MB, once per machine)")
		ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, debootstrap, "--variant=minbase",
			"--include=mysql-server-core,mysql-client-core", "sid", dst)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("debootstrap: %w\n%s", err, out)
		}
		return nil
	})
}
