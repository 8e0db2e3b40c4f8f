package precheck

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
)

// itemCase is a state of real servers and what an item finds there.
type itemCase struct {
	item, name string
	sub        config.Subtask
	more       []config.Subtask // further sources
	set        string           // a global variable of the source, until the next case
	want       string           // of the only finding, "" for success
	help       string           // of its instruction: the statement that mends it
}

// merged gives a subtask whose tables become `shards`.`t`.
func merged(t *testing.T, sub config.Subtask) config.Subtask {
	t.Helper()
	r, err := route.New([]route.Rule{{Name: "r", Schema: "shards_*", Table: "t_*", TargetSchema: "shards", TargetTable: "t"}}, route.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sub.Routes = r
	return sub
}

// TestEveryItem has a right and a wrong state of a real server for each item of
// ignore-checking-items, except for what no real server of today can be: that is
// in TestVersionBounds and TestServerIDZero. Ignoring the item silences it.
func TestEveryItem(t *testing.T) {
	up, down := servers.MariaDB(t), servers.TiDB(t)
	root, target := up.Config(), down.Config()
	prepare(t, up, "CREATE DATABASE items", "CREATE TABLE items.good (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1)",
		"CREATE TABLE items.versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING", "CREATE TABLE items.greek (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250)",
		"CREATE TABLE items.greek_there (id INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET cp1250)")
	prepare(t, down, "CREATE DATABASE items", "CREATE TABLE items.greek_there (id INT PRIMARY KEY, v VARCHAR(9))",
		"CREATE DATABASE shards", "CREATE TABLE shards.t (id BIGINT, v INT, INDEX (id))", "CREATE DATABASE shards_other")
	for schema, tables := range map[string][]string{
		"shards_same": {"(id INT PRIMARY KEY, v VARCHAR(9))", "(ID INT PRIMARY KEY, v VARCHAR(9) CHARACTER SET latin1)"},
		"shards_less": {"(id INT PRIMARY KEY, v INT)", "(id INT PRIMARY KEY)"},
		"shards_type": {"(id INT PRIMARY KEY, v INT)", "(id INT PRIMARY KEY, v BIGINT)"},
		"shards_keys": {"(id INT PRIMARY KEY, v INT)", "(id INT PRIMARY KEY, v INT UNIQUE)"},
		"shards_auto": {"(id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)", "(id BIGINT AUTO_INCREMENT PRIMARY KEY, v INT)"},
	} {
		prepare(t, up, "CREATE DATABASE "+schema)
		for i, body := range tables {
			prepare(t, up, fmt.Sprintf("CREATE TABLE %s.t_%d %s", schema, i, body))
		}
	}
	good := func(mode string) config.Subtask {
		return subtask(t, root, target, mode, "do-tables: [{db-name: items, tbl-name: good}]")
	}
	only := func(table string) config.Subtask {
		return subtask(t, root, target, "all", "do-tables: [{db-name: items, tbl-name: "+table+"}]")
	}
	shards := func(schema string) config.Subtask {
		sub := merged(t, subtask(t, root, target, "full", "do-dbs: ["+schema+"]"))
		if schema != "shards_auto" {
			r, err := route.New([]route.Rule{{Schema: "shards_*", TargetSchema: "shards_new", TargetTable: "t"}}, route.Options{})
			if err != nil {
				t.Fatal(err)
			}
			sub.Routes = r
		}
		return sub
	}
	second := shards("shards_less")
	second.SourceID, second.Filter = "s2", exactly{"shards_less", "t_1"}
	first := shards("shards_less")
	first.Filter, first.Rules.DoDBs = exactly{"shards_less", "t_0"}, nil
	second.Rules = first.Rules
	newTarget := shards("shards_auto")
	var err error
	if newTarget.Routes, err = route.New([]route.Rule{{Schema: "shards_auto", TargetSchema: "shards_new", TargetTable: "t"}}, route.Options{}); err != nil {
		t.Fatal(err)
	}
	poor := user(t, up, "items_poor", "INSERT ON items.*")
	blind := user(t, up, "items_blind", "RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.*", "SELECT ON items.greek", "INSERT ON items.good")
	purged := good("incremental")
	purged.Start = &config.StartPoint{BinlogName: "mariadb-bin.000099", BinlogPos: 4}
	poorSub, blindSub := good("all"), good("full")
	poorSub.Source.From, blindSub.Source.From = poor, blind
	poorReplica := good("incremental")
	poorReplica.Source.From, poorReplica.Start = poor, nil
	cases := []itemCase{
		{item: itemVersion, name: "of today", sub: good("all")},
		{item: itemServerID, name: "not 0", sub: good("all")},
		{item: itemBinlog, name: "written", sub: good("all")},
		{item: itemBinlog, name: "the start is gone", sub: purged, want: "the binlog file mariadb-bin.000099 of meta is not on source s1", help: "correct binlog-name in meta"},
		{item: itemFormat, name: "STATEMENT", set: "binlog_format = STATEMENT", sub: good("all"), want: "binlog_format is STATEMENT, and should be ROW", help: "set global binlog_format = ROW;"},
		{item: itemFormat, name: "ROW", set: "binlog_format = ROW", sub: good("all")},
		{item: itemRowImage, name: "MINIMAL", set: "binlog_row_image = MINIMAL", sub: good("all"), want: "binlog_row_image is MINIMAL, and should be FULL", help: "set global binlog_row_image = FULL;"},
		{item: itemRowImage, name: "FULL", set: "binlog_row_image = FULL", sub: good("all")},
		{item: itemDump, name: "all privileges", sub: good("all")},
		{item: itemDump, name: "none", sub: poorSub, want: "lack of RELOAD,SELECT privilege", help: "GRANT RELOAD,SELECT ON *.* TO 'items_poor'@'%';"},
		{item: itemDump, name: "another table only", sub: blindSub, want: "lack of SELECT privilege on schema `items`", help: "GRANT SELECT ON `items`.* TO 'items_blind'@'%';"},
		{item: itemReplication, name: "all privileges", sub: good("incremental")},
		{item: itemReplication, name: "none", sub: poorReplica, want: "lack of REPLICATION SLAVE,REPLICATION CLIENT privilege", help: "GRANT REPLICATION SLAVE,REPLICATION CLIENT ON *.* TO 'items_poor'@'%';"},
		{item: itemTables, name: "what everybody knows", sub: good("full")},
		{item: itemTables, name: "system versioning", sub: only("versioned"), want: "table `items`.`versioned`: ", help: "exclude the table"},
		{item: itemTables, name: "a character set that TiDB lacks", sub: only("greek"), want: "table `items`.`greek` unsupport charset cp1250", help: "create `items`.`greek` on the target by hand"},
		{item: itemTables, name: "the same, created by hand", sub: only("greek_there")},
		{item: itemShards, name: "alike", sub: shards("shards_same")},
		{item: itemShards, name: "a column less", sub: shards("shards_less"), want: "column length mismatch (self: 1 vs other: 2)", help: "please set same table structure"},
		{item: itemShards, name: "a column less in another source", sub: first, more: []config.Subtask{second}, want: "column length mismatch (self: 1 vs other: 2)", help: "please set same table structure"},
		{item: itemShards, name: "another type", sub: shards("shards_type"), want: "different column definition", help: "please set same table structure"},
		{item: itemShards, name: "another key", sub: shards("shards_keys"), want: "different unique keys", help: "please set same table structure"},
		{item: itemSerial, name: "a target without the key", sub: shards("shards_auto")},
		{item: itemSerial, name: "a target with the key", sub: newTarget, want: "has the auto-increment key `id`", help: "create `shards_new`.`t` on the target with another primary key"},
	}
	right, wrong := map[string]bool{}, map[string]bool{itemVersion: true, itemServerID: true} // TestVersionBounds, TestServerIDZero
	for _, c := range cases {
		right[c.item] = right[c.item] || c.want == ""
		wrong[c.item] = wrong[c.item] || c.want != ""
		if c.set != "" {
			prepare(t, up, "SET GLOBAL "+c.set)
		}
		for _, ignore := range [][]string{nil, {c.item}} {
			r, err := Check(t.Context(), append([]config.Subtask{c.sub}, c.more...), ignore)
			if err != nil {
				t.Fatalf("%s, %s: %v", c.item, c.name, err)
			}
			got := slices.DeleteFunc(findings(r), func(f string) bool { return !ofItem(f, c.item) })
			switch {
			case c.want == "" || ignore != nil:
				if len(got) > 0 {
					t.Errorf("%s, %s, ignoring %v: %q", c.item, c.name, ignore, got)
				}
			case len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.Contains(got[0], c.help):
				t.Errorf("%s, %s: %q, want %q with %q", c.item, c.name, got, c.want, c.help)
			}
		}
	}
	for _, item := range config.CheckItems() {
		if item != itemAll && (!right[item] || !wrong[item]) {
			t.Errorf("%s: a right case %v, a wrong case %v", item, right[item], wrong[item])
		}
	}
}

// ofItem tells whether a finding is one of an item's.
func ofItem(f, item string) bool {
	name := map[string]string{itemVersion: "mysql_version", itemServerID: "mysql_server_id", itemBinlog: "mysql_binlog_enable", itemFormat: "mysql_binlog_format",
		itemRowImage: "mysql_binlog_row_image", itemDump: "source db dump", itemReplication: "source db replication", itemTables: "table structure compat",
		itemShards: "sharding table", itemSerial: "sharding table"}[item]
	_, rest, _ := strings.Cut(f, " ")
	return strings.HasPrefix(rest, name)
}

// TestServerIDZero: no MariaDB can have it, a MySQL may.
func TestServerIDZero(t *testing.T) {
	db, err := open(t.Context(), fault.Upstream, mysql84(func(f *fakeMySQL) { f.variables["server_id"] = "0" }).start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	c := &checker{db: db, sub: &config.Subtask{}}
	if f := c.check(itemServerID).run(t.Context()); f.state() != Failed || !strings.Contains(f.instruction, "SET GLOBAL server_id = 1;") {
		t.Errorf("%+v", f)
	}
}

// TestCheckLimit: a check whose server does not answer in time is a warning, and
// the others are done meanwhile.
func TestCheckLimit(t *testing.T) {
	r := run(t.Context(), 20*time.Millisecond, []check{
		{"slow", "", func(ctx context.Context) finding { <-ctx.Done(); return unanswered(ctx.Err()) }},
		{"wrong", "", func(context.Context) finding { return failed("mend it", "wrong") }},
	}, "")
	if r[0].State != Warning || r[1].State != Failed {
		t.Errorf("%+v", r)
	}
}

// TestManyTables: the checks of a thousand tables ask for each table once, and
// for nothing else that grows with them.
func TestManyTables(t *testing.T) {
	const tables = 1000
	s := servers.MariaDB(t)
	prepare(t, s, "CREATE DATABASE many")
	var list []string
	for i := range tables {
		list = append(list, fmt.Sprintf("CREATE TABLE many.t_%d (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20), KEY (v)) ENGINE=MyISAM", i)) // which is created fast
	}
	prepare(t, s, list...)
	sub := subtask(t, s.Config(), s.Config(), "all", "do-dbs: [many]")
	var err error
	if sub.Routes, err = route.New([]route.Rule{{Schema: "many", TargetSchema: "many_to", TargetTable: "t"}}, route.Options{}); err != nil {
		t.Fatal(err)
	}
	before, began := questions(t), time.Now()
	r, err := Check(t.Context(), []config.Subtask{sub}, []string{itemSerial})
	if err != nil || !r.Summary.Passed {
		t.Fatal(err, findings(r))
	}
	asked := questions(t) - before
	t.Logf("%d tables: %d statements, %s", tables, asked, time.Since(began))
	if asked > tables+150 {
		t.Errorf("%d statements for %d tables", asked, tables)
	}
}

// questions is how many statements the shared server was asked.
func questions(t *testing.T) int {
	t.Helper()
	var name, value string
	if err := servers.MariaDB(t).DB().QueryRow("SHOW GLOBAL STATUS LIKE 'Questions'").Scan(&name, &value); err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
