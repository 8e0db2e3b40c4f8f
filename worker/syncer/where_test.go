package syncer

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/testbed"
)

// inShards is a filter for the schemas that begin with a name.
type inShards string

func (s inShards) MatchSchema(schema string) bool   { return strings.HasPrefix(schema, string(s)) }
func (s inShards) MatchTable(schema, _ string) bool { return s.MatchSchema(schema) }

// shards makes the task merge the tables t_* of schemas with a number behind the
// bench's schema, as the manual does it.
func (b *bench) shards(extract bool) {
	b.t.Helper()
	b.sub.Filter = inShards(b.schema() + "_")
	rows := route.Rule{Name: "rows", Schema: b.schema() + "_*", Table: "t_*", TargetSchema: b.schema(), TargetTable: "t"}
	if extract {
		rows.ExtractTable = &route.Extract{Column: "c_table", Regexp: "t_(.*)"}
		rows.ExtractSchema = &route.Extract{Column: "c_schema", Regexp: ".*_(.*)"}
		rows.ExtractSource = &route.Extract{Column: "c_source", Regexp: "(.*)"}
	}
	var err error
	b.sub.Routes, err = route.New([]route.Rule{rows, {Name: "schemas", Schema: b.schema() + "_*", TargetSchema: b.schema()}}, route.Options{Source: "s1"})
	b.must(err)
	b.t.Cleanup(func() {
		for _, n := range []string{"_1", "_2"} {
			_ = b.up.Exec(context.Background(), "DROP DATABASE IF EXISTS "+b.schema()+n)
		}
	})
}

// TestRoutedFollow merges shards while their tables come, change and go. What is
// a name of its own on the source may be none on the target.
func TestRoutedFollow(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.shards(false)
		s1, s2 := b.schema()+"_1", b.schema()+"_2"
		r := b.start()
		for i, s := range []string{s1, s2} {
			b.exec("CREATE DATABASE "+s,
				"CREATE TABLE "+s+".t_a (id INT PRIMARY KEY, v VARCHAR(20), p INT, FOREIGN KEY (p) REFERENCES "+s+".t_a (id))",
				"CREATE TABLE "+s+".t_b LIKE "+s+".t_a",
				"CREATE TABLE "+s+".u_"+fmt.Sprint(i)+" (id INT PRIMARY KEY, v INT)",
				fmt.Sprintf("INSERT INTO %s.t_a VALUES (%d, 'x', NULL), (%d, 'y', NULL)", s, 100*i+1, 100*i+2),
				fmt.Sprintf("INSERT INTO %s.t_b VALUES (%d, 'x', NULL), (%d, 'z', NULL)", s, 100*i+3, 100*i+4),
				fmt.Sprintf("INSERT INTO %s.u_%d VALUES (1, 1)", s, i))
		}
		// the second ADD COLUMN finds the column there, and so on
		for _, table := range []string{s1 + ".t_a", s1 + ".t_b", s2 + ".t_a", s2 + ".t_b"} {
			b.exec("ALTER TABLE "+table+" ADD COLUMN w INT DEFAULT 7", "UPDATE "+table+" SET w = id, v = 'new' WHERE id % 2 = 1",
				"CREATE INDEX iw ON "+table+" (w)")
		}
		b.exec("DELETE FROM "+s1+".t_a WHERE id = 2",
			"RENAME TABLE "+s1+".t_b TO "+s1+".t_c", "ALTER TABLE "+s2+".t_b RENAME TO "+s2+".t_c",
			"ALTER TABLE "+s2+".t_c RENAME TO "+s2+".t_d, MODIFY v VARCHAR(40)",
			"INSERT INTO "+s2+".t_d (id, v) VALUES (900, REPEAT('v', 40))",
			"UPDATE "+s1+".t_c SET id = id + 1000",
			"RENAME TABLE "+s1+".u_0 TO "+s1+".u_x", "INSERT INTO "+s1+".u_x VALUES (2, 2)",
			"ALTER DATABASE "+s1+" CHARACTER SET utf8mb4")
		r.caughtUp()
		r.end()
		columns := "SELECT id, v, p, w FROM "
		want := b.text(up, columns+s1+".t_a UNION ALL "+columns+s1+".t_c UNION ALL "+columns+s2+".t_a UNION ALL "+columns+s2+".t_d ORDER BY id")
		if diff := cmp.Diff(want, b.text(down, columns+b.schema()+".t ORDER BY id")); diff != "" {
			t.Errorf("rows (-source +target):\n%s", diff)
		}
		tables := b.text(down, "SELECT table_name FROM information_schema.tables WHERE table_schema LIKE '"+b.schema()+"%' ORDER BY 1")
		if diff := cmp.Diff([]string{"t|", "u_1|", "u_x|"}, tables); diff != "" {
			t.Errorf("tables (-want +target):\n%s", diff)
		}
		if diff := cmp.Diff(b.text(up, "SELECT * FROM "+s1+".u_x ORDER BY id"), b.text(down, "SELECT * FROM "+b.schema()+".u_x ORDER BY id")); diff != "" {
			t.Errorf("the table of the schema's rule (-source +target):\n%s", diff)
		}
		b.epoch++
		r = b.start() // the structures of all shards are known again
		b.exec("INSERT INTO "+s1+".t_c (id, w) VALUES (5000, 1)", "DROP TABLE "+s1+".u_x", "DROP DATABASE "+s2)
		r.caughtUp()
		r.end()
		if left := b.text(down, "SELECT schema_name FROM information_schema.schemata WHERE schema_name = '"+b.schema()+"'"); len(left) > 0 {
			t.Error("DROP DATABASE of a shard has not dropped what it is on the target")
		}
	})
}

// TestRoutedColumns: rows of shards that look alike are told apart by the columns
// that say where they came from, in all ways of writing rows, and after a restart.
func TestRoutedColumns(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, safe := range []bool{false, true} {
			t.Run(fmt.Sprintf("safe=%t", safe), func(t *testing.T) { followShards(t, up, down, safe) })
		}
	})
}

func followShards(t *testing.T, up, down *testbed.Server, safe bool) {
	b := newBench(t, up, down, true)
	b.shards(true)
	b.sub.Sync.SafeMode, b.sub.Sync.Compact, b.sub.Sync.MultipleRows = safe, true, true
	const own = "c_table VARCHAR(9), c_schema VARCHAR(9), c_source VARCHAR(9)"
	b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema(),
		"CREATE TABLE "+b.schema()+".t (id INT NOT NULL, u INT, v VARCHAR(9), "+own+", PRIMARY KEY (id, c_table, c_schema), UNIQUE (u, c_schema, c_table))"))
	var shards []string
	for _, s := range []string{"1", "2"} {
		b.exec("CREATE DATABASE " + b.schema() + "_" + s)
		for _, tbl := range []string{"a", "b"} {
			shards = append(shards, b.schema()+"_"+s+".t_"+tbl)
			b.exec("CREATE TABLE " + shards[len(shards)-1] + " (id INT NOT NULL PRIMARY KEY, u INT, v VARCHAR(9))")
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	change := func(n int) {
		var list []string
		for range n {
			table, id := shards[rng.IntN(len(shards))], rng.IntN(20)
			switch rng.IntN(4) {
			case 0:
				list = append(list, fmt.Sprintf("DELETE FROM %s WHERE id = %d", table, id))
			case 1:
				list = append(list, fmt.Sprintf("UPDATE %s SET id = id + 100, v = 'm' WHERE id = %d AND NOT EXISTS (SELECT 1 FROM (SELECT id FROM %s) x WHERE x.id = %d)",
					table, id, table, id+100))
			default:
				list = append(list, fmt.Sprintf("REPLACE INTO %s VALUES (%d, %d, 'r%d')", table, id, rng.IntN(1000)*20+id, rng.IntN(9)))
			}
		}
		b.exec(list...)
	}
	r := b.start()
	change(150)
	r.caughtUp()
	r.end()
	b.epoch++
	r = b.start()
	change(100)
	r.caughtUp()
	r.end()
	var want []string
	for i, table := range shards {
		want = append(want, fmt.Sprintf("SELECT id, u, v, '%s' a, '%d' b, 's1' c FROM %s", string("ab"[i%2]), i/2+1, table))
	}
	source := b.text(up, strings.Join(want, " UNION ALL ")+" ORDER BY id, a, b")
	if diff := cmp.Diff(source, b.text(down, "SELECT id, u, v, c_table, c_schema, c_source FROM "+b.schema()+".t ORDER BY id, c_table, c_schema")); diff != "" {
		t.Errorf("rows (-source +target):\n%s", diff)
	}
	if len(source) < 20 {
		t.Errorf("only %d rows", len(source))
	}
}

// TestSharedWithoutTheKey: the target's table has no unique key by which a row of
// this source is one row, as where the manual drops the primary key of merged
// tables. Rows of others with the same number stay as they are.
func TestSharedWithoutTheKey(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, safe := range []bool{false, true} {
			b := newBench(t, up, down, true)
			b.sub.Sources, b.sub.Sync.SafeMode, b.sub.Sync.Compact, b.sub.Sync.MultipleRows = 2, safe, true, true
			s := b.schema()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".i (id BIGINT AUTO_INCREMENT PRIMARY KEY, uid BIGINT, name VARCHAR(9), UNIQUE (uid))")
			b.must(down.Exec(t.Context(), "CREATE DATABASE "+s, "CREATE TABLE "+s+".i (id BIGINT, uid BIGINT, name VARCHAR(9), KEY (id), UNIQUE (uid))",
				"INSERT INTO "+s+".i VALUES (1, 100, 'other'), (2, 101, 'other'), (3, NULL, 'other')"))
			r := b.start()
			b.exec("INSERT INTO "+s+".i VALUES (1, 1, 'a'), (2, 2, 'b'), (3, NULL, 'c'), (4, 4, 'd')", "UPDATE "+s+".i SET name = 'x' WHERE id <> 2",
				"DELETE FROM "+s+".i WHERE id IN (2, 3)", "UPDATE "+s+".i SET id = 3 WHERE id = 4")
			r.caughtUp()
			r.end()
			want := []string{"1|1|x|", "1|100|other|", "2|101|other|", "3|NULL|other|", "3|4|x|"}
			if diff := cmp.Diff(want, b.text(down, "SELECT * FROM "+s+".i ORDER BY id, uid")); diff != "" {
				t.Errorf("safe=%t (-want +target):\n%s", safe, diff)
			}
		}
	})
}

// TestRoutedRefusals: what a route needs is named when it is not there.
func TestRoutedRefusals(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	b.shards(true)
	s1 := b.schema() + "_1"
	b.exec("CREATE DATABASE "+s1, "CREATE TABLE "+s1+".t_1 (id INT PRIMARY KEY, c_source INT)", "INSERT INTO "+s1+".t_1 VALUES (1, 1)")
	b.must(down.Exec(t.Context(), "CREATE DATABASE "+b.schema(), "CREATE TABLE "+b.schema()+".t (id INT, c_source INT)"))
	if f := b.start().ends(t); f.Kind != fault.Schema || !strings.Contains(f.Error(), "fills the column `c_table`") {
		t.Errorf("a column that the target lacks: %v", f)
	}
	b.must(down.Exec(t.Context(), "ALTER TABLE "+b.schema()+".t ADD c_table INT, ADD c_schema INT"))
	b.epoch++
	if f := b.start().ends(t); f.Kind != fault.Schema || !strings.Contains(f.Error(), "the source's table has a column of that name") {
		t.Errorf("a column that the source has: %v", f)
	}
	var err error
	b.sub.Routes, err = route.New([]route.Rule{{Schema: s1, Table: "t*", TargetSchema: "x"}, {Schema: s1, Table: "~^t", TargetSchema: "y"}}, route.Options{})
	b.must(err)
	b.epoch++
	if f := b.start().ends(t); f.Kind != fault.Invalid || !strings.Contains(f.Error(), "two routes match table") {
		t.Errorf("two routes: %v", f)
	}
}

// TestFilters leaves out kinds of changes, statements by name and by text, and
// follows the structures of what is left out.
func TestFilters(t *testing.T) {
	testbed.SkipIfShort(t)
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		var err error
		b.sub.Events, err = filters.NewEvents([]filters.EventRule{
			{Name: "keep", Schema: s, Table: "log", Events: []string{"truncate table", "drop table", "delete"}, Action: "Ignore"},
			{Name: "schema", Schema: s, Events: []string{"drop database"}, SQL: []string{"drop index"}, Action: "Ignore"},
			{Name: "inserts", Schema: s, Table: "ins*", Events: []string{"insert", "create table"}, Action: "Do"},
			{Name: "unread", Schema: "*", SQL: []string{"^alter table .*no_such_clause", "comment = 'left out'"}, Action: "Ignore"},
		}, false)
		b.must(err)
		r := b.start()
		b.exec("CREATE DATABASE " + s)
		b.session("CREATE TABLE log (id INT PRIMARY KEY, v INT, KEY iv (v))", "CREATE TABLE ins (id INT PRIMARY KEY, v INT)", "CREATE TABLE every (id INT PRIMARY KEY)",
			"INSERT INTO log VALUES (1, 1), (2, 2), (3, 3)", "UPDATE log SET v = 9 WHERE id = 2", "DELETE FROM log WHERE id = 1", "DROP INDEX iv ON log",
			"INSERT INTO ins VALUES (1, 1), (2, 2)", "UPDATE ins SET v = 5", "DELETE FROM ins WHERE id = 1", "ALTER TABLE ins ADD w INT FIRST",
			"ALTER TABLE every COMMENT = 'left out'")
		r.caughtUp()
		for table, want := range map[string][]string{"log": {"1|1|", "2|9|", "3|3|"}, "ins": {"1|1|", "2|2|"}} {
			if diff := cmp.Diff(want, b.text(down, "SELECT * FROM "+s+"."+table+" ORDER BY id")); diff != "" {
				t.Errorf("%s (-want +target):\n%s", table, diff)
			}
		}
		if got := b.text(down, "SHOW INDEX FROM "+s+".log WHERE Key_name = 'iv'"); len(got) != 1 {
			t.Errorf("DROP INDEX was executed")
		}
		if got := b.text(down, "SELECT table_comment FROM information_schema.tables WHERE table_schema = '"+s+"' AND table_name = 'every'"); got[0] != "|" {
			t.Errorf("the comment has arrived: %q", got)
		}
		// ins has its new column in front on the source: only the followed structure tells.
		b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".ins ADD w INT"))
		b.session("INSERT INTO ins VALUES (7, 8, 9)", "TRUNCATE log", "INSERT INTO log VALUES (4, 4)", "DROP TABLE log",
			"CREATE TABLE log (id INT PRIMARY KEY, v INT)", "INSERT INTO log VALUES (5, 5)")
		r.caughtUp()
		r.end()
		if diff := cmp.Diff([]string{"1|1|NULL|", "2|2|NULL|", "8|9|7|"}, b.text(down, "SELECT id, v, w FROM "+s+".ins ORDER BY id")); diff != "" {
			t.Errorf("ins (-want +target):\n%s", diff)
		}
		b.epoch++
		r = b.start()
		b.exec("DROP DATABASE "+s, "CREATE DATABASE "+s)
		r.caughtUp()
		r.end()
		if got := b.text(down, "SELECT COUNT(*), SUM(id) FROM "+s+".log"); got[0] != "5|15|" {
			t.Errorf("log: %q", got)
		}
	})
}

// TestFilterUnreadable: a statement that nobody can read is left out by its text
// or by its first words; without a rule it stops the task.
func TestFilterUnreadable(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), servers.TiDB(t)
	b := newBench(t, up, down, true)
	s := b.schema()
	rule := func(r filters.EventRule) {
		var err error
		r.Action = "Ignore"
		b.sub.Events, err = filters.NewEvents([]filters.EventRule{r}, false)
		b.must(err)
	}
	rule(filters.EventRule{Schema: "*", SQL: []string{"UUID"}})
	r := b.start()
	b.exec("CREATE DATABASE " + s)
	b.session("CREATE TABLE a (id INT PRIMARY KEY)", "INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN u UUID", "ALTER TABLE a DROP COLUMN u", "INSERT INTO a VALUES (2)")
	r.caughtUp()
	r.end()
	rule(filters.EventRule{Schema: s, Table: "a", Events: []string{"alter table"}})
	b.epoch++
	r = b.start()
	b.session("ALTER TABLE a ADD COLUMN u UUID", "ALTER TABLE a DROP COLUMN u", "INSERT INTO a VALUES (3)")
	r.caughtUp()
	r.end()
	b.equal()
	b.sub.Events = nil
	b.epoch++
	r = b.start()
	b.session("ALTER TABLE a ADD COLUMN u UUID")
	if f := r.ends(t); f.Code != codeParseDDL {
		t.Errorf("without a rule: %v", f)
	}
}

// TestRoutedAnothersDDL: a worker dies before or behind a DDL on a table that
// others write to as well. That the structure has changed does not say by whom.
func TestRoutedAnothersDDL(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	for _, ran := range []verdict{breakBefore, breakAfter} {
		t.Run(fmt.Sprint(ran), func(t *testing.T) {
			b := newBench(t, up, down, true)
			b.shards(false)
			br := openBreaker(t, down)
			b.sub.Target = through(t, down, br.listen.Addr().String())
			b.meta = b.sub.Target
			s1 := b.schema() + "_1"
			r := b.start()
			b.exec("CREATE DATABASE "+s1, "CREATE TABLE "+s1+".t_1 (id INT PRIMARY KEY)")
			r.caughtUp()
			hit := make(chan struct{})
			br.choosing(func(text string) verdict {
				switch {
				case isClosed(hit):
					return breakBefore // this worker gets no further
				case strings.Contains(text, "ADD COLUMN"):
					close(hit)
					return ran
				}
				return pass
			})
			b.exec("ALTER TABLE " + s1 + ".t_1 ADD COLUMN v INT")
			r.until("the DDL is sent", time.Minute, func() bool { return isClosed(hit) })
			_ = r.stop()
			br.choosing(func(string) verdict { return pass })
			b.must(down.Exec(t.Context(), "ALTER TABLE "+b.schema()+".t ADD COLUMN others INT"))
			b.epoch++
			r = b.start()
			b.exec("INSERT INTO " + s1 + ".t_1 VALUES (1, 2)")
			r.caughtUp()
			r.end()
			if got := b.text(down, "SELECT id, v, others FROM "+b.schema()+".t"); len(got) != 1 || got[0] != "1|2|NULL|" {
				t.Errorf("on the target: %q", got)
			}
		})
	}
}

// choosing sets what becomes of each text.
func (b *breaker) choosing(choose func(text string) verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.choose = choose
}

// cpuTime is what this process has used, whatever else the machine does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkFilters reads small transactions of 10,000 tables in turn, without
// rules and with 50 of which none leaves anything out, in processor time.
func BenchmarkFilters(b *testing.B) {
	const tables = 10_000
	var rules []filters.EventRule
	for i := range 50 {
		rules = append(rules, filters.EventRule{Schema: fmt.Sprintf("shop_%d", i), Table: fmt.Sprintf("t%d*", i), Events: []string{"truncate table", "drop table"}, Action: "Ignore"})
	}
	e, err := filters.NewEvents(rules, false)
	if err != nil {
		b.Fatal(err)
	}
	maps, rows := make([][]byte, tables), make([][]byte, tables)
	columns := []string{"int", "int", "varchar(120)"}
	for i := range tables {
		maps[i] = rowtest.TableMap(b, uint64(i+1), fmt.Sprintf("shop_%d", i%50), fmt.Sprintf("t%d", i), columns)
		rows[i] = rowtest.RowsEvent(b, byte(replication.WRITE_ROWS_EVENTv1), uint64(i+1), columns, []any{1, 2, "some text of the usual length, as in sysbench's tables, which is why it is so long"})
	}
	read := func(filtered bool) time.Duration {
		d := newDecoder(binlog.MariaDB, func(string, string) bool { return true })
		if filtered {
			d.leaveOut(leftRows(e))
		}
		began := cpuTime(b)
		for i := range 10 * tables {
			n := i % tables
			if _, err := d.rows.TableMap(maps[n]); err != nil {
				b.Fatal(err)
			}
			want := d.want
			if d.leaves != nil {
				want = d.kinds[d.rows.Kind(byte(replication.WRITE_ROWS_EVENTv1))]
			}
			if _, err := d.rows.Rows(byte(replication.WRITE_ROWS_EVENTv1), rows[n], want); err != nil {
				b.Fatal(err)
			}
		}
		return cpuTime(b) - began
	}
	var without, with time.Duration
	for b.Loop() {
		without += read(false)
		with += read(true)
	}
	events := float64(b.N) * 10 * tables
	b.ReportMetric(float64(without.Nanoseconds())/events, "ns/event-without")
	b.ReportMetric(float64(with.Nanoseconds())/events, "ns/event-with-50-rules")
}
