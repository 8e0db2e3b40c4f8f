package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// The worked examples of rules of the manual, one task each. Their schemas have a
// letter of their own behind the manual's "test_", so that the tasks may run side
// by side on the three sources.

// one gives mysql-instances with a single source and a list for its schemas.
func one(number int, schemas, refs string) string {
	return fmt.Sprintf("\nmysql-instances:\n- source-id: \"instance-%d\"\n  block-allow-list: own\n%s\nblock-allow-list: {own: {do-dbs: [%q]}}\n", number, refs, schemas)
}

// filters runs the four examples of binlog event filters and the one of a list.
func (in *instances) filters() {
	for n, letter := range map[int]string{1: "a", 2: "b", 3: "c"} {
		in.exec([]int{n}, "CREATE DATABASE test_"+letter+"1", "CREATE TABLE test_"+letter+"1.t_1 (id INT PRIMARY KEY, v INT)",
			"INSERT INTO test_"+letter+"1.t_1 VALUES (1, 1), (2, 2)", "CREATE TABLE test_"+letter+"1.u (id INT PRIMARY KEY)", "INSERT INTO test_"+letter+"1.u VALUES (1), (2)")
	}
	in.exec([]int{3}, "CREATE TABLE test_c1.parts (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200))",
		"INSERT INTO test_c1.parts VALUES (1), (150)")
	in.lists()
	in.start("no-deletes", one(1, "test_a*", "  filter-rules: [filter-table-rule, filter-schema-rule]")+`
filters:
  filter-table-rule: {schema-pattern: "test_*", table-pattern: "t_*", events: ["truncate table", "drop table", "delete"], action: Ignore}
  filter-schema-rule: {schema-pattern: "test_*", events: ["drop database"], action: Ignore}
`)
	in.start("only-dml", one(2, "test_b*", "  filter-rules: [do-table-rule, do-schema-rule]")+`
filters:
  do-table-rule: {schema-pattern: "test_*", table-pattern: "t_*", events: ["create table", "all dml"], action: Do}
  do-schema-rule: {schema-pattern: "test_*", events: ["create database"], action: Do}
`)
	in.start("unsupported", one(3, "test_c*", "  filter-rules: [filter-procedure-rule, filter-partition-rule]")+`
filters:
  filter-procedure-rule: {schema-pattern: "test_*", table-pattern: "t_*", sql-pattern: ["^DROP\\s+PROCEDURE", "^CREATE\\s+PROCEDURE"], action: Ignore}
  filter-partition-rule:
    schema-pattern: "*"
    sql-pattern: ["ALTER\\s+TABLE[\\s\\S]*ADD\\s+PARTITION", "ALTER\\s+TABLE[\\s\\S]*DROP\\s+PARTITION"]
    action: Ignore
`)
	in.caughtUp("no-deletes", 1)
	in.caughtUp("only-dml", 2)
	in.caughtUp("unsupported", 3)
	in.exec([]int{1}, "DELETE FROM test_a1.t_1 WHERE id = 1", "UPDATE test_a1.t_1 SET v = 9", "DELETE FROM test_a1.u WHERE id = 1", "TRUNCATE test_a1.t_1",
		"INSERT INTO test_a1.t_1 VALUES (3, 3)", "DROP TABLE test_a1.t_1", "DROP DATABASE test_a1",
		"INSERT INTO forum.messages VALUES (2)", "INSERT INTO forum.users VALUES (2)", "CREATE TABLE logs.more_2018 (id INT PRIMARY KEY)", "CREATE TABLE forum.more (id INT PRIMARY KEY)")
	in.exec([]int{2}, "CREATE DATABASE test_b2", "CREATE TABLE test_b2.t_1 (id INT PRIMARY KEY, v INT)", "INSERT INTO test_b2.t_1 VALUES (1, 1), (2, 2)",
		"UPDATE test_b2.t_1 SET v = 7", "DELETE FROM test_b2.t_1 WHERE id = 1", "CREATE INDEX i ON test_b2.t_1 (v)", "ALTER TABLE test_b2.t_1 COMMENT 'no'",
		"TRUNCATE test_b1.t_1", "DROP TABLE test_b2.t_1", "DROP DATABASE test_b2")
	in.exec([]int{3}, "CREATE PROCEDURE test_c1.p() SELECT 1", "DROP PROCEDURE test_c1.p", "ALTER TABLE test_c1.parts ADD PARTITION (PARTITION p2 VALUES LESS THAN (300))",
		"ALTER TABLE test_c1.parts\n  DROP PARTITION p1", "INSERT INTO test_c1.parts VALUES (2)", "ALTER TABLE test_c1.t_1 ADD w INT", "UPDATE test_c1.t_1 SET w = 5 WHERE id = 1")
	in.caughtUp("no-deletes", 1)
	in.caughtUp("only-dml", 2)
	in.caughtUp("unsupported", 3)
	in.caughtUp("lists", 1)
	in.want("SELECT CONCAT_WS(' ', id, v) FROM test_a1.t_1 ORDER BY id", "1 1", "2 9", "3 3")
	in.want("SELECT id FROM test_a1.u", "2")
	in.want("SELECT CONCAT_WS(' ', id, v) FROM test_b1.t_1 ORDER BY id", "1 1", "2 2")
	in.want("SELECT CONCAT_WS(' ', id, v) FROM test_b2.t_1", "2 7")
	in.want("SELECT CONCAT(index_name, ' ') FROM information_schema.statistics WHERE table_schema = 'test_b2'", "PRIMARY ")
	in.want("SELECT id FROM test_c1.parts ORDER BY id", "1", "2", "150")
	in.want("SELECT partition_name FROM information_schema.partitions WHERE table_schema = 'test_c1' AND table_name = 'parts' ORDER BY 1", "p0", "p1")
	in.want("SELECT CONCAT_WS(' ', id, v, w) FROM test_c1.t_1 ORDER BY id", "1 1 5", "2 2")
	in.want("SELECT id FROM forum.messages ORDER BY id", "1", "2")
	in.want(fmt.Sprintf(tablesOf, "'logs', 'forum', 'forum_backup_2016', 'forum_backup_2017', 'forum_backup_2018'"), "forum.messages", "forum_backup_2018.messages")
	for _, task := range []string{"lists", "no-deletes", "only-dml", "unsupported"} {
		in.do("stop-task", task)
	}
}

// lists begins the example of block and allow lists.
func (in *instances) lists() {
	for _, name := range []string{"logs.messages_2016", "logs.messages_2017", "logs.messages_2018", "forum.users", "forum.messages",
		"forum_backup_2016.messages", "forum_backup_2017.messages", "forum_backup_2018.messages"} {
		schema, _, _ := strings.Cut(name, ".")
		in.exec([]int{1}, "CREATE DATABASE IF NOT EXISTS "+schema, "CREATE TABLE "+name+" (id INT PRIMARY KEY)", "INSERT INTO "+name+" VALUES (1)")
	}
	in.start("lists", `
mysql-instances: [{source-id: instance-1, block-allow-list: bw-rule, loader: {dir: "`+in.dir+`/dump-lists"}}]
block-allow-list:
  bw-rule:
    do-dbs: ["forum_backup_2018", "forum"]
    ignore-dbs: ["~^forum_backup_"]
    do-tables: [{db-name: "logs", tbl-name: "~_2018$"}, {db-name: "~^forum.*", tbl-name: "messages"}]
    ignore-tables: [{db-name: "~.*", tbl-name: "^messages.*"}]
`)
}

// routing runs the three examples of table routing.
func (in *instances) routing() {
	for _, n := range []int{1, 2} {
		for k := range 2 {
			schema := fmt.Sprintf("test_m%d%d", n, k)
			in.exec([]int{n}, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".t_1 (id INT PRIMARY KEY)", fmt.Sprintf("INSERT INTO %s.t_1 VALUES (%d)", schema, 100*n+10*k))
		}
	}
	in.exec([]int{3}, "CREATE DATABASE test_s1", "CREATE TABLE test_s1.t_1 (id INT PRIMARY KEY)", "CREATE DATABASE test_s2", "CREATE TABLE test_s2.t_2 (id INT PRIMARY KEY)",
		"INSERT INTO test_s2.t_2 VALUES (1)", "CREATE DATABASE test_1_bak", "CREATE TABLE test_1_bak.t_1_bak (id INT PRIMARY KEY)")
	const rule1 = `  rule-1: {schema-pattern: "test_*", table-pattern: "t_*", target-schema: "test", target-table: "t"}`
	merge := func(refs, rules string) string {
		body := "\nmysql-instances:\n"
		for _, n := range []int{1, 2} {
			body += fmt.Sprintf("- source-id: \"instance-%d\"\n  block-allow-list: own\n  route-rules: %s\n", n, refs)
		}
		return body + "block-allow-list: {own: {do-dbs: [\"test_m*\"]}}\nroutes:\n" + rules + "\n"
	}
	// Without rule-2 and without the schema on the target, which a TiDB begins with.
	must(in.t, in.down.Exec(in.t.Context(), "DROP DATABASE IF EXISTS test"))
	in.start("merge", merge("[rule-1]", rule1))
	in.paused("merge", "schema test doesn't exist")
	in.do("stop-task", "merge")
	in.startAnew("merge", merge("[rule-1, rule-2]", rule1+"\n"+`  rule-2: {schema-pattern: "test_*", target-schema: "test"}`))
	in.start("schemas", one(3, "test_s*", "  route-rules: [rule-1]")+`routes: {rule-1: {schema-pattern: "test_*", target-schema: "test"}}`)
	in.caughtUp("merge", 1, 2)
	in.exec([]int{1}, "CREATE DATABASE test_m12", "CREATE TABLE test_m12.t_7 (id INT PRIMARY KEY)", "INSERT INTO test_m12.t_7 VALUES (7)", "DELETE FROM test_m10.t_1")
	in.exec([]int{3}, "INSERT INTO test_s1.t_1 VALUES (3)", "CREATE TABLE test_s1.t_3 (id INT PRIMARY KEY)")
	in.caughtUp("merge", 1, 2)
	in.caughtUp("schemas", 3)
	in.want("SELECT id FROM test.t ORDER BY id", "7", "110", "200", "210")
	in.want(fmt.Sprintf(tablesOf, "'test'"), "test.t", "test.t_1", "test.t_2", "test.t_3")
	in.want("SELECT id FROM test.t_1", "3")
	in.do("stop-task", "merge")
	in.do("stop-task", "schemas")
	// The wrong routes, of which rule-1 and rule-2 are for one table.
	_, err := in.Do(in.t.Context(), "start-task", in.taskFile("wrong", one(3, "test_1_bak", "  route-rules: [rule-0, rule-1, rule-2]")+`
routes:
  rule-0: {schema-pattern: "test_*", target-schema: "test"}
`+rule1+`
  rule-2: {schema-pattern: "test_1_bak", table-pattern: "t_1_bak", target-schema: "test", target-table: "t_bak"}
`))
	if err == nil || !strings.Contains(err.Error(), "two routes match table `test_1_bak`.`t_1_bak`") {
		in.t.Errorf("the wrong routes: %v", err)
	}
}

// paused waits until each subtask of a task is paused with an error.
func (in *instances) paused(task, says string) {
	in.t.Helper()
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	defer cancel()
	_, err := in.Await(ctx, task, func(testbed.TaskStatus) (bool, error) {
		list, err := in.QueryStatus(ctx, task)
		for _, st := range list {
			if st.Stage != "Paused" || !strings.Contains(st.Trouble(), says) {
				return false, nil //nolint:nilerr // asked again
			}
		}
		return err == nil && len(list) > 0, nil
	})
	if err != nil {
		in.t.Fatalf("waiting until %s pauses with %q: %v", task, says, err)
	}
}
