package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

// printPlan prints the plan that a master has answered with, or its refusal.
func (s *shared) printPlan(resp *pb.CheckTaskResponse, format string) error {
	p, ok := rpc.ReadPlan(resp)
	switch {
	case !ok && resp.GetResult():
		return &fault.Error{Kind: fault.Unsupported, Msg: "the master does not know plans", Hint: "upgrade it: it is older than this dmctl"}
	case !ok:
		return s.print(resp)
	case format == formatJSON:
		return s.printPlain(p, !resp.GetResult())
	}
	if err := writePlan(s.Stdout, p); err != nil {
		return err
	}
	if s.fail && !resp.GetResult() {
		return errRefused
	}
	return nil
}

// writePlan writes a plan for people: what counts first, one line for each table
// however many there are, and the statements last.
func writePlan(w io.Writer, p *plan.Plan) error {
	v := &planView{Writer: w, plan: p}
	v.summary()
	v.remarks("WHAT STOPS IT", p.Stops)
	v.remarks("TO KNOW", p.Remarks)
	v.schemas()
	v.tables()
	v.differences()
	v.filtered()
	v.statements()
	return v.err
}

// planView writes the sections of a plan; its first error stays.
type planView struct {
	io.Writer
	plan *plan.Plan
	err  error
}

func (v *planView) line(format string, args ...any) {
	if v.err == nil {
		_, v.err = fmt.Fprintf(v, format+"\n", args...)
	}
}

// table writes rows in columns below a title, nothing when there are none.
func (v *planView) table(title string, head string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	v.line("\n%s", title)
	t := tabwriter.NewWriter(v, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  "+strings.ReplaceAll(head, "|", "\t"))
	for _, r := range rows {
		fmt.Fprintln(t, "  "+strings.Join(r, "\t"))
	}
	if err := t.Flush(); v.err == nil {
		v.err = err
	}
}

func (v *planView) summary() {
	s := v.plan.Summary
	v.line("task %s, task-mode %s, target %s", v.plan.Task, v.plan.Mode, v.plan.Target)
	v.line("%s to migrate, which become %s of the target: %d created, %d there already, %d of these of another structure",
		count(s.Tables, "table"), thousands(int64(s.Targets)), s.Created, s.Exist, s.Differ)
	v.line("%s not migrated", count(s.Filtered, "table"))
	v.line("about %s rows and %s, by the estimates of the sources' information_schema", thousands(s.EstimatedRows), size(s.EstimatedBytes))
	if n := len(v.plan.Stops); n > 0 {
		v.line("%s would stop it", count(n, "thing"))
		return
	}
	v.line("nothing is known that would stop it")
}

func (v *planView) remarks(title string, list []plan.Remark) {
	if len(list) == 0 {
		return
	}
	v.line("\n%s", title)
	for _, r := range list {
		var about []string
		for _, a := range []string{r.Source, r.Table} {
			if a != "" {
				about = append(about, a)
			}
		}
		head := strings.Join(about, " ")
		if head != "" {
			head += ": "
		}
		v.line("  - %s%s", head, r.Says)
		if r.Help != "" {
			v.line("    %s", r.Help)
		}
	}
}

func (v *planView) schemas() {
	var rows [][]string
	for _, s := range v.plan.Schemas {
		state := "created"
		if s.Exists {
			state = "exists"
		}
		rows = append(rows, []string{s.Source, s.Name, s.Target, state})
	}
	v.table("SCHEMAS", "SOURCE|SCHEMA|TARGET|ON TARGET", rows)
}

func (v *planView) tables() {
	var rows [][]string
	for i := range v.plan.Tables {
		t := &v.plan.Tables[i]
		to, on := t.Target.Schema+"."+t.Target.Table, string(t.On)
		if t.Target.Table == "" {
			to = "-"
		}
		if len(t.Differs) > 0 {
			on += ", differs"
		}
		rows = append(rows, []string{t.Source, t.Schema + "." + t.Name.Table, to, thousands(t.EstimatedRows), size(t.EstimatedBytes), on, rulesText(t.Rules)})
	}
	v.table("TABLES (rows and size are estimates)", "SOURCE|TABLE|TARGET|ROWS|SIZE|ON TARGET|RULES", rows)
}

// rulesText names rules, each section once.
func rulesText(rules []plan.Rule) string {
	var out []string
	kind := ""
	for _, r := range rules {
		text := r.Name
		if r.Kind == "block-allow-list" {
			text = strings.TrimSpace(r.Name + " (" + r.Says + ")")
		}
		if r.Kind != kind {
			kind, text = r.Kind, r.Kind+" "+text
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func (v *planView) differences() {
	var rows [][]string
	for i := range v.plan.Tables {
		t := &v.plan.Tables[i]
		for _, d := range t.Differs {
			rows = append(rows, []string{t.Source, t.Schema + "." + t.Name.Table, t.Target.Schema + "." + t.Target.Table, d.Says})
		}
	}
	v.table("OF ANOTHER STRUCTURE ON THE TARGET", "SOURCE|TABLE|TARGET|DIFFERENCE", rows)
}

// filteredShown is how many tables are named for one reason; the rest is counted.
const filteredShown = 5

func (v *planView) filtered() {
	type group struct {
		source, why string
		names       []string
	}
	var groups []*group
	at := map[[2]string]*group{}
	for _, f := range v.plan.Filtered {
		key := [2]string{f.Source, f.Why}
		if at[key] == nil {
			at[key] = &group{source: f.Source, why: f.Why}
			groups = append(groups, at[key])
		}
		at[key].names = append(at[key].names, f.Schema+"."+f.Table)
	}
	var rows [][]string
	for _, g := range groups {
		names := strings.Join(g.names[:min(filteredShown, len(g.names))], " ")
		if more := len(g.names) - filteredShown; more > 0 {
			names += fmt.Sprintf(" and %d more (--format json names all)", more)
		}
		rows = append(rows, []string{g.source, strconv.Itoa(len(g.names)), g.why, names})
	}
	v.table("NOT MIGRATED", "SOURCE|TABLES|WHY|NAMES", rows)
}

func (v *planView) statements() {
	began := false
	begin := func() {
		if !began {
			began = true
			v.line("\nSTATEMENTS ON THE TARGET")
		}
	}
	for _, s := range v.plan.Schemas {
		if s.Create != nil {
			begin()
			v.line("%s;", s.Create.SQL)
		}
	}
	current := ""
	for i := range v.plan.Tables {
		c := v.plan.Tables[i].Create
		if c == nil {
			continue
		}
		begin()
		if c.Schema != current {
			current = c.Schema
			v.line("USE `%s`;", strings.ReplaceAll(current, "`", "``"))
		}
		for _, r := range c.Replaced {
			v.line("-- %s in place of %s, which the target does not know", r.To, r.From)
		}
		v.line("%s;", c.SQL)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return thousands(int64(n)) + " " + noun + "s"
}

// thousands writes a number with its digits in groups.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes bytes.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, name := float64(n)/unit, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if value < unit {
			break
		}
		value, name = value/unit, next
	}
	return fmt.Sprintf("%.1f %s", value, name)
}
