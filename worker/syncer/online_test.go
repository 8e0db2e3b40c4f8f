package syncer

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// online makes the task follow online DDL.
func (b *bench) online() {
	b.t.Helper()
	rules, err := onlineddl.New(nil, nil)
	b.must(err)
	b.sub.Online, b.sub.Filter = rules, rules.Only(b.sub.Filter)
}

// ghost are the statements of gh-ost for a table with the columns id and v, while
// somebody writes to it, in their order.
func ghost(table, alter string) []string {
	return strings.Split(strings.NewReplacer("$t", table, "$alter", alter).Replace(
		"drop /* gh-ost */ table if exists `_$t_ghc`;"+
			"create /* gh-ost */ table `_$t_ghc` (id bigint unsigned auto_increment, last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"+
			" hint varchar(64) charset ascii not null, value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256 comment='gh-ost changelog';"+
			"create /* gh-ost */ table `_$t_gho` like `$t`;"+
			"alter /* gh-ost */ table `_$t_gho` $alter;"+
			"insert /* gh-ost */ into `_$t_ghc` (id, hint, value) values (NULLIF(2, 0), 'state', 'GhostTableMigrated') on duplicate key update last_update=NOW(), value=VALUES(value);"+
			"insert /* gh-ost `$t` */ ignore into `_$t_gho` (`id`, `v`) (select `id`, `v` from `$t` force index (`PRIMARY`) where id > 0 lock in share mode);"+
			"INSERT INTO `$t` (id, v) VALUES (100, 100);"+
			"replace /* gh-ost */ into `_$t_gho` (`id`, `v`) values (100, 100);"+
			"create /* gh-ost */ table `_$t_del` (id int auto_increment primary key) engine=InnoDB comment='ghost-cut-over-sentry';"+
			"drop /* gh-ost */ table if exists `_$t_del`;"+
			"rename /* gh-ost */ table `$t` to `_$t_del`, `_$t_gho` to `$t`;"+
			"UPDATE `$t` SET v = v + 1;"+
			"drop /* gh-ost */ table if exists `_$t_ghc`;"+
			"drop /* gh-ost */ table if exists `_$t_del`"), ";")
}

// osc are the statements of pt-online-schema-change for such a table.
func osc(table, alter string) []string {
	return strings.Split(strings.NewReplacer("$t", table, "$alter", alter).Replace(
		"CREATE TABLE `_$t_new` (`id` int(11) NOT NULL, `v` int(11) DEFAULT NULL, PRIMARY KEY (`id`)) ENGINE=InnoDB;"+
			"ALTER TABLE `_$t_new` $alter;"+
			"CREATE TRIGGER `pt_osc_$t_ins` AFTER INSERT ON `$t` FOR EACH ROW REPLACE INTO `_$t_new` (`id`, `v`) VALUES (NEW.`id`, NEW.`v`);"+
			"INSERT LOW_PRIORITY IGNORE INTO `_$t_new` (`id`, `v`) SELECT `id`, `v` FROM `$t` LOCK IN SHARE MODE /*pt-online-schema-change 3227 copy table*/;"+
			"INSERT INTO `$t` (id, v) VALUES (100, 100);"+
			"ANALYZE TABLE `_$t_new` /* pt-online-schema-change */;"+
			"RENAME TABLE `$t` TO `_$t_old`, `_$t_new` TO `$t`;"+
			"DROP TABLE IF EXISTS `_$t_old`;"+
			"DROP TRIGGER IF EXISTS `pt_osc_$t_ins`;"+
			"UPDATE `$t` SET v = v + 1"), ";")
}

// recorded gives DM's part of the records.
func (b *bench) recorded() map[string][]string {
	b.t.Helper()
	out := map[string][]string{}
	for _, line := range b.text(b.down, "SELECT ghost_table, ddls FROM dm_meta."+b.sub.Task+"_onlineddl WHERE id = 's1'") {
		name, text, _ := strings.Cut(line, "|")
		var o checkpoint.Online
		b.must(json.Unmarshal([]byte(strings.TrimSuffix(text, "|")), &o))
		out[name] = o.DDLs
	}
	return out
}

// TestOnlineRestartedEverywhere stops and starts the unit between all statements
// of online DDLs that are under way at once; each DDL is executed once,
// and no table of the tools comes to the target (peer-bugs 25).
func TestOnlineRestartedEverywhere(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		tidb := strings.HasSuffix(t.Name(), "/tidb")
		b := newBench(t, up, down, tidb)
		b.online()
		b.exec("CREATE DATABASE " + b.schema())
		r := b.start()
		for _, n := range []string{"a", "b", "c"} {
			b.session("CREATE TABLE "+n+" (id INT PRIMARY KEY, v INT)", "INSERT INTO "+n+" VALUES (1, 1), (2, 2)")
		}
		r.caughtUp()
		r.end()
		file, pos := downstreamEnd(b, tidb)
		lists := [][]string{ghost("a", "ADD COLUMN w INT DEFAULT 7 FIRST, ADD KEY (v)"), osc("b", "ADD COLUMN w INT DEFAULT 7, ADD KEY (v)"), ghost("c", "MODIFY v BIGINT")}
		if tidb {
			lists = lists[:1] // a start takes longer there
		}
		for more := true; more; {
			more = false
			for i, list := range lists {
				if len(list) == 0 {
					continue
				}
				b.epoch++
				r := b.start()
				b.session(list[0])
				lists[i], more = list[1:], true
				r.caughtUp()
				r.end()
			}
		}
		b.equal()
		if left := b.recorded(); len(left) > 0 {
			t.Errorf("recorded in the end: %q", left)
		}
		if left := b.text(down, "SELECT tbl FROM dm_meta."+b.sub.Task+"_raftdm_structure WHERE tbl LIKE '\\_%'"); len(left) > 0 {
			t.Errorf("structures in the end: %q", left)
		}
		if tidb {
			return
		}
		got := executions(b, file, pos, "`"+b.schema()+"`.", tidb)
		want := map[string]int{}
		for text := range got {
			want[text] = 1
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != len(lists) {
			t.Errorf("executed on the target: %v (-want +got):\n%s", got, diff)
		}
	})
}

// TestOnlineRecordedOnce breaks the connection to the target, or ends the worker,
// before and behind the record of a shadow table's statement and its COMMIT: it is
// recorded once, so that it is executed once (peer-bugs 25).
func TestOnlineRecordedOnce(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.online()
	br := openBreaker(t, b.down)
	b.sub.Target = through(t, b.down, br.listen.Addr().String())
	b.meta = b.sub.Target
	b.exec("CREATE DATABASE " + b.schema())
	steps := []string{"_onlineddl", "COMMIT"}
	for n := range 4 * len(steps) {
		name := fmt.Sprint("a", n)
		r := b.start()
		b.session("CREATE TABLE "+name+" (id INT PRIMARY KEY, v INT)", "CREATE TABLE _"+name+"_gho LIKE "+name, "ALTER TABLE _"+name+"_gho ADD COLUMN c INT")
		r.caughtUp()
		hit, at := make(chan struct{}), 0
		br.choosing(func(text string) verdict {
			if at > n/4 || !strings.Contains(text, steps[at]) {
				return pass
			}
			if at++; at <= n/4 {
				return pass
			}
			close(hit)
			return []verdict{breakBefore, breakAfter}[n%2]
		})
		b.session("ALTER TABLE _" + name + "_gho ADD COLUMN d INT")
		r.until("the step is reached", within, func() bool { return isClosed(hit) })
		if n%4 < 2 { // the worker dies
			_ = r.stop()
			b.epoch++
			r = b.start()
		}
		r.caughtUp()
		if got := b.recorded()["_"+name+"_gho"]; len(got) != 2 || !strings.Contains(got[1], "`d`") {
			t.Errorf("step %d: recorded %q", n, got)
		}
		b.session("RENAME TABLE "+name+" TO _"+name+"_del, _"+name+"_gho TO "+name, "INSERT INTO "+name+" VALUES (1, 2, 3, 4)")
		r.caughtUp()
		r.end()
		b.epoch++
	}
	b.equal()
}

// within is how long something may take.
const within = time.Minute

// TestOnlineTrace: the manual's traces of gh-ost and pt-online-schema-change, and
// what DM's table holds behind each of the statements.
func TestOnlineTrace(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), servers.TiDB(t), true)
	b.online()
	b.exec("CREATE DATABASE " + b.schema())
	r := b.start()
	b.session("CREATE TABLE test4 (id INT PRIMARY KEY AUTO_INCREMENT, `date` DATE, c12 VARCHAR(20) NOT NULL)", "INSERT INTO test4 VALUES (1, '2026-01-01', 'x'), (2, NULL, '')")
	create := "CREATE TABLE `_test4_new` (id int(11) NOT NULL AUTO_INCREMENT, date date DEFAULT NULL, c12 varchar(20) NOT NULL, c11 varchar(20) NOT NULL, PRIMARY KEY (id)) ENGINE=InnoDB AUTO_INCREMENT=3"
	one, two := "ALTER TABLE `"+b.schema()+"`.`_test4_gho` ADD COLUMN `c11` VARCHAR(20) NOT NULL", "ALTER TABLE `"+b.schema()+"`.`_test4_new` ADD COLUMN `c3` INT"
	for _, step := range []struct {
		statement string
		shadow    string
		ddl       string
	}{
		{"Create /* gh-ost */ table `_test4_ghc` (id bigint auto_increment, last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP," +
			" hint varchar(64) charset ascii not null, value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256", "", ""},
		{"Create /* gh-ost */ table `_test4_gho` like `test4`", "", ""},
		{"Alter /* gh-ost */ table `_test4_gho` add column c11 varchar(20) not null", "_test4_gho", one},
		{"Insert /* gh-ost */ into `_test4_ghc` (hint, value) values ('state', 'x')", "_test4_gho", one},
		{"Insert /* gh-ost `test`.`test4` */ ignore into `_test4_gho` (`id`, `date`, `c12`) (select `id`, `date`, `c12` from `test4` force index (`PRIMARY`)" +
			" where (((`id` > _binary'0') or ((`id` = _binary'0')))) lock in share mode)", "_test4_gho", one},
		{"Rename /* gh-ost */ table `test4` to `_test4_del`, `_test4_gho` to `test4`", "", ""},
		{create, "", ""},
		{"ALTER TABLE `_test4_new` add column c3 int", "_test4_new", two},
		{"CREATE TRIGGER `pt_osc_test_test4_del` AFTER DELETE ON `test4` FOR EACH ROW DELETE IGNORE FROM `_test4_new` WHERE id = OLD.id", "_test4_new", two},
		{"INSERT LOW_PRIORITY IGNORE INTO `_test4_new` (`id`, `date`, `c12`, `c11`) SELECT `id`, `date`, `c12`, `c11` FROM `test4` LOCK IN SHARE MODE", "_test4_new", two},
		{"DELETE FROM test4 WHERE id = 1", "_test4_new", two},
		{"RENAME TABLE `test4` TO `_test4_old`, `_test4_new` TO `test4`", "", ""},
		{"DROP TABLE IF EXISTS `_test4_old`", "", ""},
		{"DROP TRIGGER IF EXISTS `pt_osc_test_test4_del`", "", ""},
	} {
		b.session(step.statement)
		r.caughtUp()
		want := map[string][]string{}
		if step.shadow != "" {
			want[step.shadow] = []string{step.ddl}
		}
		if diff := cmp.Diff(want, b.recorded()); diff != "" {
			t.Errorf("behind %s (-want +recorded):\n%s", step.statement, diff)
		}
	}
	b.session("DROP TABLE _test4_ghc, _test4_del", "INSERT INTO test4 VALUES (7, NULL, 'a', 'b', 1)")
	r.caughtUp()
	r.end()
	b.equal()
}

// TestOnlineShards: tables that routes make one get their online DDL one after
// the other, as any DDL; tables that the task leaves out stay out.
func TestOnlineShards(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), servers.TiDB(t)
	b := newBench(t, up, down, true)
	b.shards(true)
	b.online()
	s1, s2 := b.schema()+"_1", b.schema()+"_2"
	b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema(), "CREATE TABLE "+b.schema()+".t (id INT, v INT, c_table VARCHAR(9), c_schema VARCHAR(9), c_source VARCHAR(9), PRIMARY KEY (id, c_table, c_schema))"))
	r := b.start()
	run := func(s string, statements []string) {
		for _, q := range statements {
			b.exec("USE "+s, q)
		}
	}
	b.exec("CREATE DATABASE "+s1, "CREATE DATABASE "+s2)
	for _, n := range []string{s1 + ".t_1", s1 + ".t_2", s2 + ".t_1"} {
		b.exec("CREATE TABLE "+n+" (id INT PRIMARY KEY, v INT)", "INSERT INTO "+n+" VALUES (1, 1), (2, 2)")
	}
	elsewhere := "x" + b.schema()
	b.exec("CREATE DATABASE "+elsewhere, "CREATE TABLE "+elsewhere+".a (id INT PRIMARY KEY, v INT)")
	defer b.exec("DROP DATABASE " + elsewhere)
	run(elsewhere, ghost("a", "ADD COLUMN w INT"))
	run(s1, ghost("t_1", "ADD COLUMN w INT DEFAULT 7"))
	run(s1, osc("t_2", "ADD COLUMN w INT DEFAULT 7"))
	run(s2, ghost("t_1", "ADD COLUMN w INT DEFAULT 7"))
	r.caughtUp()
	r.end()
	var want []string
	for _, of := range []string{"1|1", "1|2", "2|1"} {
		want = append(want, "1|2|7|"+of+"|", "2|3|7|"+of+"|", "100|101|7|"+of+"|")
	}
	if diff := cmp.Diff(want, b.text(down, "SELECT id, v, w, c_schema, c_table FROM "+b.schema()+".t ORDER BY c_schema, c_table, id")); diff != "" {
		t.Errorf("rows (-want +target):\n%s", diff)
	}
	if got := b.text(down, "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE '%"+b.schema()+"%'"); len(got) != 1 {
		t.Errorf("tables: %q", got)
	}
}

// TestOnlineUnknown: the task begins between a shadow table's ALTER and its
// RENAME. It says so, and goes on when somebody records what is missing in DM's
// table, as when DM has recorded it before.
func TestOnlineUnknown(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	const before = "CREATE TABLE _a_gho LIKE a"
	alter := "ALTER TABLE _a_gho ADD COLUMN c INT FIRST"
	rename := "RENAME TABLE a TO _a_del, _a_gho TO a"
	begin := func(t *testing.T) *bench {
		b := newBench(t, up, down, true)
		b.online()
		b.exec("CREATE DATABASE " + b.schema())
		b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema(), "CREATE TABLE "+b.schema()+".a (id INT PRIMARY KEY, v INT)"))
		b.session("CREATE TABLE a (id INT PRIMARY KEY, v INT)", before, alter)
		at := b.master()
		b.sub.Start = &config.StartPoint{BinlogName: at.Position.Name, BinlogPos: at.Position.Pos, BinlogGTID: at.GTID.String()}
		return b
	}
	goesOn := func(b *bench) {
		r := b.start()
		b.session("INSERT INTO a VALUES (5, 6, 7)")
		r.caughtUp()
		r.end()
		b.session("DROP TABLE _a_del")
		b.equal()
	}
	t.Run("not recorded", func(t *testing.T) {
		b := begin(t)
		r := b.start()
		b.session("INSERT INTO a VALUES (1, 2)", "INSERT INTO _a_gho (id, v) VALUES (1, 2)", rename)
		f := r.ends(t)
		if f.Code != codeNoOnlineDDL {
			t.Errorf("code %d", f.Code)
		}
		_, by, _ := strings.Cut(f.Hint, "resume-task: ")
		b.must(down.Exec(t.Context(), strings.ReplaceAll(by, "...", "ADD COLUMN c INT FIRST")))
		b.epoch++
		goesOn(b)
	})
	t.Run("recorded by DM", func(t *testing.T) {
		b := begin(t)
		table := "dm_meta." + b.sub.Task + "_onlineddl"
		b.must(down.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS dm_meta", "CREATE TABLE "+table+" (id VARCHAR(32) NOT NULL, ghost_schema VARCHAR(128) NOT NULL, ghost_table VARCHAR(128) NOT NULL, ddls text,"+
			" update_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, UNIQUE KEY uk_id_schema_table (id, ghost_schema, ghost_table))",
			fmt.Sprintf("INSERT INTO %s (id, ghost_schema, ghost_table, ddls) VALUES ('s1', '%s', '_a_gho', '%s')", table, b.schema(),
				fmt.Sprintf(`{"schema":"%s","table":"a","ddls":["ALTER TABLE `+"`%s`.`_a_gho`"+` ADD COLUMN c INT FIRST"]}`, b.schema(), b.schema()))))
		b.session(rename)
		goesOn(b)
		if left := b.recorded(); len(left) > 0 {
			t.Errorf("recorded in the end: %q", left)
		}
	})
	t.Run("not readable", func(t *testing.T) {
		b := begin(t)
		b.start().end()
		b.epoch++
		b.must(down.Exec(t.Context(), "INSERT INTO dm_meta."+b.sub.Task+"_onlineddl (id, ghost_schema, ghost_table, ddls) VALUES ('s1', 'x', 'y', '{')"))
		if f := b.start().ends(t); f.Code != codeOnlineMeta {
			t.Errorf("code %d", f.Code)
		}
	})
}

// TestOnlineOtherStructure: a shadow table that is another table than the real
// one with the recorded changes never takes its place, since its rows would land
// in other columns.
func TestOnlineOtherStructure(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.online()
	b.exec("CREATE DATABASE " + b.schema())
	r := b.start()
	b.session("CREATE TABLE a (id INT PRIMARY KEY, v INT, w INT)", "CREATE TABLE _a_new (id INT PRIMARY KEY, w INT, v INT)")
	r.caughtUp()
	r.end()
	b.epoch++
	r = b.start()
	b.session("ALTER TABLE _a_new ADD COLUMN x INT", "RENAME TABLE a TO _a_old, _a_new TO a")
	if f := r.ends(t); f.Code != codeNoOnlineDDL {
		t.Errorf("code %d", f.Code)
	}
	// the operator makes the target's table what the source's is, and skips the swap
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+b.schema()+".a MODIFY v INT AFTER w, ADD COLUMN x INT"))
	b.mustOperate(r, operation.Skip, "")
	r = b.again()
	r.caughtUp()
	r.end()
	if got := b.recorded(); len(got) != 0 {
		t.Errorf("behind the swap there is still: %v", got)
	}
	r = b.again()
	b.session("INSERT INTO a VALUES (1, 2, 3, 4)", "DROP TABLE _a_old")
	r.caughtUp()
	r.end()
	b.equal()
}

// TestOnlineRoutedTwoSteps: the table's own name is free for a while, and routes
// and another way of quoting are at work.
func TestOnlineRoutedTwoSteps(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	b.online()
	var err error
	b.sub.Routes, err = route.New([]route.Rule{{Schema: b.schema(), Table: "a b", TargetSchema: b.schema(), TargetTable: "c"}}, route.Options{})
	b.must(err)
	b.exec("CREATE DATABASE " + b.schema())
	r := b.start()
	b.session("CREATE TABLE `a b` (id INT PRIMARY KEY, v INT)", "INSERT INTO `a b` VALUES (1, 2)", "CREATE TABLE `_a b_gho` LIKE `a b`",
		"SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+05:00', timestamp = 1000000000", `ALTER TABLE "_a b_gho" ADD COLUMN "c" CHAR(9) DEFAULT '\', ADD COLUMN d TIMESTAMP DEFAULT CURRENT_TIMESTAMP`,
		`INSERT INTO "_a b_gho" (id, v) SELECT * FROM "a b"`, "SET sql_mode = '', time_zone = '+00:00'")
	for _, q := range []string{"RENAME TABLE `a b` TO `_a b_del`", "RENAME TABLE `_a b_gho` TO `a b`", "INSERT INTO `a b` VALUES (2, 3, 'x', '2026-01-01')"} {
		b.session(q)
		r.caughtUp()
		r.end()
		b.epoch++
		r = b.start()
	}
	r.end()
	if diff := cmp.Diff(b.text(b.up, "SELECT * FROM "+b.schema()+".`a b` ORDER BY id"), b.text(b.down, "SELECT * FROM "+b.schema()+".c ORDER BY id")); diff != "" {
		t.Errorf("rows (-source +target):\n%s", diff)
	}
	if got := b.text(b.down, "SELECT c_default FROM (SELECT column_default c_default FROM information_schema.columns WHERE table_schema = '"+b.schema()+"' AND column_name = 'c') x"); len(got) != 1 || got[0] != `'\\'|` {
		t.Errorf("the default is %q", got)
	}
}

// TestOnlineWhileDumped: a shadow table is changed while the tables are dumped, of
// which reading begins before the last snapshot. An online DDL that ends behind it
// is executed, one that has ended before is in the dump.
func TestOnlineWhileDumped(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.online()
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	b.session("CREATE TABLE a (id INT PRIMARY KEY, v INT)", "CREATE TABLE b LIKE a", "CREATE TABLE _b_new LIKE b", "CREATE TABLE c LIKE a")
	first := b.master()
	b.session("CREATE TABLE _a_gho LIKE a", "ALTER TABLE _a_gho ADD COLUMN c INT", "ALTER TABLE _b_new ADD COLUMN c INT",
		"RENAME TABLE b TO _b_old, _b_new TO b", "INSERT INTO a VALUES (1, 1)", "INSERT INTO _a_gho VALUES (1, 1, NULL)", "INSERT INTO b VALUES (1, 1, 1)", "ALTER TABLE c ADD COLUMN d INT")
	last := b.master()
	b.must(b.down.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "INSERT INTO "+s+".a VALUES (1, 1)",
		"CREATE TABLE "+s+".b (id INT PRIMARY KEY, v INT, c INT)", "INSERT INTO "+s+".b VALUES (1, 1, 1)", "CREATE TABLE "+s+".c (id INT PRIMARY KEY, v INT, d INT)"))
	meta, err := checkpoint.Open(t.Context(), b.target(), b.sub, b.epoch)
	b.must(err)
	dumped := &checkpoint.Replay{Places: []binlog.Location{first, last}}
	for _, n := range []string{"a", "b", "c"} {
		dumped.Tables = append(dumped.Tables, checkpoint.ReplayTable{Schema: s, Table: n, From: 1, To: 1})
	}
	b.must(meta.SetPhase(t.Context(), meta.DB, checkpoint.Phase{Unit: status.UnitSync, Snapshot: first, Replay: dumped}))
	r := b.start()
	r.caughtUp()
	if got := b.recorded(); len(got) != 1 || len(got["_a_gho"]) != 1 {
		t.Errorf("recorded behind the dump: %q", got)
	}
	b.session("RENAME TABLE a TO _a_del, _a_gho TO a", "INSERT INTO a VALUES (2, 2, 2)", "INSERT INTO b VALUES (2, 2, 2)")
	r.caughtUp()
	r.end()
	b.equal()
}

func (b *bench) target() *dbconn.DB {
	b.t.Helper()
	db, err := dbconn.Open(b.t.Context(), fault.Downstream, b.meta, dbconn.Options{})
	b.must(err)
	b.t.Cleanup(func() { db.Close() })
	return db
}
