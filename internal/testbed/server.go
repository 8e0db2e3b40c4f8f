package testbed

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/raftdm/raftdm/internal/endpoint"
)

// rootPassword is the password of root on every server that this package
// starts; they listen on 127.0.0.1 only and live as long as a test.
const rootPassword = "raftdm-root"

// readyLimit bounds one start: seconds usually, more on a loaded machine.
const readyLimit = 90 * time.Second

// Server is one running database server. Stop, Kill and Start may be called
// in turn; the port and the data stay the same.
type Server struct {
	Name     string // "mariadb" or "tidb", for messages
	Host     string
	Port     int
	User     string
	Password string
	Dir      string // data, log and configuration files

	proc *process
	pool *sql.DB
	// apart has no idle sessions: each one that is taken is new.
	apart *sql.DB
	data  string // MariaDB's data directory
	// wantsTLS tells that root's sessions are encrypted, too.
	wantsTLS bool
	// cleanup removes what lives outside Dir; nil when there is nothing.
	cleanup func() error
	// afterFirstStart is what has to be done once, on the first start.
	afterFirstStart func(ctx context.Context) error
}

// Config gives the connection data of root.
func (s *Server) Config() endpoint.Database {
	return endpoint.Database{Host: s.Host, Port: s.Port, User: s.User, Password: endpoint.Secret(s.Password)}
}

// DB gives a pool of root's sessions. It lives as long as the Server, also
// across Stop and Start; Close closes it. Whoever takes a session from it must leave
// it as it was: SET belongs into a Session.
func (s *Server) DB() *sql.DB { return s.pool }

// Session opens a session of root's that nobody else has had or will get, so
// that what is SET in it ends with its Close.
func (s *Server) Session(ctx context.Context) (*sql.Conn, error) { return s.apart.Conn(ctx) }

// DSN gives a data source name of go-sql-driver for root.
func (s *Server) DSN() string { return s.driverConfig(s.Password).FormatDSN() }

func (s *Server) driverConfig(password string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr = s.User, password, "tcp", s.Addr()
	c.MultiStatements, c.InterpolateParams = true, true
	c.Timeout = 5 * time.Second
	if s.wantsTLS {
		c.TLSConfig = "skip-verify"
	}
	c.Logger = &mysql.NopLogger{} // lost connections are expected here
	return c
}

// Addr gives "host:port".
func (s *Server) Addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// PID gives the process id, 0 when the server was never started.
func (s *Server) PID() int { return s.proc.pid() }

// DataDir gives a MariaDB server's data directory, for WithData.
func (s *Server) DataDir() string { return s.data }

// LogFile gives the file that the server's output goes to.
func (s *Server) LogFile() string { return s.proc.logFile }

// Start starts a stopped or killed server again on its port and data, and
// waits until it answers. ctx bounds the start only.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	if err := s.proc.start(); err != nil {
		return err
	}
	ready := func(ctx context.Context) error {
		if s.afterFirstStart != nil {
			if err := s.afterFirstStart(ctx); err != nil {
				return err
			}
			s.afterFirstStart = nil
		}
		err := s.pool.PingContext(ctx)
		if refused := (*mysql.MySQLError)(nil); errors.As(err, &refused) {
			return errors.Join(errGiveUp, err) // it answers, and will not answer otherwise later
		}
		return err
	}
	return s.proc.waitReady(ctx, ready)
}

// Stop sends SIGTERM and waits until the server has ended.
func (s *Server) Stop(ctx context.Context) error { return s.proc.stop(ctx) }

// Kill sends SIGKILL and waits until the server is gone.
func (s *Server) Kill() { s.proc.kill() }

// Pause stops the server's process where it is; its connections stay open.
func (s *Server) Pause() error { return s.proc.pause() }

// Continue lets a paused server go on.
func (s *Server) Continue() error { return s.proc.signal(syscall.SIGCONT) }

// Alive tells whether the process runs.
func (s *Server) Alive() bool { return s.proc.alive() }

// Close kills the server (its data is thrown away) and closes the pool.
func (s *Server) Close() error {
	err := errors.Join(s.pool.Close(), s.apart.Close()) // first: a session of a killed server closes with an error
	s.Kill()
	if s.cleanup != nil {
		err = errors.Join(err, s.cleanup())
	}
	return err
}

// Behind puts a gate of a network before the server. The answer tells its
// address, which sessions have to use to be seen and disturbed.
func (s *Server) Behind(n *Net, name string) (*Gate, error) {
	g, err := n.Gate(name, s.Addr())
	if err != nil {
		return nil, err
	}
	n.Join(name, s.proc.livePID)
	s.proc.follow(g.Lives)
	return g, nil
}

// Exec runs statements of root, one after the other.
func (s *Server) Exec(ctx context.Context, statements ...string) error {
	for _, q := range statements {
		if _, err := s.pool.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %.200s: %w", s.Name, q, err)
		}
	}
	return nil
}

// openPools makes the pools of root's sessions; they connect on first use.
func (s *Server) openPools() (err error) {
	if s.pool, err = s.open(s.Password); err != nil {
		return err
	}
	s.pool.SetMaxIdleConns(8)
	s.apart, err = s.open(s.Password)
	return err
}

// open makes a pool that keeps no idle session.
func (s *Server) open(password string) (*sql.DB, error) {
	cfg := s.driverConfig(password)
	if err := cfg.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	c, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(-1)
	return db, nil
}
