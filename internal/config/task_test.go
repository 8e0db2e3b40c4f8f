package config

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
)

func asFault(err error, f **fault.Error) bool { return errors.As(err, f) }

const fullTask = `
name: orders
task-mode: incremental
meta-schema: meta
timezone: "+8:00"
case-sensitive: true
clean-dump-file: false
ignore-checking-items: [version]
target-database: {host: tidb, port: 4000, user: root, password: fCxfQ9XKCezSzuCD0Wf5dUD+LsKegSg=, session: {tidb_txn_mode: optimistic}}
mysql-instances:
  - source-id: s1
    meta: {binlog-name: bin.000003, binlog-pos: 120, binlog-gtid: 0-1-5}
    block-allow-list: shop
    mydumper-config-name: d
    mydumper-thread: 9
    loader: {pool-size: 3, dir: /dump, on-duplicate-logical: ignore, max-rows-per-second: 9, max-mb-per-second: 8, max-disk-mb: 64}
    syncer-config-name: s
  - source-id: s2
    meta: {binlog-gtid: 0-1-7}
    loader: {dir: "/data/x.orders"}
    syncer-thread: 5
block-allow-list:
  shop:
    do-dbs: [Shop]
    ignore-tables: [{db-name: Shop, tbl-name: "tmp_*"}]
mydumpers: {d: {threads: 2, chunk-filesize: "8MiB", statement-size: 5000, rows: 100, where: "id > 1"}}
syncers: {s: {worker-count: 2, batch: 7, queue-size: 1024, checkpoint-flush-interval: 3, safe-mode: true, strict: true}}
`

func TestSubtask(t *testing.T) {
	task, warnings, err := DecodeTask("task.yaml", []byte(fullTask))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if diff := cmp.Diff([]string{"s1", "s2"}, task.Sources()); diff != "" {
		t.Error(diff)
	}
	target := Database{Host: "tidb", Port: 4000, User: "root", Password: "123456", Session: map[string]string{"tidb_txn_mode": "optimistic"}}
	s1, s2 := Source{SourceID: "s1"}, Source{SourceID: "s2", EnableGTID: true}
	want := []Subtask{{
		Task: "orders", SourceID: "s1", Sources: 2, Mode: ModeIncremental, MetaSchema: "meta", CaseSensitive: true, Timezone: "+08:00",
		Source: s1, Target: target, Start: &StartPoint{BinlogName: "bin.000003", BinlogPos: 120, BinlogGTID: "0-1-5"},
		RulesName: "shop", Rules: filter.Rules{DoDBs: []string{"Shop"}, IgnoreTables: []filter.TablePattern{{Schema: "Shop", Table: "tmp_*"}}},
		Dump: Dump{Threads: 9, ChunkBytes: 8 << 20, StatementSize: 5000, Rows: 100, Where: "id > 1", Consistency: ConsistencyAuto},
		Load: Load{PoolSize: 3, Dir: "/dump.orders", GivenDir: "/dump", OnDuplicate: DuplicateIgnore, MaxRows: 9, MaxMB: 8, Overlap: true, MaxDisk: 64 << 20},
		Sync: Sync{WorkerCount: 2, Batch: 7, CheckpointFlushInterval: 3 * time.Second, SafeMode: true, Strict: true},
	}, {
		Task: "orders", SourceID: "s2", Sources: 2, Mode: ModeIncremental, MetaSchema: "meta", CaseSensitive: true, Timezone: "+08:00",
		Source: s2, Target: target, Start: &StartPoint{BinlogGTID: "0-1-7"},
		Dump: defaultDump(), Load: Load{PoolSize: 16, Dir: "/data/x.orders", GivenDir: "/data/x.orders", Overlap: true},
		Sync: Sync{WorkerCount: 5, Batch: 100, CheckpointFlushInterval: 30 * time.Second},
	}}
	for i, src := range []Source{s1, s2} {
		got, err := task.Subtask(src)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], got, cmpopts.IgnoreFields(Subtask{}, "Filter", "DumpFilter")); diff != "" {
			t.Errorf("subtask %d (-want +got):\n%s", i, diff)
		}
		if got.Filter.MatchSchema("META") || !got.Filter.MatchTable("Shop", "orders") {
			t.Errorf("subtask %d: the filter is not that of its rules", i)
		}
	}
}

// TestExtraArgsWin: flags of extra-args stand above keys, whatever the order.
func TestExtraArgsWin(t *testing.T) {
	task, warnings, err := DecodeTask("task.yaml", []byte(`name: t
task-mode: full
target-database: {host: h, port: 1, user: u}
mysql-instances: [{source-id: s, mydumper-config-name: d, mydumper-thread: 2, block-allow-list: b}]
block-allow-list: {b: {do-dbs: [a, shop]}}
mydumpers: {d: {extra-args: "-t 8 -F 32MiB -s=2000 -r10000 --where 'id > 1 AND c = 7' --consistency lock --compress zstd -f shop.* -f !shop.tmp*",
  threads: 3, chunk-filesize: 1, statement-size: 9, rows: 5, where: x}}
`))
	if err != nil || len(warnings) != 1 {
		t.Fatal(err, warnings)
	}
	sub, err := task.Subtask(Source{SourceID: "s"})
	if err != nil {
		t.Fatal(err)
	}
	want := Dump{Threads: 8, ChunkBytes: 32 << 20, StatementSize: 2000, Rows: 10000, Where: "id > 1 AND c = 7", Consistency: ConsistencyLock,
		Compress: "zstd", Tables: &DumpTables{Include: []filter.TablePattern{{Schema: "shop", Table: "*"}},
			Exclude: []filter.TablePattern{{Schema: "shop", Table: "tmp*"}}}}
	if diff := cmp.Diff(want, sub.Dump, cmpopts.IgnoreFields(Dump{}, "ExtraArgs")); diff != "" {
		t.Error(diff)
	}
	for name, in := range map[string]bool{"a.x": false, "shop.x": true, "shop.tmp1": false} {
		db, tbl, _ := strings.Cut(name, ".")
		if sub.DumpFilter.MatchTable(db, tbl) != in {
			t.Errorf("%s is dumped: %v", name, !in)
		}
	}
	if !sub.Filter.MatchTable("a", "x") {
		t.Error("the flags of the dump have changed what is replicated")
	}
}

func TestSubtaskRefuses(t *testing.T) {
	task, _, err := DecodeTask("task.yaml", []byte(fullTask))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		src  Source
		code int
		kind fault.Kind
	}{
		{"source of another task", Source{SourceID: "s3"}, 20031, fault.NotFound},
		{"GTID only for a source by position", Source{SourceID: "s2"}, 20011, fault.Invalid},
		{"a GTID of another flavor", Source{SourceID: "s1", Flavor: "mysql"}, 11009, fault.Invalid},
	} {
		_, err := task.Subtask(c.src)
		var f *fault.Error
		if !asFault(err, &f) || f.Code != c.code || f.Kind != c.kind || f.Hint == "" {
			t.Errorf("%s: got %v, want code %d with a hint", c.name, err, c.code)
		}
	}
	byPosition := strings.Replace(fullTask, ", binlog-gtid: 0-1-5", "", 1)
	if task, _, err = DecodeTask("", []byte(byPosition)); err != nil {
		t.Fatal(err)
	}
	var f *fault.Error
	if _, err := task.Subtask(Source{SourceID: "s1", EnableGTID: true}); !asFault(err, &f) || f.Code != 20011 {
		t.Errorf("position only for a source by GTID: got %v", err)
	}
}

func TestTaskName(t *testing.T) {
	if got, err := TaskName("f", []byte("unknown: 1\nname: t7\n")); got != "t7" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	var f *fault.Error
	if _, err := TaskName("f", []byte("a: 1")); !asFault(err, &f) || f.Code != 20004 {
		t.Errorf("no name: got %v", err)
	}
}

// Encode is how a source is stored: nothing may be lost on the way.
func TestSourceEncodeRoundTrip(t *testing.T) {
	text := rapid.StringMatching(`[ -~äß日\t\n"'\\#:{}*&!|>%@,\[\]]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		want := Source{
			SourceID:      text.Draw(t, "id"),
			EnableGTID:    rapid.Bool().Draw(t, "gtid"),
			Flavor:        rapid.SampledFrom([]string{"", "mysql", "mariadb"}).Draw(t, "flavor"),
			ServerID:      rapid.Uint32().Draw(t, "server-id"),
			CaseSensitive: rapid.Bool().Draw(t, "case"),
			From: Database{
				Host: text.Draw(t, "host"), Port: rapid.IntRange(1, 65535).Draw(t, "port"), User: text.Draw(t, "user"),
				Password: Secret(rapid.String().Draw(t, "password")),
			},
			Checker: Checker{
				Enable:          rapid.Bool().Draw(t, "check"),
				BackoffRollback: time.Duration(rapid.Int64Range(1, 1<<50).Draw(t, "rollback")),
				BackoffMax:      time.Duration(rapid.Int64Range(int64(time.Second), 1<<50).Draw(t, "max")),
			},
		}
		if rapid.Bool().Draw(t, "filters") {
			events := rapid.SliceOfN(rapid.SampledFrom([]string{"delete", "ALL ddl"}), 1, 2)
			want.Events = []filter.EventRule{
				{Schema: "a*", Table: "~" + regexp.QuoteMeta(text.Draw(t, "table")), Events: events.Draw(t, "events"), Action: "Ignore"},
				{Schema: "b", SQL: []string{regexp.QuoteMeta(text.Draw(t, "sql"))}, Action: "Ignore"},
			}
		}
		if rapid.Bool().Draw(t, "session") {
			want.From.Session = map[string]string{"wait_timeout": text.Draw(t, "value"), "x_1": "1"}
		}
		if rapid.Bool().Draw(t, "ciphertext as password") {
			want.From.Password = "fCxfQ9XKCezSzuCD0Wf5dUD+LsKegSg="
		}
		got, warnings, err := DecodeSource("", []byte(SecretKey{}.EncodeSource(want)))
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v %v\n%s", err, warnings, SecretKey{}.EncodeSource(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, SecretKey{}.EncodeSource(want))
		}
		if (SecretKey{}).EncodeSource(got) != (SecretKey{}).EncodeSource(want) {
			t.Fatal("the same source was written in two ways")
		}
	})
}

// A decoder of operators' files must answer, whatever they hold.
func FuzzDecode(f *testing.F) {
	for _, name := range []string{"source.txt", "task.txt", "garbage.txt"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range strings.Split(string(data), "\n\n# ") {
			in, _, _ := strings.Cut(c, "----")
			f.Add(in)
		}
	}
	f.Add("a: &a {<<: *a}")
	f.Add("? [a]\n: b")
	f.Fuzz(func(t *testing.T, in string) {
		_, _, taskErr := DecodeTask("f", []byte(in))
		_, _, sourceErr := DecodeSource("f", []byte(in))
		for _, err := range []error{taskErr, sourceErr} {
			var fe *fault.Error
			if err != nil && (!asFault(err, &fe) || fe.Msg == "") {
				t.Errorf("not a fault with a sentence: %v", err)
			}
		}
	})
}

// TestSubtaskWhere: a subtask gets the routes and filters that its source names,
// and the filters of the source itself, each under its own file's letters' case.
func TestSubtaskWhere(t *testing.T) {
	task, warnings, err := DecodeTask("", []byte(`
name: t
task-mode: all
target-database: {host: h, port: 1, user: u}
mysql-instances:
  - {source-id: s1, route-rules: [merge], filter-rules: [keep]}
  - {source-id: s2}
routes: {merge: {schema-pattern: "shop_*", table-pattern: "t_*", target-schema: shop, target-table: t, extract-source: {source-regexp: "s(.)", target-column: c}}}
filters: {keep: {schema-pattern: "shop_*", table-pattern: "*", events: [delete], action: Ignore}}
`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	src := Source{SourceID: "s1", CaseSensitive: true, Events: []filter.EventRule{{Schema: "Shop_*", Events: []string{"update"}, Action: "Ignore"}}}
	sub, err := task.Subtask(src)
	if err != nil {
		t.Fatal(err)
	}
	target, err := sub.Routes.Table("SHOP_1", "t_1")
	if err != nil || target.Schema != "shop" || target.Table != "t" || len(target.Columns) != 1 || target.Columns[0].Value != "1" || target.Rule != "merge" {
		t.Errorf("routed to %+v, %v", target, err)
	}
	if _, update, del := sub.Events.Rows("shop_1", "t"); update || !del {
		t.Errorf("shop_1: update %v, delete %v", update, del)
	}
	if _, update, del := sub.Events.Rows("Shop_1", "t"); !update || !del {
		t.Errorf("Shop_1: update %v, delete %v", update, del)
	}
	if rule, _ := sub.Events.Statement("x", "", filter.DropDatabase, ""); rule != "" {
		t.Errorf("left out by %s", rule)
	}
	if sub, err = task.Subtask(Source{SourceID: "s2"}); err != nil || !sub.Routes.Empty() || !sub.Events.Empty() {
		t.Errorf("s2: %+v, %v", sub, err)
	}
}
