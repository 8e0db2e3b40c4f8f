package e2e

// letterCase is case-sensitive (spec/config.md) from the copy to the replication, in
// lists, routes, event filters and expressions: of two names that differ in case
// alone a rule means one with it, and both without it.
func (in *instances) letterCase() {
	in.exec([]int{1}, "CREATE DATABASE Case_s", "CREATE DATABASE case_s",
		"CREATE TABLE Case_s.Orders (id INT PRIMARY KEY, v INT)", "CREATE TABLE Case_s.orders (id INT PRIMARY KEY, v INT)", "CREATE TABLE case_s.Orders (id INT PRIMARY KEY, v INT)",
		"INSERT INTO Case_s.Orders VALUES (1, 1), (2, 2)", "INSERT INTO Case_s.orders VALUES (11, 1), (12, 2)", "INSERT INTO case_s.Orders VALUES (21, 1), (22, 2)")
	const rules = `
mysql-instances:
- source-id: "instance-1"
  block-allow-list: own
  route-rules: [s, r]
  filter-rules: [no-deletes]
  expression-filters: [small]
block-allow-list: {own: {do-tables: [{db-name: "Case_s", tbl-name: "Orders"}]}}
`
	in.start("exact", "case-sensitive: true"+rules+`
routes:
  s: {schema-pattern: "Case_s", target-schema: "case_exact"}
  r: {schema-pattern: "Case_s", table-pattern: "Orders", target-schema: "case_exact", target-table: "t"}
filters: {no-deletes: {schema-pattern: "Case_s", table-pattern: "Orders", events: ["delete"], action: Ignore}}
expression-filter: {small: {schema: "Case_s", table: "Orders", insert-value-expr: "v > 100"}}
`)
	in.caughtUp("exact", 1)
	in.want("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'case%' ORDER BY 1", "case_exact")
	in.start("any", rules+`
routes:
  s: {schema-pattern: "cASE_s", target-schema: "case_any"}
  r: {schema-pattern: "cASE_s", table-pattern: "oRDERS", target-schema: "case_any", target-table: "t"}
filters: {no-deletes: {schema-pattern: "cASE_s", table-pattern: "oRDERS", events: ["delete"], action: Ignore}}
expression-filter: {small: {schema: "Case_s", table: "Orders", insert-value-expr: "v > 100"}}
`)
	in.caughtUp("exact", 1)
	in.caughtUp("any", 1)
	in.exec([]int{1}, "INSERT INTO Case_s.Orders VALUES (3, 3), (4, 400)", "INSERT INTO Case_s.orders VALUES (13, 3)", "INSERT INTO case_s.Orders VALUES (23, 3)",
		"ALTER DATABASE case_s CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"DELETE FROM Case_s.Orders WHERE id = 1", "DELETE FROM Case_s.orders WHERE id = 11", "DELETE FROM case_s.Orders WHERE id = 21",
		"UPDATE Case_s.Orders SET v = 9 WHERE id = 2", "UPDATE Case_s.orders SET v = 9 WHERE id = 12", "UPDATE case_s.Orders SET v = 9 WHERE id = 22")
	in.caughtUp("exact", 1)
	in.caughtUp("any", 1)
	in.want("SELECT CONCAT_WS(' ', id, v) FROM case_exact.t ORDER BY id", "1 1", "2 9", "3 3")
	in.want("SELECT CONCAT_WS(' ', id, v) FROM case_any.t ORDER BY id", "1 1", "2 9", "3 3", "11 1", "12 9", "13 3", "21 1", "22 9", "23 3")
	in.want("SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE 'case%' ORDER BY 1", "case_any", "case_exact")
	in.do("stop-task", "exact")
	in.do("stop-task", "any")
}
