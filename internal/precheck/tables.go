package precheck

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
)

// tables checks the tables that the task selects: those it names one by one
// exist, there is at least one, their structures can be read, the target has
// their character sets, and those without a key are remarked upon.
func (c *checker) tables(ctx context.Context) finding {
	var f finding
	for _, t := range c.sub.Rules.Exact() {
		if c.isSelected(t) {
			continue
		}
		if kind := c.sub.Online.Kind(t.Table); kind != onlineddl.Real {
			if !c.sub.Online.Follows(c.sub.Filter, t.Schema, t.Table) { // else it is named with the others
				f.details = append(f.details, leftOut(t.Schema, t.Table, kind))
			}
			continue
		}
		d, err := c.notSelected(ctx, t)
		if err != nil {
			return unanswered(err)
		}
		f.details = append(f.details, d)
	}
	if len(c.selected) == 0 && len(f.details) == 0 {
		f.details = append(f.details, c.nothingSelected())
	}
	for _, part := range []func(context.Context) ([]Detail, error){c.unreadable, c.keyless, c.charsets, c.cascades, c.expressions, c.onlineDDL} {
		list, err := part(ctx)
		if err != nil {
			return unanswered(err)
		}
		f.details = append(f.details, list...)
	}
	return f
}

// onlineDDL lists what is left out because its name is one of an online DDL tool.
// A shadow table may be in use: what was done to it before the task begins is not
// in the binlog that the task reads.
func (c *checker) onlineDDL(ctx context.Context) ([]Detail, error) {
	if c.sub.Online == nil {
		return nil, nil
	}
	list, err := c.db.Tables(ctx, c.sub.Online.Tools(c.sub.Filter))
	if err != nil {
		return nil, err
	}
	var out []Detail
	for _, n := range list {
		out = append(out, leftOut(n.Schema, n.Table, c.sub.Online.Kind(n.Table)))
	}
	return out, nil
}

func leftOut(schema, table string, kind onlineddl.Kind) Detail {
	d := Detail{Severity: Warning,
		ShortErr:    fmt.Sprintf("table %s is left out: with online-ddl its name is that of a %s table", dbconn.Ident(schema, table), kind),
		Instruction: "drop it if it is left over; if it is a table of the application, change shadow-table-rules or trash-table-rules"}
	if kind == onlineddl.Shadow {
		d.Instruction = "if an online DDL is under way, start the task when it has ended, since what the tool has done before cannot be followed (36046);" +
			" drop the table if it is left over; if it is one of the application, change shadow-table-rules"
	}
	return d
}

// cascade is a foreign key in SHOW CREATE TABLE by which the server itself
// changes rows of the table.
var cascade = regexp.MustCompile("(?m)^ *CONSTRAINT (`.+`) FOREIGN KEY .* ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL)")

// cascades lists the foreign keys whose work the source's binlog does not show.
// A mode that ends with the snapshot does not need it.
func (c *checker) cascades(ctx context.Context) ([]Detail, error) {
	if c.sub.Mode == config.ModeFull || c.sub.Mode == config.ModeDump {
		return nil, nil
	}
	if logged, err := c.db.LogsCascades(ctx); logged || err != nil {
		return nil, err
	}
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	var out []Detail
	for i := range list {
		n, text := list[i].Name, list[i].text
		for _, m := range cascade.FindAllStringSubmatch(text, -1) {
			out = append(out, Detail{Severity: Warning,
				ShortErr: fmt.Sprintf("table %s foreign key %s changes rows by CASCADE or SET NULL, which the binlog does not show", dbconn.Ident(n.Schema, n.Table), m[1]),
				Instruction: "such changes do not reach the target: make it ON DELETE RESTRICT ON UPDATE RESTRICT and let the application" +
					" change the rows, or exclude the table"})
		}
	}
	return out, nil
}

func (c *checker) listName() string {
	if c.sub.RulesName == "" {
		return "block-allow-list (none is named)"
	}
	return fmt.Sprintf("block-allow-list %q", c.sub.RulesName)
}

// same compares names the way the task does.
func (c *checker) same(a, b string) bool {
	if c.sub.CaseSensitive {
		return a == b
	}
	return strings.EqualFold(a, b)
}

func (c *checker) isSelected(t filter.TablePattern) bool {
	for _, n := range c.selected {
		if c.same(n.Schema, t.Schema) && c.same(n.Table, t.Table) {
			return true
		}
	}
	return false
}

// notSelected says why a table that the task names is not among the selected.
func (c *checker) notSelected(ctx context.Context, t filter.TablePattern) (Detail, error) {
	name := dbconn.Ident(t.Schema, t.Table)
	rows, err := c.db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES"+
		" WHERE LOWER(TABLE_SCHEMA) = LOWER(?) AND LOWER(TABLE_NAME) = LOWER(?)", t.Schema, t.Table)
	if err != nil {
		return Detail{}, dbconn.Error(fault.Upstream, "look for table "+name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var db, table, kind string
		if err := rows.Scan(&db, &table, &kind); err != nil {
			return Detail{}, dbconn.Error(fault.Upstream, "look for table "+name, err)
		}
		if !c.same(db, t.Schema) || !c.same(table, t.Table) {
			continue
		}
		if strings.Contains(kind, "VIEW") {
			return Detail{Severity: Failed, ShortErr: fmt.Sprintf("table %s in %s is a view on source %s", name, c.listName(), c.sub.SourceID),
				Instruction: "remove it from do-tables: views are not migrated"}, nil
		}
		return Detail{Severity: Warning, ShortErr: fmt.Sprintf("table %s in do-tables of %s is not migrated: its schema is filtered", name, c.listName()),
			Instruction: "add its schema to do-dbs, or remove it from do-tables"}, nil
	}
	if err := rows.Err(); err != nil {
		return Detail{}, dbconn.Error(fault.Upstream, "look for table "+name, err)
	}
	return Detail{Severity: Failed, ShortErr: fmt.Sprintf("table %s in %s does not exist on source %s", name, c.listName(), c.sub.SourceID),
		Instruction: "create it, correct its name in the task file, or grant SELECT on it to " + c.sub.Source.From.User}, nil
}

// nothingSelected: an incremental task may be meant for tables that come later.
func (c *checker) nothingSelected() Detail {
	d := Detail{Severity: Failed, ShortErr: fmt.Sprintf("%s selects no table of source %s", c.listName(), c.sub.SourceID),
		Instruction: "correct the names in block-allow-list (case-sensitive decides whether case counts), or grant SELECT on the tables to " + c.sub.Source.From.User}
	if c.sub.Mode == config.ModeIncremental {
		d.Severity = Warning
	}
	return d
}

// keyless lists the selected tables that have neither a primary nor a unique key.
func (c *checker) keyless(ctx context.Context) ([]Detail, error) {
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	var out []Detail
	for i := range list {
		if t := list[i].table; t != nil && len(t.Indexes) == 0 {
			out = append(out, Detail{Severity: Warning,
				ShortErr:    fmt.Sprintf("table %s primary/unique key does not exist", list[i].ident()),
				Instruction: "please set primary/unique key for the table: without one each change reads the whole table on the target"})
		}
	}
	return out, nil
}

// unreadable lists the tables whose rows would stop the task.
func (c *checker) unreadable(ctx context.Context) ([]Detail, error) {
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	var out []Detail
	for i := range list {
		if err := list[i].broken; err != nil {
			out = append(out, Detail{Severity: Failed, ShortErr: fmt.Sprintf("table %s: %v", list[i].ident(), err),
				Instruction: "exclude the table with the block-allow-list, or change its structure on the source"})
		}
	}
	return out, nil
}

// expressions ties the expression filters of the task to the tables that are
// there, and says which cannot be.
func (c *checker) expressions(ctx context.Context) ([]Detail, error) {
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	var out []Detail
	for i := range list {
		if list[i].table == nil {
			continue // a kind of table whose rows stop the task anyhow
		}
		_, missing, err := c.sub.Exprs.Bind(list[i].table)
		for _, e := range append(missing, err) {
			if e != nil {
				out = append(out, Detail{Severity: Failed, ShortErr: e.Error(), Instruction: fault.HintOf(e)})
			}
		}
	}
	return out, nil
}
