package dbconn

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
)

// connLifetime returns a pooled connection now and then, so that a load
// balancer in front of several TiDB servers can spread them anew.
const connLifetime = 30 * time.Minute

// DB is a pool of equal sessions on one server.
type DB struct {
	*sql.DB
	Server Server
	// Idle is how long a connection may rest before it is replaced rather than
	// used again, because the server may have ended it; 0: as long as it likes.
	// The pool sees to it; whoever holds a connection for long does so himself.
	Idle time.Duration
	// Addr is where the server is, for messages: a connection that breaks does not
	// say whose it was.
	Addr string

	side fault.Side
}

// Side tells whether this is the source or the target.
func (db *DB) Side() fault.Side { return db.side }

// Open connects, asks the server what it is, and sets up every session as the
// package doc says. It fails unless one session can be made completely, and with
// the context's error when that ended meanwhile.
func Open(ctx context.Context, side fault.Side, cfg config.Database, o Options) (*DB, error) {
	db, err := open(ctx, side, cfg, o)
	if err != nil && ctx.Err() != nil {
		// The driver calls a connection that ctx closed between two queries a bad one.
		return nil, Error(side, operation(cfg), ctx.Err())
	}
	return db, err
}

// operation says what Open attempts.
func operation(cfg config.Database) string {
	return fmt.Sprintf("connect to %s as %s", address(cfg), cfg.User)
}

func open(ctx context.Context, side fault.Side, cfg config.Database, o Options) (*DB, error) {
	op := operation(cfg)
	vars, err := sessionVariables(cfg, o)
	if err != nil {
		return nil, fault.Wrap(op, err)
	}
	sec := tlsconf.ForDatabase(cfg, side)
	dc, err := driverConfig(cfg, sec, o)
	if err != nil {
		return nil, Error(side, op, err)
	}
	plain, err := mysql.NewConnector(dc)
	if err != nil {
		return nil, Error(side, op, err)
	}
	server, err := probe(ctx, plain)
	if err != nil {
		return nil, Error(side, op, sec.Explain(err))
	}
	if server.TiDB {
		vars = append(vars, tidbVariables(cfg, o)...)
	}
	var idle time.Duration
	if limit := abandonVariables(side, cfg); len(limit) > 0 {
		vars, idle = append(vars, limit...), abandoned/2
	}
	pool := sql.OpenDB(&connector{Connector: plain, vars: vars, tls: sec})
	pool.SetMaxOpenConns(o.maxConns())
	pool.SetMaxIdleConns(o.maxConns())
	pool.SetConnMaxLifetime(connLifetime)
	pool.SetConnMaxIdleTime(idle)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(Error(side, op, err), pool.Close())
	}
	return &DB{DB: pool, Server: server, Idle: idle, Addr: address(cfg), side: side}, nil
}

// probe asks over one plain connection, before any variable is set, what the
// server is.
func probe(ctx context.Context, c driver.Connector) (Server, error) {
	db := sql.OpenDB(c)
	server, err := detect(ctx, db)
	return server, errors.Join(err, db.Close())
}

// connector makes driver connections whose session variables are set.
type connector struct {
	driver.Connector
	vars []variable
	tls  *tlsconf.Database // nil: plain
}

// Connect makes one connection and sets its variables one by one, so that an
// error can name the variable.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, c.tls.Explain(err)
	}
	for _, v := range c.vars {
		if err := setVariable(ctx, conn, v); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

func setVariable(ctx context.Context, conn driver.Conn, v variable) error {
	ex, ok := conn.(driver.ExecerContext)
	if !ok {
		return fault.New(fault.Internal, "the database driver cannot execute statements on a connection")
	}
	_, err := ex.ExecContext(ctx, v.statement(), nil)
	var refused *mysql.MySQLError
	if errors.As(err, &refused) {
		return &fault.Error{
			Kind: fault.Invalid, Code: codeExec,
			Msg:  fmt.Sprintf("the server refuses session variable %s = %s", v.name, v.value),
			Hint: "change or remove the variable in the session section of this database",
			Err:  err,
		}
	}
	return err
}
