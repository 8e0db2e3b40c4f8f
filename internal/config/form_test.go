package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
)

// oddTexts are values that YAML writes in different ways.
var oddTexts = []string{"plain", "true", "yes", "007", "0x1f", "1e3", "null", "~", "a: b", "# no", "*x", "&y", "'", `"`, "two\nlines", " blank ", "ünï", "p@ss", "", "-"}

func anyText(t *rapid.T, label string) string { return rapid.SampledFrom(oddTexts).Draw(t, label) }

// drawTask makes a valid task file of n sources, in any of the ways to write one.
func drawTask(t *rapid.T, n int) string {
	var b strings.Builder
	yes := func(label string) bool { return rapid.Bool().Draw(t, label) }
	modes := []string{"all", "full", "incremental"}
	mode := rapid.SampledFrom(modes).Draw(t, "mode")
	fmt.Fprintf(&b, "name: task-1\ntask-mode: %s # remark\n", mode)
	if yes("more keys") {
		b.WriteString("meta-schema: meta\ntimezone: \"+08:00\"\ncase-sensitive: yes\nclean-dump-file: off\nignore-checking-items: [all]\n")
	}
	fmt.Fprintf(&b, "target-database: &target {host: h, port: 0x10, user: %q, password: %q, session: {a: %q}}\n",
		"u"+anyText(t, "user"), anyText(t, "password"), anyText(t, "variable"))
	b.WriteString("mysql-instances:\n")
	list, inline, threads, routes := yes("list"), yes("inline"), yes("threads"), yes("routes")
	for i := range n {
		fmt.Fprintf(&b, "  - source-id: s%d\n", i)
		if mode == "incremental" {
			fmt.Fprintf(&b, "    meta: {binlog-name: bin.000001, binlog-pos: %d}\n", i+4)
		}
		if list {
			fmt.Fprintf(&b, "    block-allow-list: l%d\n", i%2)
		}
		if routes {
			b.WriteString("    route-rules: [b, a]\n    filter-rules: [f]\n    expression-filters: [e]\n")
		}
		if inline && i == 0 {
			b.WriteString("    mydumper: {threads: 9, extra-args: \"--consistency none\"}\n")
		} else {
			fmt.Fprintf(&b, "    mydumper-config-name: m%d\n", i%2)
		}
		if threads {
			b.WriteString("    syncer-thread: 3\n    loader-thread: 0\n")
		}
	}
	for i := range 2 {
		if n > 1 || i == 0 {
			if list {
				fmt.Fprintf(&b, "%s:\n  l%d: {do-dbs: [\"d%d_*\", \"~^x\"]}\n", map[bool]string{true: "block-allow-list", false: "#"}[i == 0], i, i)
			}
		}
	}
	if list {
		return strings.Replace(strings.Replace(b.String(), "#:\n", "", 1), "block-allow-list: l1", "block-allow-list: l0", -1) + restOf(inline, routes, n)
	}
	return b.String() + restOf(inline, routes, n)
}

// restOf gives the sections that the instances refer to.
func restOf(inline, routes bool, n int) string {
	var b strings.Builder
	b.WriteString("mydumpers:\n")
	used := map[int]bool{}
	for i := range n {
		if !(inline && i == 0) {
			used[i%2] = true
		}
	}
	for i := range 2 {
		if used[i] {
			fmt.Fprintf(&b, "  m%d: {chunk-filesize: 32MiB, rows: %d}\n", i, 1000*i)
		}
	}
	if routes {
		b.WriteString("routes:\n  a: &r {schema-pattern: a, target-schema: z}\n  b: {<<: *r, schema-pattern: b, table-pattern: t, target-table: u}\n" +
			"filters:\n  f: {schema-pattern: a, events: [drop table], action: Ignore}\n" +
			"expression-filter:\n  e: {schema: a, table: b, insert-value-expr: \"c > 1\"}\n")
	}
	return b.String()
}

// sameTask compares tasks but for the names of rules, which forms generate.
func sameTask() cmp.Options {
	return cmp.Options{
		cmpopts.IgnoreFields(Instance{}, "RulesName"), cmpopts.IgnoreFields(route.Rule{}, "Name"),
		cmpopts.IgnoreFields(filter.EventRule{}, "Name"), cmpopts.IgnoreFields(expr.Rule{}, "Name"), cmpopts.EquateEmpty(),
	}
}

// A form that is read back is the same task, its own form, and brings no remark.
func TestTaskFormsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3).Draw(t, "sources")
		text := drawTask(t, n)
		want, _, err := DecodeTask("", []byte(text))
		if err != nil {
			t.Fatalf("the test drew a bad file: %v\n%s", err, text)
		}
		texts := map[string]string{}
		for _, s := range want.Sources() {
			texts[s] = text
		}
		form, differ, err := (SecretKey{}).TaskForm(texts, Sealed)
		if err != nil || len(differ) > 0 {
			t.Fatalf("%v, differ in %v\n%s", err, differ, text)
		}
		got, warnings, err := DecodeTask("", []byte(form))
		if err != nil {
			t.Fatalf("%v\n%s\nfrom\n%s", err, form, text)
		}
		if diff := cmp.Diff(want, got, sameTask()); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s\nfrom\n%s", diff, form, text)
		}
		if len(warnings) > 0 {
			t.Errorf("a form brings the remarks %q\n%s", warnings, form)
		}
		for s := range texts {
			texts[s] = form
		}
		if again, _, err := (SecretKey{}).TaskForm(texts, Sealed); err != nil || again != form {
			t.Errorf("the form of the form differs, %v:\n%s", err, cmp.Diff(form, again))
		}
	})
}

// A part of the sources makes a smaller file, which is valid by itself.
func TestTheFormOfOneSourceOfSeveral(t *testing.T) {
	text := baseTask + "  - source-id: s2\n    block-allow-list: b\n    syncer-config-name: g\nblock-allow-list: {b: {do-dbs: [x]}, c: {}}\nsyncers: {g: {batch: 7}}\n"
	form, _, err := (SecretKey{}).TaskForm(map[string]string{"s1": text}, Sealed)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := DecodeTask("", []byte(form))
	if err != nil || len(got.Instances) != 1 || got.Instances[0].RulesName != "" || got.Instances[0].Sync.Batch != 100 {
		t.Errorf("%v: %+v\n%s", err, got.Instances, form)
	}
}

// Sources that were added with an edited file: what fits into one file is put
// together, what does not is named.
func TestTheFormOfFilesThatDiffer(t *testing.T) {
	one := baseTask + "    syncer: {batch: 5}\n"
	two := strings.ReplaceAll(strings.ReplaceAll(baseTask, "source-id: s1", "source-id: s2"), "port: 4000", "port: 4001") + "timezone: UTC\n"
	form, differ, err := (SecretKey{}).TaskForm(map[string]string{"s2": two, "s1": one}, Masked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"target-database", "timezone"}, differ); diff != "" {
		t.Error(diff)
	}
	got, _, err := DecodeTask("", []byte(form))
	if err != nil || got.Target.Port != 4000 || got.Instances[0].Sync.Batch != 5 || got.Instances[1].Sync.Batch != 100 {
		t.Errorf("%v\n%s", err, form)
	}
}

func TestSourceFormsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Source{SourceID: "s" + anyText(t, "id"), EnableGTID: rapid.Bool().Draw(t, "gtid"), Flavor: rapid.SampledFrom([]string{"", "mysql", "mariadb"}).Draw(t, "flavor"),
			ServerID: rapid.Uint32().Draw(t, "server id"), Checker: defaultChecker(), CaseSensitive: rapid.Bool().Draw(t, "case"),
			From: Database{Host: "h" + anyText(t, "host"), Port: 1, User: "u" + anyText(t, "user"), Password: Secret(anyText(t, "password"))}}
		if rapid.Bool().Draw(t, "filters") {
			want.Events = []filter.EventRule{{Schema: "a", Events: []string{"drop table"}, Action: "Ignore"}}
		}
		form, err := (SecretKey{}).SourceForm(SecretKey{}.EncodeSource(want), Sealed)
		if err != nil {
			t.Fatal(err)
		}
		got, warnings, err := DecodeSource("", []byte(form))
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v, %q\n%s", err, warnings, form)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("(-want +got):\n%s\n%s", diff, form)
		}
		if again, err := (SecretKey{}).SourceForm(form, Sealed); err != nil || again != form {
			t.Errorf("the form of the form differs, %v:\n%s", err, cmp.Diff(form, again))
		}
	})
}

// What is shown to people holds no secret, in whatever way it is written.
func TestMaskedForms(t *testing.T) {
	const secret = "unique-secret-4711"
	sealed, err := Encrypt(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, password := range []string{secret, sealed, "&p " + secret} {
		src := "source-id: s1\nfrom: {host: h, port: 1, user: u, password: " + password + "}\n"
		text := strings.Replace(baseTask, "p@ss", password, 1)
		task, _, err := (SecretKey{}).TaskForm(map[string]string{"s1": text}, Masked)
		if err != nil {
			t.Fatal(err)
		}
		source, err := (SecretKey{}).SourceForm(src, Masked)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{task, source} {
			if strings.Contains(form, secret) || strings.Contains(form, sealed) || !strings.Contains(form, "password: '******'") {
				t.Errorf("%s", form)
			}
		}
	}
	form, err := (SecretKey{}).SourceForm("source-id: s1\nfrom: {host: h, port: 1, user: u, security: {ssl-ca: /ca, ssl-key-bytes: c2VjcmV0}}\n", Masked)
	if err != nil || strings.Contains(form, "c2VjcmV0") || !strings.Contains(form, "ssl-ca: /ca") {
		t.Errorf("%v\n%s", err, form)
	}
}
