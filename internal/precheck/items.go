package precheck

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// checker asks one upstream the questions of one subtask.
type checker struct {
	db       *dbconn.DB
	sub      *config.Subtask
	selected []schema.Name // the tables that belong to the task
	target   *target       // nil when it cannot be asked

	mu sync.Mutex
	// mu guards the following.
	found []structure
	at    map[schema.Name]int // places in found
	read  bool
}

// check gives the check of an item, with the names that DM's tools know.
func (c *checker) check(item string) check {
	switch item {
	case itemVersion:
		return check{"mysql_version", "check whether mysql version is satisfied", c.version}
	case itemServerID:
		return check{"mysql_server_id", "check whether mysql server_id has been greater than 0", c.serverID}
	case itemBinlog:
		return check{"mysql_binlog_enable", "check whether mysql binlog is enabled", c.binlogEnabled}
	case itemFormat:
		return check{"mysql_binlog_format", "check whether mysql binlog_format is ROW", c.binlogFormat}
	case itemRowImage:
		return check{"mysql_binlog_row_image", "check whether mysql binlog_row_image is FULL", c.rowImage}
	case itemDump:
		return check{"source db dump privilege checker", "check dump privileges of source DB", c.dumpPrivileges}
	case itemReplication:
		return check{"source db replication privilege checker", "check replication privileges of source DB", c.replicationPrivileges}
	default:
		return check{"table structure compatibility check", "check compatibility of table structure", c.tables}
	}
}

func (c *checker) version(context.Context) finding {
	return version(c.db.Server.Flavor, c.db.Server.Version)
}

// version compares with the oldest servers that work.
func version(flavor, text string) finding {
	const instruction = "Please upgrade your database system"
	least := [3]int{5, 6, 0}
	if flavor == "mariadb" {
		least = [3]int{10, 1, 2}
	}
	got, ok := parseVersion(text)
	if !ok {
		return failed(instruction, "version %q is not three numbers", text)
	}
	if less(got, least) {
		return failed(instruction, "version required at least %s but got %s", dotted(least), dotted(got))
	}
	return finding{}
}

// parseVersion reads the numbers in front of the first dash. Some proxies put
// "5.5.5-" in front of MariaDB's version for the sake of old replicas.
func parseVersion(s string) ([3]int, bool) {
	if rest, ok := strings.CutPrefix(s, "5.5.5-"); ok && strings.Contains(rest, "MariaDB") {
		s = rest
	}
	numbers, _, _ := strings.Cut(s, "-")
	var out [3]int
	parts := strings.Split(numbers, ".")
	if len(parts) != len(out) {
		return out, false
	}
	for i, p := range parts {
		n, err := strconv.Atoi(p)
		if err != nil {
			return out, false
		}
		out[i] = n
	}
	return out, true
}

func less(a, b [3]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}

func dotted(v [3]int) string { return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) }

func (c *checker) serverID(context.Context) finding {
	if c.db.Server.ServerID == 0 {
		return failed("SET GLOBAL server_id = 1; and the same in the server's configuration file", "server_id is 0")
	}
	return finding{}
}

func (c *checker) binlogEnabled(ctx context.Context) finding {
	if !c.db.Server.LogBin {
		return failed("set log_bin, server_id and binlog_format=ROW in the server's configuration file and restart it",
			"log_bin is OFF, and should be ON")
	}
	f := c.unlogged(ctx)
	f.details = append(f.details, c.startPoint(ctx)...)
	return f
}

func (c *checker) binlogFormat(ctx context.Context) finding {
	return c.global(ctx, "binlog_format", "ROW")
}

func (c *checker) rowImage(ctx context.Context) finding {
	return c.global(ctx, "binlog_row_image", "FULL")
}

// global compares a global variable. A server that does not have the variable
// can only do what is wanted: it is either older than the choice or newer.
func (c *checker) global(ctx context.Context, name, want string) finding {
	var got string
	err := c.db.QueryRowContext(ctx, "SELECT @@GLOBAL."+name).Scan(&got)
	const unknownVariable = 1193
	switch {
	case isNumber(err, unknownVariable):
		return finding{}
	case err != nil:
		return unanswered(dbconn.Error(fault.Upstream, "read "+name, err))
	case strings.EqualFold(got, want):
		return finding{}
	}
	return failed(fmt.Sprintf("set global %s = %s; and the same in the server's configuration file, then reconnect the clients that write", name, want),
		"%s is %s, and should be %s", name, got, want)
}

// dumpPrivileges asks for what the dump's consistency needs, and whether every
// table can be read.
func (c *checker) dumpPrivileges(ctx context.Context) finding {
	needs := []need{{privilege: "SELECT"}}
	switch c.sub.Dump.Consistency {
	case config.ConsistencyLock:
		needs = []need{{privilege: "LOCK TABLES"}, {privilege: "SELECT"}}
	case config.ConsistencyNone:
	default:
		needs = []need{{privilege: "RELOAD", global: true}, {privilege: "SELECT"}}
	}
	f := c.privileges(ctx, needs)
	if f.state() != Success {
		return f
	}
	gs, err := readGrants(ctx, c.db)
	if err != nil {
		return unanswered(dbconn.Error(fault.Upstream, "read the user's grants", err))
	}
	for _, name := range schemasOf(c.selected) {
		if len(gs.lacking([]string{"SELECT"}, name, c.selected)) > 0 {
			f.details = append(f.details, Detail{Severity: Failed, ShortErr: "lack of SELECT privilege on schema " + dbconn.Ident(name),
				Instruction: fmt.Sprintf("GRANT SELECT ON %s.* TO %s;", dbconn.Ident(name), gs.user)})
		}
	}
	return f
}

func (c *checker) replicationPrivileges(ctx context.Context) finding {
	return c.privileges(ctx, []need{{privilege: "REPLICATION SLAVE", global: true}, {privilege: "REPLICATION CLIENT", global: true}})
}

// privileges compares the user's grants with what is needed.
func (c *checker) privileges(ctx context.Context, needs []need) finding {
	gs, err := readGrants(ctx, c.db)
	if err != nil {
		return unanswered(dbconn.Error(fault.Upstream, "read the user's grants", err))
	}
	if missing := gs.missing(needs); len(missing) > 0 {
		return failed(fmt.Sprintf("GRANT %s ON *.* TO %s;", strings.Join(missing, ","), gs.user),
			"lack of %s privilege", strings.Join(missing, ","))
	}
	return finding{}
}
