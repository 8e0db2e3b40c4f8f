package dbconn

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
)

// Time limits of every connection. Each single read or write has to finish
// within its limit, not a whole statement's result.
const (
	dialTimeout = 10 * time.Second
	// ioTimeout lets a statement think for five minutes before its connection
	// counts as dead. Options.IOTimeout raises it for long DDL.
	ioTimeout = 5 * time.Minute
)

// Options are what the caller decides about the sessions of a DB. They win over
// variables of the same name in the configuration's session section.
type Options struct {
	// MaxConns bounds the pool, idle connections included; 0 means 4.
	MaxConns int
	// SQLMode is set on every session, so "" is MySQL's empty mode, not the server's default.
	SQLMode string
	// TimeZone is set on every session; "" leaves the server's.
	TimeZone string
	// TxnMode is TiDB's tidb_txn_mode, "optimistic" or "pessimistic"; "" leaves
	// the server's. Servers other than TiDB have no such mode and ignore it.
	TxnMode string
	// IOTimeout bounds one read or write on the wire; 0 means 5 minutes.
	IOTimeout time.Duration
}

// defaultMaxConns is enough for one reader with a few helpers.
const defaultMaxConns = 4

func (o Options) maxConns() int {
	if o.MaxConns > 0 {
		return o.MaxConns
	}
	return defaultMaxConns
}

// driverConfig fills the driver's own configuration value. A connection string
// is never assembled: a password may hold any character, and text leaks.
func driverConfig(cfg config.Database, sec *tlsconf.Database, o Options) (*mysql.Config, error) {
	c := mysql.NewConfig()
	c.Net = "tcp"
	c.Addr = address(cfg)
	c.User, c.Passwd = cfg.User, cfg.Password.Reveal()
	c.Timeout = dialTimeout
	c.DialFunc = dial
	c.ReadTimeout, c.WriteTimeout = ioTimeout, ioTimeout
	if o.IOTimeout > 0 {
		c.ReadTimeout, c.WriteTimeout = o.IOTimeout, o.IOTimeout
	}
	c.ClientFoundRows = true
	c.MultiStatements = true
	c.InterpolateParams = true
	c.MaxAllowedPacket = 0 // ask the server on each connect
	// The driver would print broken connections to stderr; they are returned too.
	c.Logger = &mysql.NopLogger{}
	// The oldest utf8mb4 collation: MySQL 5.7 to 9, MariaDB and TiDB all have it.
	if err := c.Apply(mysql.Charset("utf8mb4", "utf8mb4_general_ci")); err != nil {
		return nil, err
	}
	if sec == nil {
		return c, nil
	}
	return c, c.Apply(mysql.BeforeConnect(func(_ context.Context, c *mysql.Config) (err error) {
		c.TLS, err = sec.Config() // the files may have been renewed
		return err
	}))
}

func address(cfg config.Database) string {
	return net.JoinHostPort(cfg.Host, strconv.Itoa(cfg.Port))
}

// variable is one session variable and the SQL text of its value.
type variable struct{ name, value string }

func (v variable) statement() string { return "SET SESSION " + v.name + " = " + v.value }

// NoSelectLimit is the sql_select_limit of a session that gets all rows of each
// SELECT: without one it has the server's global limit, which leaves rows out
// without a word.
const NoSelectLimit = "18446744073709551615"

// sessionVariables lists what every new session sets, in order: the user's own
// first, so that what the caller relies on stands in the end.
func sessionVariables(cfg config.Database, o Options) ([]variable, error) {
	// A session that stays in a transaction between two statements would go on
	// showing what others have changed since as it was.
	own := []variable{{"autocommit", "1"}, {"completion_type", quote("NO_CHAIN")}, {"sql_select_limit", NoSelectLimit}, {"sql_mode", quote(o.SQLMode)}}
	if o.TimeZone != "" {
		own = append(own, variable{"time_zone", quote(o.TimeZone)})
	}
	var out []variable
	for _, name := range slices.Sorted(maps.Keys(cfg.Session)) {
		if !isVariableName(name) {
			return nil, &fault.Error{
				Kind: fault.Invalid,
				Msg:  fmt.Sprintf("session variable %q is not a variable's name", name),
				Hint: "use letters, digits and underscores only, without @@ and without a scope",
			}
		}
		overridden := slices.ContainsFunc(own, func(v variable) bool { return strings.EqualFold(v.name, name) })
		if !overridden {
			out = append(out, variable{name, valueText(cfg.Session[name])})
		}
	}
	return append(out, own...), nil
}

// tidbVariables pin what TiDB must not do on its own: retrying a transaction
// inside the server re-applies writes that are no longer ours to make.
func tidbVariables(cfg config.Database, o Options) []variable {
	out := []variable{{"tidb_disable_txn_auto_retry", "ON"}, {"tidb_retry_limit", "0"}}
	// Statements here name their rows by key, so there is no plan to choose; to
	// look for a binding costs TiDB a twentieth of its work all the same.
	const baselines = "tidb_use_plan_baselines"
	if !sets(cfg, baselines) {
		out = append(out, variable{baselines, "OFF"})
	}
	if o.TxnMode != "" {
		out = append(out, variable{"tidb_txn_mode", quote(o.TxnMode)})
	}
	return out
}

// abandoned is how long a session on a target may be silent before the server
// ends it. Without it a worker that was suspended or cut off in the middle of a
// transaction would keep its row locks for hours (wait_timeout is 8 h by
// default), and whoever takes over could not write.
const abandoned = 20 * time.Second

// abandonVariables set that limit, unless the user set one.
func abandonVariables(side fault.Side, cfg config.Database) []variable {
	const name = "wait_timeout"
	if side != fault.Downstream || sets(cfg, name) {
		return nil
	}
	return []variable{{name, strconv.Itoa(int(abandoned / time.Second))}}
}

// sets tells whether the configuration's session section has a variable.
func sets(cfg config.Database, name string) bool {
	for k := range cfg.Session {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

func isVariableName(s string) bool {
	if s == "" {
		return false
	}
	for _, r := range s {
		if r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s[0] < '0' || s[0] > '9'
}

// valueText gives a number or keyword bare, since MySQL refuses '100' for a
// numeric variable, and anything else quoted.
func valueText(v string) string {
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		return v
	}
	if slices.Contains([]string{"DEFAULT", "ON", "OFF", "TRUE", "FALSE"}, strings.ToUpper(v)) {
		return v
	}
	return quote(v)
}

// quote gives a string literal. It is only for values of variables, which have
// no business containing quotes or backslashes.
func quote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), "'", "''") + "'"
}

// Ident quotes the parts of a name and joins them: `a`.`b`.
func Ident(parts ...string) string {
	var b strings.Builder
	for i, p := range parts {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteByte('`')
		b.WriteString(strings.ReplaceAll(p, "`", "``"))
		b.WriteByte('`')
	}
	return b.String()
}
