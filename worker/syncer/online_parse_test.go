package syncer

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// onlineParser is a parser that follows online DDL of all tables but no.* and
// *.other, with nothing remembered.
func onlineParser(t testing.TB) *ddlParser {
	t.Helper()
	rules, err := onlineddl.New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &online{rules: rules, meta: &checkpoint.Meta{Schema: "dm_meta", Task: "t", Source: "s"}, records: map[schema.Name]checkpoint.Online{},
		log: slog.New(slog.DiscardHandler)}
	return &ddlParser{parser: parser.New(), filter: rules.Only(notOther{}), online: o}
}

// told is what a statement comes to: the statements for the target, "idle" where
// only something is remembered, "-" for nothing, or the code of the error.
func (d *ddlParser) told(st *Statement) string {
	list, err := d.parse(st)
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Hint == "" && f.Code != codeUnsupportedStmt && f.Code != codeParseDDL && f.Code != codeRealToShadow && f.Code != codeShadowToOther {
			return "an error without a hint: " + err.Error()
		}
		return fmt.Sprint("!", f.Code)
	}
	var texts []string
	for i := range list {
		if !list[i].idle {
			texts = append(texts, list[i].text)
		}
		if (list[i].online != nil) != (i == len(list)-1) && list[i].online != nil {
			return "it is remembered before all is executed"
		}
		if list[i].online != nil {
			d.online.accept(list[i].online.changes)
		}
	}
	switch {
	case len(list) == 0:
		return "-"
	case len(texts) == 0:
		return "idle"
	}
	return strings.Join(texts, "; ")
}

// remembered lists the records.
func (d *ddlParser) remembered() string {
	var out []string
	for _, n := range slices.SortedFunc(maps.Keys(d.online.records), func(a, b schema.Name) int { return strings.Compare(a.Table, b.Table) }) {
		r := d.online.records[n]
		text := fmt.Sprintf("%s.%s of %s.%s %d", n.Schema, n.Table, r.Schema, r.Table, len(r.DDLs))
		if r.More != nil && r.More.Away != "" {
			text = fmt.Sprintf("%s.%s %s as %s.%s", r.Schema, r.Table, r.More.Away, n.Schema, n.Table)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// script runs lines of the form "statement => what it comes to"; one that begins
// with # is what is remembered then.
func (d *ddlParser) script(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if want, ok := strings.CutPrefix(line, "#"); ok {
			if got := d.remembered(); got != strings.TrimSpace(want) {
				t.Errorf("remembered is %q, want %q", got, want)
			}
			continue
		}
		text, want, ok := strings.Cut(line, " => ")
		if !ok {
			continue
		}
		st := &Statement{Schema: "d", Text: text}
		if text, st.vars.unchecked = strings.CutPrefix(text, "unchecked "); st.vars.unchecked {
			st.Text = text
		}
		if got := d.told(st); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// TestOnlineStatements: what becomes of each statement of an online DDL, and of
// those by which people clean up behind one (peer-bugs 25).
func TestOnlineStatements(t *testing.T) {
	for name, lines := range map[string]string{
		"gh-ost": `
			drop /* gh-ost */ table if exists d._a_gho => idle
			create /* gh-ost */ table d._a_ghc (id bigint auto_increment primary key) comment='gh-ost changelog' => -
			create /* gh-ost */ table d._a_gho like d.a => idle
			#
			alter /* gh-ost */ table d._a_gho add column c int => idle
			# d._a_gho of d.a 1
			alter /* gh-ost */ table d._a_gho AUTO_INCREMENT=7 => idle
			# d._a_gho of d.a 2
			create /* gh-ost */ table d._a_del (id int auto_increment primary key) comment='ghost-cut-over-sentry' => -
			drop /* gh-ost */ table if exists d._a_del => -
			rename /* gh-ost */ table d.a to d._a_del, d._a_gho to d.a => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬c¬ INT; ALTER TABLE ¬d¬.¬a¬ AUTO_INCREMENT = 7
			#
			drop /* gh-ost */ table if exists d._a_ghc => -
			drop /* gh-ost */ table if exists d._a_del => -`,
		"two steps": `
			create table _a_gho like a => idle
			alter table _a_gho add c int => idle
			rename table a to _a_del => idle
			# a renamed as d._a_del, d._a_gho of d.a 1
			rename table _a_gho to a => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬c¬ INT
			#`,
		"two steps, taken back": `
			alter table _a_gho add c int => idle
			rename table a to _a_del => idle
			rename table _a_del to a => idle
			# d._a_gho of d.a 1`,
		"pt-osc": `
			CREATE TABLE ¬d¬.¬_a_new¬ (¬id¬ int) => idle
			ALTER TABLE ¬d¬.¬_a_new¬ add column c int, drop column b => idle
			RENAME TABLE ¬d¬.¬a¬ TO ¬d¬.¬_a_old¬, ¬d¬.¬_a_new¬ TO ¬d¬.¬a¬ => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬c¬ INT, DROP COLUMN ¬b¬
			DROP TABLE IF EXISTS ¬d¬.¬_a_old¬ => -
			#`,
		"pt-osc with other tables in the way": `
			CREATE TABLE __a_new (id int) => idle
			ALTER TABLE __a_new add c int => idle
			# d.__a_new of d.a 1
			RENAME TABLE a TO __a_old, __a_new TO a => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬c¬ INT
			#`,
		"drop_swap": `
			CREATE TABLE _a_new (id int) => idle
			ALTER TABLE _a_new add c int => idle
			unchecked DROP TABLE IF EXISTS a => idle
			# d._a_new of d.a 1, d.a dropped as d.a
			unchecked RENAME TABLE _a_new TO a => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬c¬ INT
			#`,
		"drop_swap without its end": `
			ALTER TABLE _a_new add c int => idle
			unchecked DROP TABLE IF EXISTS a => idle
			CREATE TABLE a (id int) => DROP TABLE IF EXISTS ¬d¬.¬a¬; CREATE TABLE IF NOT EXISTS ¬d¬.¬a¬ (¬id¬ INT)
			# d._a_new of d.a 1
			unchecked DROP TABLE IF EXISTS a => idle
			DROP TABLE _a_new => DROP TABLE IF EXISTS ¬d¬.¬a¬
			#
			ALTER TABLE _a_new add c int => idle
			unchecked DROP TABLE IF EXISTS a => idle
			RENAME TABLE b TO a => DROP TABLE IF EXISTS ¬d¬.¬a¬; RENAME TABLE ¬d¬.¬b¬ TO ¬d¬.¬a¬
			# d._a_new of d.a 1
			DROP TABLE IF EXISTS a => DROP TABLE IF EXISTS ¬d¬.¬a¬`,
		"several at once": `
			create table _a_gho like a => idle
			create table _b_new (id int) => idle
			alter table _b_new add x int => idle
			alter table _a_gho add y int => idle
			# d._a_gho of d.a 1, d._b_new of d.b 1
			rename table b to _b_old, _b_new to b, a to _a_del, _a_gho to a => ALTER TABLE ¬d¬.¬b¬ ADD COLUMN ¬x¬ INT; ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬y¬ INT
			#`,
		"aborted": `
			alter table _a_gho add x int => idle
			drop table _a_gho, b, _a_ghc => DROP TABLE IF EXISTS ¬d¬.¬b¬
			#
			alter table _a_gho add x int => idle
			rename table _a_gho to _a_del => idle
			#
			alter table _a_gho add x int => idle
			create table _a_gho like a => idle
			#
			alter table _a_gho add x int => idle
			create table if not exists _a_gho like a => -
			# d._a_gho of d.a 1
			drop database d => DROP DATABASE IF EXISTS ¬d¬
			#`,
		"cleaned up by hand": `
			alter table _a_gho add x int => idle
			rename table _a_gho to to_be_dropped => idle
			#
			drop table to_be_dropped => DROP TABLE IF EXISTS ¬d¬.¬to_be_dropped¬
			alter table _a_gho add x int => idle
			alter table _a_gho rename to other => idle
			#`,
		"other names": `
			alter table _a0_gho add x int => idle
			rename table a to _a_del, _a0_gho to a => ALTER TABLE ¬d¬.¬a¬ ADD COLUMN ¬x¬ INT
			#`,
		"indexes and what else": `
			create index i on _a_new (x) => idle
			drop index j on d._a_new => idle
			truncate _a_new => -
			truncate table _a_old => -
			create index i on _a_old (x) => -
			alter table _a_old add x int => -
			alter table _a_new rename column x to y => idle
			alter table a rename to _a_old => idle
			alter table _a_new rename to a => CREATE INDEX ¬i¬ ON ¬d¬.¬a¬ (¬x¬); DROP INDEX ¬j¬ ON ¬d¬.¬a¬; ALTER TABLE ¬d¬.¬a¬ RENAME COLUMN ¬x¬ TO ¬y¬
			#
			alter table _a_new add x int, rename to a => !36068
			alter table a add x int, rename to _a_old => !36068
			alter table a exchange partition p with table _a_new => !36068
			alter table _a_new exchange partition p with table x => !36068
			create table b like _a_new => !36068`,
		"what cannot be": `
			rename table a to _b_gho => !36044
			rename table _a_gho to _b_gho => !36045
			rename table _a_old to _a_new => !36045
			rename table a to _a_old, _a_new to a => !36046
			create table _a_new (id int) => idle
			rename table a to _a_old, _a_new to a => !36046
			rename table _x_old to a => !36068
			rename table a to _a_old, b to a => !36068
			rename table a to _a_old => idle
			create table a (id int) => !36068
			rename table b to a => !36068
			# d.a renamed as d._a_old
			rename table _a_old to _a_20260102_old => idle
			# d.a renamed as d._a_20260102_old
			drop table _a_20260102_old => -
			drop table if exists a => DROP TABLE IF EXISTS ¬d¬.¬a¬
			#
			create table a (id int) => CREATE TABLE IF NOT EXISTS ¬d¬.¬a¬ (¬id¬ INT)`,
		"tables of others": `
			create table no._a_gho like no.a => -
			alter table no._a_gho add x int => -
			alter table no._a_gho add nonsense => -
			rename table no.a to no._a_del, no._a_gho to no.a => -
			drop table no._a_del => -
			create table _other_new (id int) => -
			alter table _other_new add x int => -
			rename table other to _other_old, _other_new to other => -
			drop table _other_old => -
			#
			rename table x to y => RENAME TABLE ¬d¬.¬x¬ TO ¬d¬.¬y¬`,
		"not readable": `
			alter table _a_new add u uuid => idle
			# d._a_new of d.a 1
			rename table a to _a_old, _a_new to a => !36067`,
	} {
		t.Run(name, func(t *testing.T) {
			lines = strings.ReplaceAll(lines, "¬", "`")
			lines = strings.ReplaceAll(lines, "# a renamed", "# d.a renamed")
			onlineParser(t).script(t, lines)
		})
	}
}

// TestOnlineStatementsElsewhere: a target of the source's kind gets the source's
// words, a TiDB one clause at a time; routes and filters know the real table.
func TestOnlineStatementsElsewhere(t *testing.T) {
	const begin = "ALTER /* gh-ost */ TABLE `_a_new` ADD e ENUM('é') CHARACTER SET latin1, ADD KEY k (`_a_new`)"
	const end = "RENAME TABLE a TO _a_old, _a_new TO a"
	rules := func(r filters.EventRule) *filters.Events {
		r.Schema, r.Table, r.Action = "d", "a", "Ignore"
		e, err := filters.NewEvents([]filters.EventRule{r}, false)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	routes, err := route.New([]route.Rule{{Schema: "d", Table: "*", TargetSchema: "x", TargetTable: "y"}}, route.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		set  func(d *ddlParser)
		want string
	}{
		"another kind": {func(*ddlParser) {}, "ALTER TABLE `d`.`a` ADD COLUMN `e` ENUM('é'), ADD INDEX `k`(`_a_new`)"},
		"the same kind": {func(d *ddlParser) { d.same, d.maria = true, true },
			"ALTER /* gh-ost */ TABLE `d`.`a` ADD e ENUM('é') CHARACTER SET latin1, ADD KEY k (`_a_new`)"},
		"tidb":                 {func(d *ddlParser) { d.tidb = true }, "ALTER TABLE `d`.`a` ADD COLUMN `e` ENUM('é'); ALTER TABLE `d`.`a` ADD INDEX `k`(`_a_new`)"},
		"routed":               {func(d *ddlParser) { d.routes = routes }, "ALTER TABLE `x`.`y` ADD COLUMN `e` ENUM('é'), ADD INDEX `k`(`_a_new`)"},
		"filtered":             {func(d *ddlParser) { d.events = rules(filters.EventRule{Events: []string{"alter table"}}) }, "idle"},
		"filtered by its text": {func(d *ddlParser) { d.events = rules(filters.EventRule{SQL: []string{"ADD COLUMN `e`"}}) }, "idle"},
		"what its pieces are called is no matter": {func(d *ddlParser) {
			d.events = rules(filters.EventRule{Events: []string{"rename table", "create table", "drop table"}})
		}, "ALTER TABLE `d`.`a` ADD COLUMN `e` ENUM('é'), ADD INDEX `k`(`_a_new`)"},
	} {
		d := onlineParser(t)
		c.set(d)
		if got := d.told(&Statement{Schema: "d", Text: begin}); got != "idle" {
			t.Errorf("%s: the shadow table's: %s", name, got)
		}
		if got := d.told(&Statement{Schema: "d", Text: end}); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
		if left := d.remembered(); left != "" {
			t.Errorf("%s: left over: %s", name, left)
		}
	}
}

// TestOnlineRecords: what is recorded has DM's form, with the session beside it;
// DM's own records, and those that a person has written, do as well.
func TestOnlineRecords(t *testing.T) {
	d := onlineParser(t)
	st := &Statement{Schema: "d", Text: `ALTER TABLE "_a_new" ADD "c" CHAR(9) DEFAULT 'x\'`, SQLMode: modeAnsiQuotes | modeNoBackslash, HasMode: true, Time: 7,
		vars: ddlVars{micros: 8, zone: "+02:00", unchecked: true}}
	if got := d.told(st); got != "idle" {
		t.Fatal(got)
	}
	name := schema.Name{Schema: "d", Table: "_a_new"}
	record := d.online.records[name]
	if want := "ALTER TABLE `d`.`_a_new` ADD COLUMN `c` CHAR(9) DEFAULT 'x\\\\'"; len(record.DDLs) != 1 || record.DDLs[0] != want {
		t.Errorf("%q, want %q", record.DDLs, want)
	}
	swap := &Statement{Schema: "other", Text: "RENAME TABLE d.a TO d._a_old, d._a_new TO d.a", Time: 100, HasMode: true}
	list, err := d.parse(swap)
	if err != nil || len(list) != 1 || list[0].from == nil {
		t.Fatal(list, err)
	}
	if from := list[0].from; from.Time != 7 || from.vars != st.vars || from.SQLMode != st.SQLMode {
		t.Errorf("the session is %+v", from)
	}
	first := record.DDLs[0]
	for time, more := range map[uint32]*checkpoint.OnlineMore{100: nil, 7: record.More} {
		record.DDLs, record.More = []string{first, "ALTER TABLE _a_new DROP `e`"}, more // the second by a person
		d.online.records[name] = record
		list, err = d.parse(swap)
		if err != nil || len(list) != 2 || list[0].from.Time != time || list[1].from.Time != 100 {
			t.Fatal(list, err)
		}
		if got := list[0].text + "; " + list[1].text; got != "ALTER TABLE `d`.`a` ADD COLUMN `c` CHAR(9) DEFAULT 'x\\\\'; ALTER TABLE `d`.`a` DROP COLUMN `e`" {
			t.Error(got)
		}
	}
	// DM records a statement before its checkpoint is behind it: it comes once more
	record.More, record.DDLs = nil, record.DDLs[:1]
	d.online.records[name] = record
	if got := d.told(st); got != "idle" || len(d.online.records[name].DDLs) != 1 {
		t.Errorf("%s, recorded %q", got, d.online.records[name].DDLs)
	}
	record.More, record.DDLs = nil, []string{"GRANT ALL ON *.* TO u"}
	d.online.records[name] = record
	if got := d.told(swap); !strings.Contains(got, "not about a table") {
		t.Error(got)
	}
}
