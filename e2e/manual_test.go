package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
)

// instances is the manual's stage: three sources and a TiDB.
type instances struct {
	*stand
	ups []*testbed.Server
}

func newInstances(t *testing.T) *instances {
	t.Helper()
	testbed.SkipIfShort(t)
	in := &instances{}
	for range 3 {
		in.ups = append(in.ups, testbed.MariaDB(t))
	}
	in.stand = newStandWith(t, in.ups[0], testbed.TiDB(t))
	for i, up := range in.ups {
		if i > 0 {
			_, err := in.StartWorker(t.Context(), fmt.Sprintf("worker-%d", i+1))
			must(t, err)
		}
		id := fmt.Sprintf("instance-%d", i+1)
		in.do("operate-source", "create", in.write(id+".yaml", testbed.SourceFile{ID: id, From: up.Config()}.YAML()))
	}
	return in
}

// exec runs statements on some of the sources.
func (in *instances) exec(numbers []int, statements ...string) {
	in.t.Helper()
	for _, n := range numbers {
		must(in.t, in.ups[n-1].Exec(in.t.Context(), statements...))
	}
}

// start begins a task; body is all of the file but its head.
func (in *instances) start(name, body string) {
	in.t.Helper()
	in.do("start-task", in.taskFile(name, body))
}

// startAnew is start for a task that has left its state on the target.
func (in *instances) startAnew(name, body string) {
	in.t.Helper()
	in.do("start-task", "--remove-meta", in.taskFile(name, body))
}

// taskFile writes the file of a task.
func (in *instances) taskFile(name, body string) string {
	in.t.Helper()
	down := in.down.Config()
	for n := range in.ups { // all workers are on one machine
		id := fmt.Sprintf("- source-id: \"instance-%d\"", n+1)
		body = strings.ReplaceAll(body, id, fmt.Sprintf("- loader: {dir: %q}\n  %s", filepath.Join(in.dir, fmt.Sprint("dump-", n+1)), id[2:]))
	}
	return in.write(name+".yaml", fmt.Sprintf(`name: %s
task-mode: all
meta-schema: dm_meta
target-database: {host: %q, port: %d, user: %q, password: %q}
`, name, down.Host, down.Port, down.User, down.Password.Reveal())+body)
}

// caughtUp waits until the task has everything from the sources with the numbers.
func (in *instances) caughtUp(task string, numbers ...int) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), 2*time.Minute)
	defer cancel()
	ends := map[string]string{}
	for _, n := range numbers {
		end, err := testbed.BinlogEnd(ctx, in.ups[n-1].DB())
		must(in.t, err)
		ends[fmt.Sprintf("instance-%d", n)] = end.String()
	}
	_, err := in.Await(ctx, task, func(testbed.TaskStatus) (bool, error) {
		list, err := in.QueryStatus(ctx, task)
		if err != nil || len(list) != len(numbers) {
			return false, nil //nolint:nilerr // asked again
		}
		for _, st := range list {
			if st.Stage == "Paused" {
				return false, fmt.Errorf("%s: %s", st.Source, st)
			}
			if !st.Caught() || st.Sync.MasterBinlog != ends[st.Source] {
				return false, nil
			}
		}
		return true, nil
	})
	if err != nil {
		in.t.Fatal(err)
	}
}

// want compares the rows of a query on the target.
func (in *instances) want(query string, want ...string) {
	in.t.Helper()
	rows, err := in.down.DB().QueryContext(in.t.Context(), query)
	must(in.t, err)
	defer rows.Close()
	var got []string
	for rows.Next() {
		var s string
		must(in.t, rows.Scan(&s))
		got = append(got, s)
	}
	must(in.t, rows.Err())
	if diff := cmp.Diff(want, got); diff != "" {
		in.t.Errorf("%s (-want +target):\n%s", query, diff)
	}
}

const tablesOf = "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables WHERE table_schema IN (%s) ORDER BY 1"

// TestManualExamples runs the manual's worked examples of routes, filters, lists
// and expressions, and of online DDL, one after the other on one cluster:
//
//	2.4.2  three sources, one target, no merging       several sources
//	2.4.3  shards become one table                     shards
//	1.4.3  insert-value-expr: c % 2 = 0                expressions
//	1.3.1.1 merge tables; only rule-1; merge schemas; two routes for one table  routing
//	1.3.1.2 the forum's tables (also internal/filter, testdata/manual.txt)      filters
//	1.3.1.3 no deletes; DML only; PROCEDURE; PARTITION                          filters
//	2.4.5, 5.2 a target with more columns              TestTargetsWithOtherStructure, TestReplayIntoWiderTarget of worker/syncer
//	2.4.4  incremental only                            TestIncrementalFromPosition, TestIncrementalFromGTID
//
// and those of online DDL: onlineDDL; and case-sensitive, which has none. Examples of shard DDL are not among them.
func TestManualExamples(t *testing.T) {
	in := newInstances(t)
	t.Run("several sources", func(t *testing.T) { in.t = t; in.severalSources() })
	t.Run("shards", func(t *testing.T) { in.t = t; in.mergedShards() })
	t.Run("expressions", func(t *testing.T) { in.t = t; in.evenRows() })
	t.Run("online DDL", func(t *testing.T) { in.t = t; in.onlineDDL() })
	t.Run("filters", func(t *testing.T) { in.t = t; in.filters() })
	t.Run("routing", func(t *testing.T) { in.t = t; in.routing() })
	t.Run("letter case", func(t *testing.T) { in.t = t; in.letterCase() })
	in.t = t
}

// severalSources is "several data sources to one TiDB".
func (in *instances) severalSources() {
	all := []int{1, 2, 3}
	in.exec(all, "CREATE DATABASE user", "CREATE DATABASE store", "CREATE DATABASE log", "CREATE TABLE user.information (id INT PRIMARY KEY, v INT)",
		"CREATE TABLE user.log (id INT PRIMARY KEY, v INT)", "CREATE TABLE log.messages (id INT PRIMARY KEY)", "INSERT INTO log.messages VALUES (1)")
	for n, names := range map[int][2]string{1: {"bj", "tj"}, 2: {"sh", "sz"}, 3: {"gz", "sz"}} {
		for _, name := range names {
			in.exec([]int{n}, "CREATE TABLE store.store_"+name+" (id INT PRIMARY KEY, v INT)", fmt.Sprintf("INSERT INTO store.store_%s VALUES (1, %d), (2, %d)", name, n, n))
		}
		in.exec([]int{n}, fmt.Sprintf("INSERT INTO user.information VALUES (1, %d), (2, %d)", n, n), fmt.Sprintf("INSERT INTO user.log VALUES (1, %d), (2, %d)", n, n))
	}
	in.start("one-tidb-slave", `
mysql-instances:
- source-id: "instance-1"
  route-rules: ["instance-1-user-rule"]
  filter-rules: ["log-filter-rule", "user-filter-rule", "store-filter-rule"]
  block-allow-list: "log-ignored"
- source-id: "instance-2"
  route-rules: ["instance-2-user-rule", instance-2-store-rule]
  filter-rules: ["log-filter-rule", "user-filter-rule", "store-filter-rule"]
  block-allow-list: "log-ignored"
- source-id: "instance-3"
  route-rules: ["instance-3-user-rule", instance-3-store-rule]
  filter-rules: ["log-filter-rule", "user-filter-rule", "store-filter-rule"]
  block-allow-list: "log-ignored"
routes:
  instance-1-user-rule: {schema-pattern: "user", target-schema: "user_north"}
  instance-2-user-rule: {schema-pattern: "user", target-schema: "user_east"}
  instance-3-user-rule: {schema-pattern: "user", target-schema: "user_south"}
  instance-2-store-rule: {schema-pattern: "store", table-pattern: "store_sz", target-schema: "store", target-table: "store_suzhou"}
  instance-3-store-rule: {schema-pattern: "store", table-pattern: "store_sz", target-schema: "store", target-table: "store_shenzhen"}
filters:
  log-filter-rule: {schema-pattern: "user", table-pattern: "log", events: ["truncate table", "drop table", "delete"], action: Ignore}
  user-filter-rule: {schema-pattern: "user", events: ["drop database"], action: Ignore}
  store-filter-rule: {schema-pattern: "store", events: ["drop database", "truncate table", "drop table", "delete"], action: Ignore}
block-allow-list:
  log-ignored: {ignore-dbs: ["log"]}
`)
	in.caughtUp("one-tidb-slave", 1, 2, 3)
	in.exec(all, "DELETE FROM user.information WHERE id = 1", "UPDATE user.log SET v = 9 WHERE id = 2", "DELETE FROM user.log WHERE id = 1", "TRUNCATE user.log",
		"INSERT INTO user.log VALUES (3, 3)", "DROP TABLE user.log", "INSERT INTO log.messages VALUES (2)", "ALTER TABLE user.information ADD w INT", "UPDATE user.information SET w = v")
	in.exec([]int{3}, "DELETE FROM store.store_sz", "INSERT INTO store.store_sz VALUES (3, 3)", "DROP DATABASE store", "DROP DATABASE user")
	in.caughtUp("one-tidb-slave", 1, 2, 3)
	in.want(fmt.Sprintf(tablesOf, "'user', 'user_north', 'user_east', 'user_south', 'store', 'log'"),
		"store.store_bj", "store.store_gz", "store.store_sh", "store.store_shenzhen", "store.store_suzhou", "store.store_tj",
		"user_east.information", "user_east.log", "user_north.information", "user_north.log", "user_south.information", "user_south.log")
	for i, s := range []string{"user_north", "user_east", "user_south"} {
		in.want("SELECT CONCAT_WS(' ', id, v, w) FROM "+s+".information", fmt.Sprintf("2 %d %d", i+1, i+1))
		in.want("SELECT CONCAT_WS(' ', id, v) FROM "+s+".log ORDER BY id", fmt.Sprintf("1 %d", i+1), "2 9", "3 3")
	}
	in.want("SELECT CONCAT_WS(' ', id, v) FROM store.store_suzhou ORDER BY id", "1 2", "2 2")
	in.want("SELECT CONCAT_WS(' ', id, v) FROM store.store_shenzhen ORDER BY id", "1 3", "2 3", "3 3")
	in.do("stop-task", "one-tidb-slave")
	in.exec(all, "DROP DATABASE IF EXISTS user", "DROP DATABASE IF EXISTS store")
	must(in.t, in.down.Exec(in.t.Context(), "DROP DATABASE store"))
}

// mergedShards is "merge and migrate data from sharded tables".
func (in *instances) mergedShards() {
	two := []int{1, 2}
	for _, n := range two {
		list := []string{"CREATE DATABASE user", "CREATE TABLE user.information (id BIGINT NOT NULL AUTO_INCREMENT, uid BIGINT, name VARCHAR(255), data VARCHAR(255)," +
			" PRIMARY KEY (id), UNIQUE KEY uid (uid)) DEFAULT CHARSET=latin1", "CREATE TABLE user.log_bak (id INT PRIMARY KEY)", "INSERT INTO user.log_bak VALUES (1)",
			fmt.Sprintf("INSERT INTO user.information (uid, name) VALUES (%d, 'a'), (%d, 'b')", 10*n, 10*n+1)}
		for s := range 2 {
			schema := fmt.Sprintf("store_0%d", s+1)
			list = append(list, "CREATE DATABASE "+schema)
			for k := range 2 {
				table := fmt.Sprintf("%s.sale_0%d", schema, k+1)
				list = append(list, "CREATE TABLE "+table+" (sid BIGINT NOT NULL, pid BIGINT NOT NULL, comment VARCHAR(255), PRIMARY KEY (sid), KEY pid (pid)) DEFAULT CHARSET=latin1",
					fmt.Sprintf("INSERT INTO %s VALUES (%d, 1, 'x'), (%d, 1, 'y')", table, 1000*n+100*s+10*k, 1000*n+100*s+10*k+1))
			}
		}
		in.exec([]int{n}, list...)
	}
	must(in.t, in.down.Exec(in.t.Context(), "CREATE DATABASE user",
		"CREATE TABLE user.information (id BIGINT, uid BIGINT, name VARCHAR(255), data VARCHAR(255), INDEX (id), UNIQUE KEY uid (uid)) DEFAULT CHARSET=latin1"))
	in.start("shard_merge", `
ignore-checking-items: ["auto_increment_ID"]
mysql-instances:
- source-id: "instance-1"
  route-rules: ["store-route-rule", "sale-route-rule"]
  filter-rules: ["store-filter-rule", "sale-filter-rule"]
  block-allow-list: "log-bak-ignored"
- source-id: "instance-2"
  route-rules: ["store-route-rule", "sale-route-rule"]
  filter-rules: ["store-filter-rule", "sale-filter-rule"]
  block-allow-list: "log-bak-ignored"
routes:
  store-route-rule: {schema-pattern: "store_*", target-schema: "store"}
  sale-route-rule: {schema-pattern: "store_*", table-pattern: "sale_*", target-schema: "store", target-table: "sale"}
filters:
  sale-filter-rule: {schema-pattern: "store_*", table-pattern: "sale_*", events: ["truncate table", "drop table", "delete"], action: Ignore}
  store-filter-rule: {schema-pattern: "store_*", events: ["drop database"], action: Ignore}
block-allow-list:
  log-bak-ignored:
    do-dbs: ["user", "store_*"]
    ignore-tables: [{db-name: "user", tbl-name: "log_bak"}]
`)
	in.caughtUp("shard_merge", two...)
	in.exec(two, "UPDATE user.information SET name = 'c' WHERE id = 2", "DELETE FROM user.information WHERE id = 1", "UPDATE store_01.sale_01 SET comment = 'z'",
		"DELETE FROM store_01.sale_02", "TRUNCATE store_02.sale_01", "DROP TABLE store_02.sale_02", "DROP DATABASE store_02")
	in.exec([]int{2}, "INSERT INTO store_01.sale_02 VALUES (5000, 5, 'new')")
	in.caughtUp("shard_merge", two...)
	in.want(fmt.Sprintf(tablesOf, "'user', 'store', 'store_01', 'store_02'"), "store.sale", "user.information")
	in.want("SELECT CONCAT_WS(' ', id, uid, name) FROM user.information ORDER BY uid", "2 11 c", "2 21 c")
	in.want("SELECT CONCAT_WS(' ', sid, comment) FROM store.sale ORDER BY sid", "1000 z", "1001 z", "1010 x", "1011 y", "1100 x", "1101 y", "1110 x", "1111 y",
		"2000 z", "2001 z", "2010 x", "2011 y", "2100 x", "2101 y", "2110 x", "2111 y", "5000 new")
	in.do("stop-task", "shard_merge")
}

// evenRows is "filter certain row changes using SQL expressions".
func (in *instances) evenRows() {
	in.exec([]int{1}, "CREATE DATABASE expr_filter", "CREATE TABLE expr_filter.tbl (id INT PRIMARY KEY, c INT)", "INSERT INTO expr_filter.tbl VALUES (100, 100)")
	in.start("test", `
mysql-instances:
- source-id: "instance-1"
  expression-filters: ["even_c"]
  block-allow-list: one
expression-filter:
  even_c: {schema: "expr_filter", table: "tbl", insert-value-expr: "c % 2 = 0"}
block-allow-list: {one: {do-dbs: [expr_filter]}}
`)
	in.caughtUp("test", 1)
	in.exec([]int{1}, "INSERT INTO expr_filter.tbl(id, c) VALUES (1, 1), (2, 2), (3, 3), (4, 4)")
	in.caughtUp("test", 1)
	in.want("SELECT CONCAT_WS(' ', id, c) FROM expr_filter.tbl ORDER BY id", "1 1", "3 3", "100 100") // the full phase is not filtered
	in.do("stop-task", "test")
}
