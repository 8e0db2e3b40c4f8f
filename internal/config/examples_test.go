package config

// exampleValues are right and wrong values of all keys of source and task files,
// by section.
func exampleValues() map[string]map[string]keyValues {
	server := map[string]keyValues{
		"host": {right: "other", wrong: "[x]"}, "port": {right: "3306", wrong: "65536"}, "user": {right: "x", wrong: "''"}, "password": {right: "p", wrong: "{a: b}"},
		"max-allowed-packet": {right: "67108864", wrong: "64M"}, "session": {right: "{foreign_key_checks: 1}", wrong: "{'a b': 1}"}, "security": {right: "{ssl-ca: x}", wrong: "[x]"},
	}
	security := map[string]keyValues{
		"ssl-ca": {right: "/ca.pem", wrong: "[x]"}, "ssl-cert": {right: "/c.pem", wrong: "[x]"}, "ssl-key": {right: "/k.pem", wrong: "[x]"}, "cert-allowed-cn": {right: "[dm]", wrong: "dm"},
		"ssl-ca-bytes": {right: "'-----BEGIN X'", wrong: "[x]"}, "ssl-key-bytes": {right: "'-----BEGIN X'", wrong: "x"}, "ssl-cert-bytes": {right: "[45, 45, 45, 45, 45, 66, 69, 71, 73, 78, 32]", wrong: "[300]"},
	}
	filters := map[string]keyValues{
		"schema-pattern": {right: "'shop_?'", wrong: "'*x'"}, "table-pattern": {right: "'t*'", wrong: "'~('"}, "events": {right: "[insert, drop table]", wrong: "[inserts]"},
		"sql-pattern": {right: "['^DROP']", wrong: "['(']"}, "action": {right: "Do", wrong: "do"},
	}
	const number, text, yes = "x", "[x]", "maybe"
	return map[string]map[string]keyValues{
		"source": {
			"source-id": {right: "other", wrong: "a2345678901234567890123456789012345"}, "enable-gtid": {right: "true", wrong: yes}, "enable-relay": {right: "true", wrong: yes},
			"relay-binlog-name": {right: "mysql-bin.000007", wrong: "mysql-bin"}, "relay-binlog-gtid": {right: "0-1-2", wrong: text}, "relay-dir": {right: "/relay", wrong: text},
			"from": {right: "{host: other, port: 3306, user: u}", wrong: "{host: h, user: u}"}, "server-id": {right: "7", wrong: "4294967296"}, "flavor": {right: "mariadb", wrong: "oracle"},
			"charset": {right: "utf8mb4", wrong: text}, "auto-fix-gtid": {right: "true", wrong: yes}, "meta-dir": {right: "/meta", wrong: text}, "tracer": {right: "{a: b}", free: true},
			"purge": {right: "{expires: 5}", wrong: text}, "checker": {right: "{check-enable: false}", wrong: text}, "case-sensitive": {right: "true", wrong: yes, file: filteredSource},
			"filters": {right: "[{schema-pattern: a, events: [delete], action: Ignore}]", wrong: "[{schema-pattern: a}]"},
		},
		"from": server, "from.security": security, "target-database": server, "target.security": security,
		"purge":   {"interval": {right: "60", wrong: "-1"}, "expires": {right: "5", wrong: "-1"}, "remain-space": {right: "1", wrong: "1G"}},
		"checker": {"check-enable": {right: "false", wrong: yes}, "backoff-rollback": {right: "1m", wrong: "0s"}, "backoff-max": {right: "1m", wrong: "999ms"}, "check-interval": {right: "7s", wrong: "7"}, "backoff-min": {right: "2s", wrong: "2"}, "backoff-jitter": {right: "false", wrong: yes}, "backoff-factor": {right: "3", wrong: "x"}},

		"source.filters": filters, "filters": filters,
		"task": {
			"name": {right: "other", wrong: "a/b"}, "task-mode": {right: "full", wrong: "everything"}, "shard-mode": {right: "pessimistic", wrong: "careful"}, "is-sharding": {right: "true", wrong: yes},
			"ignore-checking-items": {right: "[version]", wrong: "[versions]"}, "meta-schema": {right: "meta", wrong: "a2345678901234567890123456789012345678901234567890123456789012345"},
			"timezone": {right: "Asia/Shanghai", wrong: "Mars/Olympus"}, "case-sensitive": {right: "true", wrong: yes}, "collation_compatible": {right: "strict", wrong: "lax"}, "online-ddl": {right: "true", wrong: yes},
			"online-ddl-scheme": {right: "gh-ost", wrong: "lhm"}, "shadow-table-rules": {right: "['^_(.+)_new$']", wrong: "['^_.+_new$']", file: onlineTask}, "trash-table-rules": {right: "['^_(.+)_old$']", wrong: "['(']", file: onlineTask},
			"clean-dump-file": {right: "false", wrong: yes}, "ansi-quotes": {right: "true", wrong: yes}, "enable-heartbeat": {right: "true", wrong: yes},
			"heartbeat-update-interval": {right: "2", wrong: number}, "heartbeat-report-interval": {right: "20", wrong: number}, "remove-meta": {right: "true", wrong: yes},
			"target-database": {right: "{host: other, port: 1, user: u}", wrong: "{host: h, port: 1}"}, "mysql-instances": {right: "[{source-id: other}]", wrong: "[]"},
			"routes":          {right: "{x: {schema-pattern: a, target-schema: c}}", wrong: "{x: {schema-pattern: a}}", file: rulesTask},
			"filters":         {right: "{x: {schema-pattern: b, events: [delete], action: Ignore}}", wrong: "{y: {schema-pattern: a, action: Ignore}, x: {schema-pattern: b, action: Do, events: [insert]}}", file: rulesTask},
			"column-mappings": {right: "{x: {expression: partition id}}", wrong: text}, "expression-filter": {right: "{x: {schema: a, table: b, delete-value-expr: c > 1}}", wrong: "{x: {schema: a, table: b, delete-value-expr: c >}}", file: rulesTask},
			"block-allow-list": {right: "{x: {do-dbs: [b]}}", wrong: "{x: {do-dbs: ['*b']}}", file: rulesTask}, "black-white-list": {right: "{x: {do-dbs: [b]}}", wrong: "{x: {do-dbs: ['*b']}}", file: oldListTask},
			"mydumpers": {right: "{x: {threads: 7}}", wrong: "{x: {threads: -1}}", file: rulesTask}, "loaders": {right: "{x: {pool-size: 7}}", wrong: "{x: {pool-size: -1}}", file: rulesTask},
			"syncers": {right: "{x: {batch: 7}}", wrong: "{x: {batch: -1}}", file: rulesTask}, "tidb": {right: "{backend: tidb}", wrong: "{backend: oracle}"},
		},
		"instance": {
			"source-id": {right: "other", wrong: "''"}, "meta": {right: "{binlog-name: b.000002, binlog-pos: 4}", wrong: "{}", file: startTask},
			"route-rules": {right: "[x]", wrong: "[nobody]", file: twoTask}, "filter-rules": {right: "[x]", wrong: "[nobody]", file: twoTask}, "expression-filters": {right: "[x]", wrong: "[nobody]", file: twoTask},
			"column-mapping-rules": {right: "[]", wrong: "[nobody]", silent: true}, "block-allow-list": {right: "x", wrong: "nobody", file: twoTask}, "black-white-list": {right: "x", wrong: "nobody", file: twoTask},
			"mydumper-config-name": {right: "x", wrong: "nobody", file: twoTask}, "loader-config-name": {right: "x", wrong: "nobody", file: twoTask}, "syncer-config-name": {right: "x", wrong: "nobody", file: twoTask},
			"mydumper": {right: "{threads: 7}", wrong: "{threads: x}"}, "loader": {right: "{pool-size: 7}", wrong: "{pool-size: x}"}, "syncer": {right: "{batch: 7}", wrong: "{batch: x}"},
			"mydumper-thread": {right: "7", wrong: "-1"}, "loader-thread": {right: "7", wrong: "-1"}, "syncer-thread": {right: "7", wrong: "5000"},
		},
		"meta": {"binlog-name": {right: "b.000002", wrong: text}, "binlog-pos": {right: "120", wrong: "-1"}, "binlog-gtid": {right: "0-1-2", wrong: text}},
		"mydumpers": {
			"threads": {right: "7", wrong: "5000"}, "chunk-filesize": {right: "16MiB", wrong: "16 parsecs"}, "statement-size": {right: "5000", wrong: "-1"}, "rows": {right: "10000", wrong: "-1"}, "where": {right: "id > 3", wrong: text},
			"skip-tz-utc": {right: "false", wrong: yes}, "mydumper-path": {right: "/usr/bin/mydumper", wrong: text}, "extra-args": {right: "--consistency lock", wrong: "--consistency maybe"},
			"max-rows-per-second": {right: "10", wrong: "-1"}, "max-mb-per-second": {right: "10", wrong: "-1"}, "max-threads-running": {right: "10", wrong: "-1"},
		},
		"loaders": {
			"pool-size": {right: "7", wrong: "5000"}, "dir": {right: "/dump", wrong: text}, "import-mode": {right: "logical", wrong: "magical", silent: true}, "on-duplicate": {right: "ignore", wrong: "merge"},
			"on-duplicate-logical": {right: "replace", wrong: "merge"}, "on-duplicate-physical": {right: "manual", wrong: "merge"}, "checksum-physical": {right: "off", wrong: "maybe"}, "analyze": {right: "off", wrong: "maybe"},
			"sorting-dir-physical": {right: "/sort", wrong: text}, "disk-quota-physical": {right: "1GiB", wrong: "much"}, "range-concurrency": {right: "3", wrong: number}, "compress-kv-pairs": {right: "gzip", wrong: text},
			"pd-addr": {right: "h:2379", wrong: text}, "max-rows-per-second": {right: "10", wrong: "-1"}, "max-mb-per-second": {right: "10", wrong: "-1"}, "overlap": {right: "false", wrong: yes}, "max-disk-mb": {right: "10", wrong: "-1"},
		},
		"syncers": {
			"worker-count": {right: "7", wrong: "5000"}, "batch": {right: "7", wrong: "-1"}, "queue-size": {right: "7", wrong: "-1"}, "checkpoint-flush-interval": {right: "7", wrong: "-1"}, "compact": {right: "true", wrong: yes},
			"multiple-rows": {right: "true", wrong: yes}, "safe-mode": {right: "true", wrong: yes}, "enable-ansi-quotes": {right: "true", wrong: yes}, "disable-detect": {right: "true", wrong: yes}, "max-retry": {right: "7", wrong: number},
			"auto-fix-gtid": {right: "true", wrong: yes}, "enable-gtid": {right: "true", wrong: yes}, "meta-file": {right: "x", wrong: text}, "strict": {right: "true", wrong: yes},
		},
		"tidb": {"status-port": {right: "10080", wrong: number}, "pd-addr": {right: "h:2379", wrong: text}, "backend": {right: "local", wrong: "oracle"}},
		"routes": {
			"schema-pattern": {right: "'b*'", wrong: "'*b'"}, "table-pattern": {right: "'t[0-9]'", wrong: "'t['"}, "target-schema": {right: "c", wrong: "''"}, "target-table": {right: "c", wrong: text},
			"extract-table":  {right: "{table-regexp: 't(.*)', target-column: d}", wrong: "{table-regexp: '(', target-column: d}"},
			"extract-schema": {right: "{schema-regexp: 't(.*)', target-column: d}", wrong: "{schema-regexp: 't', target-column: d}"},
			"extract-source": {right: "{source-regexp: 't(.*)', target-column: d}", wrong: "{source-regexp: 't(.*)', target-column: c}"},
		},
		"extract-table":    {"table-regexp": {right: "'t_(.*)'", wrong: text}, "target-column": {right: "d", wrong: "''"}},
		"expression":       {"schema": {right: "b", wrong: "''"}, "table": {right: "c", wrong: "''"}, "insert-value-expr": {right: "c < 1", wrong: "c <"}, "update-old-value-expr": {right: "c < 1", wrong: "c <", file: updateTask}, "update-new-value-expr": {right: "c < 1", wrong: "f(c) = 1", file: updateTask}, "delete-value-expr": {right: "c < 1", wrong: "(SELECT 1)", file: updateTask}},
		"block-allow-list": {"do-dbs": {right: "['~^b']", wrong: "['~(']"}, "ignore-dbs": {right: "[c]", wrong: "[[c]]"}, "do-tables": {right: "[{db-name: c, tbl-name: d}]", wrong: "[{db-name: c}]"}, "ignore-tables": {right: "[{db-name: c, tbl-name: d}]", wrong: "[{tbl-name: d}]"}},
		"list entry":       {"db-name": {right: "c", wrong: "''"}, "tbl-name": {right: "'d*'", wrong: "'*d'"}},
	}
}

// Files of single examples. Of twoTask the second source has what the first may get.
const (
	twoTask = `{name: t, task-mode: all, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s}, {source-id: s2, route-rules: [x], filter-rules: [x],
  expression-filters: [x], block-allow-list: x, mydumper-config-name: x, loader-config-name: x, syncer-config-name: x}],
  routes: {x: {schema-pattern: a, target-schema: b}}, filters: {x: {schema-pattern: a, events: [delete], action: Ignore}},
  expression-filter: {x: {schema: a, table: b, insert-value-expr: c > 1}}, block-allow-list: {x: {do-dbs: [a]}},
  mydumpers: {x: {threads: 3}}, loaders: {x: {pool-size: 3}}, syncers: {x: {batch: 3}}}`
	filteredSource = "{source-id: s, from: {host: h, port: 1, user: u}, filters: [{schema-pattern: Shop, events: [delete], action: Ignore}]}"
	onlineTask     = "{name: t, task-mode: all, online-ddl: true, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s}]}"
	oldListTask    = "{name: t, task-mode: all, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s, block-allow-list: x}], black-white-list: {x: {do-dbs: [a]}}}"
	updateTask     = "{name: t, task-mode: all, target-database: {host: h, port: 1, user: u}, mysql-instances: [{source-id: s, expression-filters: [x]}], expression-filter: {x: {schema: a, table: b}}}"
)
