package syncer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// onlineStatement is a statement while it is looked at for online DDL.
type onlineStatement struct {
	d     *ddlParser
	st    *Statement
	words *schema.Words
	head  *schema.Head
	names []schema.Name // as the source keeps them

	left       bool // a filter leaves it out by its text alone
	everywhere string
	out        []ddl
	work       onlineWork
}

// onlineDDL deals with a statement that is about a table of an online DDL tool, or
// about a real table of which one has been at work; done is false for others.
func (d *ddlParser) onlineDDL(st *Statement, words *schema.Words, head *schema.Head) (list []ddl, done bool, err error) {
	s := &onlineStatement{d: d, st: st, words: words, head: head, names: d.named(head, st)}
	s.everywhere, s.left = d.events.Statement("", "", filters.Other, st.Text)
	if len(s.names) == 0 {
		return nil, false, nil
	}
	switch head.Verb + " " + head.Object {
	case "DROP DATABASE":
		done, err = s.dropSchema()
	case "RENAME TABLE":
		done, err = s.rename(s.names)
	case "DROP TABLE":
		done, err = s.drop()
	case "CREATE TABLE":
		done, err = s.create()
	case "ALTER TABLE":
		done, err = s.alter()
	case "CREATE INDEX", "DROP INDEX":
		if done = s.kind(s.names[0]) != onlineddl.Real; s.followed(s.names[0]) {
			err = s.record()
		}
	case "TRUNCATE TABLE": // the rows of a tool's table are nobody's
		done = s.kind(s.names[0]) != onlineddl.Real
	}
	if !done || err != nil {
		return nil, done, err
	}
	return s.finished(), true, nil
}

func (s *onlineStatement) kind(n schema.Name) onlineddl.Kind { return s.d.online.rules.Kind(n.Table) }

// followed tells whether n is a shadow table of a table that the task replicates.
func (s *onlineStatement) followed(n schema.Name) bool {
	return s.kind(n) == onlineddl.Shadow && s.d.online.rules.Follows(s.d.filter, n.Schema, n.Table)
}

// special tells whether a name is one of a tool's, or of a real table that is away.
func (s *onlineStatement) special(n schema.Name) bool {
	how, _ := s.d.online.away(n)
	return s.kind(n) != onlineddl.Real || how != ""
}

// finished gives what is to be done. What is to be remembered is part of the last
// statement, so that it is recorded when all of them are executed.
func (s *onlineStatement) finished() []ddl {
	if len(s.work.changes) == 0 {
		return s.out
	}
	if len(s.out) == 0 {
		s.out = []ddl{{text: s.st.Text, watch: s.work.changes[0].name, idle: true, why: "it is about a table of an online DDL tool"}}
	}
	s.out[len(s.out)-1].online = &s.work
	return s.out
}

// known tells whether something may be recorded of a table.
func (s *onlineStatement) known(n schema.Name) bool {
	_, is := s.d.online.records[n]
	return is || s.followed(n)
}

func (s *onlineStatement) forget(n schema.Name) {
	if s.known(n) {
		s.work.changes = append(s.work.changes, onlineChange{do: onlineForget, name: n})
	}
}

// ordinary adds what the statement is without online DDL.
func (s *onlineStatement) ordinary() error {
	list, err := s.d.ordinary(s.st, s.words, s.head, true)
	s.out = append(s.out, list...)
	return err
}

// add adds statements for the target that were made of one of the source.
func (s *onlineStatement) add(list []ddl, err error) error {
	if err != nil && s.left {
		return nil
	}
	if err == nil {
		err = s.d.apply(list, s.st, s.left, s.everywhere)
	}
	s.d.words(list, s.head, s.st, false)
	s.out = append(s.out, list...)
	return err
}

// dropSchema forgets what is recorded of a schema that goes.
func (s *onlineStatement) dropSchema() (done bool, err error) {
	for n := range s.d.online.records {
		if n.Schema == s.names[0].Schema {
			s.work.changes = []onlineChange{{do: onlineForget, name: schema.Name{Schema: n.Schema}}}
			return true, s.ordinary()
		}
	}
	return false, nil
}

// create does CREATE TABLE. A shadow table is followed in the structures only.
func (s *onlineStatement) create() (done bool, err error) {
	n := s.names[0]
	how, at := s.d.online.away(n)
	switch kind := s.kind(n); {
	case kind == onlineddl.Real && how == checkpoint.Dropped:
		if err := s.dropped(n, at); err != nil {
			return true, err
		}
		return true, s.ordinary()
	case kind == onlineddl.Real && how == checkpoint.Renamed && s.d.filter.MatchTable(n.Schema, n.Table):
		return true, s.occupied(n, at)
	case kind == onlineddl.Real:
		return false, nil
	case !s.followed(n):
		return true, nil
	}
	one := s.shadow(n)
	node, _ := one.node.(*ast.CreateTableStmt)
	if node != nil && node.IfNotExists && len(s.d.online.records[n].DDLs) > 0 {
		return true, nil // it was there
	}
	if node != nil && node.ReferTable != nil {
		one.uses = []schema.Name{nameOf(node.ReferTable)}
	}
	s.out = []ddl{one}
	s.work = onlineWork{shadow: true, creates: true, changes: []onlineChange{{do: onlineForget, name: n}}}
	return true, nil
}

// shadow makes the statement one that changes nothing but the structure of a
// shadow table.
func (s *onlineStatement) shadow(n schema.Name) ddl {
	one := ddl{text: s.st.Text, watch: n, tables: []schema.Name{n}, idle: true, why: "it is about the shadow table of an online DDL"}
	nodes, err := s.d.read(s.st, s.words, s.head, true)
	if err != nil || len(nodes) != 1 {
		one.raw = true
		return one
	}
	nodes[0].Accept(&qualifier{schema: s.st.Schema, lower: s.d.lower})
	if create, is := nodes[0].(*ast.CreateTableStmt); is && create.Select != nil {
		one.raw = true
		return one
	}
	one.node, one.stmt = nodes[0], nodes[0]
	return one
}

// record notes a statement that has changed a shadow table.
func (s *onlineStatement) record() error {
	n := s.names[0]
	one := s.shadow(n)
	text := s.words.About(n)
	if one.node != nil {
		var err error
		if text, err = restore(one.node); err != nil {
			return err
		}
	}
	real := schema.Name{Schema: n.Schema, Table: s.d.online.rules.Names(n.Table)[0]}
	for _, name := range s.d.online.rules.Names(n.Table) {
		if s.d.filter.MatchTable(n.Schema, name) {
			real.Table = name // the last: the tools put underscores before a name, applications seldom do
		}
	}
	s.out = []ddl{one}
	s.work.shadow = true
	s.work.changes = []onlineChange{{do: onlineAdd, name: n, real: real, ddl: text, from: s.st}}
	return nil
}

// alter does ALTER TABLE, which may rename a table, too.
func (s *onlineStatement) alter() (done bool, err error) {
	n := s.names[0]
	if !strings.Contains(strings.ToUpper(s.st.Text), "RENAME") && !strings.Contains(strings.ToUpper(s.st.Text), "EXCHANGE") {
		if s.followed(n) {
			return true, s.record()
		}
		return s.kind(n) != onlineddl.Real, nil
	}
	nodes, err := s.d.read(s.st, s.words, s.head, true)
	if err == nil && len(nodes) == 1 {
		nodes[0].Accept(&qualifier{schema: s.st.Schema, lower: s.d.lower})
		if node, is := nodes[0].(*ast.AlterTableStmt); is {
			for _, spec := range node.Specs {
				if spec.NewTable == nil || spec.Tp != ast.AlterTableRenameTable && spec.Tp != ast.AlterTableExchangePartition {
					continue
				}
				return s.alterOther(spec, nameOf(spec.NewTable), len(node.Specs) == 1)
			}
		}
	}
	if s.followed(n) {
		return true, s.record()
	}
	return s.kind(n) != onlineddl.Real, nil
}

// alterOther does an ALTER TABLE that is about a second table: it renames the
// first one, or swaps rows with it.
func (s *onlineStatement) alterOther(spec *ast.AlterTableSpec, to schema.Name, alone bool) (done bool, err error) {
	n := s.names[0]
	if spec.Tp == ast.AlterTableRenameTable && alone {
		return s.rename([]schema.Name{n, to})
	}
	if !s.special(n) && !s.special(to) {
		return false, nil
	}
	if !s.followed(n) && !s.followed(to) && !s.d.filter.MatchTable(n.Schema, n.Table) && !s.d.filter.MatchTable(to.Schema, to.Table) {
		return true, nil
	}
	return true, &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
		Msg: fmt.Sprintf("not supported yet: %q renames a table of an online DDL tool and changes it, or swaps rows with it, in one statement", excerpt(s.st.Text))}
}

// drop does DROP TABLE.
func (s *onlineStatement) drop() (done bool, err error) {
	o := s.d.online
	if !slices.ContainsFunc(s.names, func(n schema.Name) bool { return s.special(n) || s.swapsBy(n) }) {
		return false, nil
	}
	for _, n := range s.names {
		switch how, at := o.away(n); {
		case s.kind(n) == onlineddl.Trash:
			// Nobody needs it, unless a table of the task has left its name for good.
			if r := o.records[n]; r.More != nil && r.More.Away == checkpoint.Renamed {
				o.log.Warn("a table was renamed to a name of an online DDL tool and is dropped now; the target keeps it",
					"table", dbconn.Ident(r.Schema, r.Table), "dropped", dbconn.Ident(n.Schema, n.Table))
			}
		case s.kind(n) == onlineddl.Shadow:
			if err := s.dropShadow(n); err != nil {
				return true, err
			}
		case s.swapsBy(n):
			s.work.changes = append(s.work.changes, onlineChange{do: onlineLeave, name: n, real: n, away: checkpoint.Dropped})
			o.log.Info("a table is dropped for its shadow table to take its place", "table", dbconn.Ident(n.Schema, n.Table))
		default:
			if how != "" {
				s.forget(at)
			}
			if err := s.add(s.d.tableDDL(dropOf(n), n)); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

// swapsBy tells whether DROP TABLE of n is the first half of what
// pt-online-schema-change does with --alter-foreign-keys-method=drop_swap: it
// drops the table without checking foreign keys, then renames the shadow table.
func (s *onlineStatement) swapsBy(n schema.Name) bool {
	_, is := s.d.online.shadowOf(n)
	return is && s.head.IfExists && s.st.vars.unchecked && len(s.names) == 1 && s.d.filter.MatchTable(n.Schema, n.Table)
}

// dropShadow forgets a shadow table. A real table that was dropped for its sake
// is gone, then.
func (s *onlineStatement) dropShadow(n schema.Name) error {
	if !s.known(n) {
		return nil
	}
	s.forget(n)
	for _, name := range s.d.online.rules.Names(n.Table) {
		real := schema.Name{Schema: n.Schema, Table: name}
		if how, at := s.d.online.away(real); how == checkpoint.Dropped {
			return s.dropped(real, at)
		}
	}
	return nil
}

// dropped executes a DROP TABLE that waited for a shadow table, which has not
// taken the table's place.
func (s *onlineStatement) dropped(n, at schema.Name) error {
	s.forget(at)
	return s.add(s.d.tableDDL(dropOf(n), n))
}

func dropOf(n schema.Name) *ast.DropTableStmt {
	return &ast.DropTableStmt{IfExists: true, Tables: []*ast.TableName{tableName(n)}}
}

func tableName(n schema.Name) *ast.TableName {
	return &ast.TableName{Schema: ast.NewCIStr(n.Schema), Name: ast.NewCIStr(n.Table)}
}

// occupied refuses a statement that gives a name of the source to another table
// while the target's table of this name is one that the source has under a name
// of a tool.
func (s *onlineStatement) occupied(n, at schema.Name) error {
	return &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
		Msg: fmt.Sprintf("not supported yet: %q makes a new table %s, while the old one was renamed to %s, which is left out as a table of an online DDL tool",
			excerpt(s.st.Text), dbconn.Ident(n.Schema, n.Table), dbconn.Ident(at.Schema, at.Table)),
		Hint: fmt.Sprintf("on the target rename or drop the table that stands for %s, execute there %s, then resume-task",
			dbconn.Ident(n.Schema, n.Table), s.d.online.meta.OnlineGone(at))}
}
