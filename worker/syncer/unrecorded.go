package syncer

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// anyColumns stands for the number of columns where no row tells it.
const anyColumns = -1

// unrecorded gives the text of a table that nobody has recorded: the target's,
// which has executed the DDL before this moment. If that one cannot be what the
// rows were written with, for it has columns that the source never had, the
// source's of now is taken. Nothing is guessed about the columns' order: a row
// has no names, and in the wrong order its values would land in other columns.
func (s *structures) unrecorded(ctx context.Context, n schema.Name, columns int) (string, error) {
	on, err := s.routes.Table(n.Schema, n.Table)
	if err != nil {
		return "", err
	}
	theirs, err := s.target.CreateTable(ctx, schema.Name{Schema: on.Schema, Table: on.Table})
	if err != nil {
		return "", err
	}
	theirs = s.own(n, theirs)
	ours, err := s.source.CreateTable(ctx, n)
	if absent(err) { // dropped since
		return theirs, nil
	}
	if err != nil {
		return "", err
	}
	a, aerr := schema.Parse(theirs, "", n.Schema)
	b, berr := schema.Parse(ours, "", n.Schema)
	if aerr != nil || berr != nil {
		return theirs, nil // learn says what is wrong with it
	}
	there, here := columnNames(a), columnNames(b)
	if slices.ContainsFunc(here, func(c string) bool { return extracts(on, c) }) {
		return ours, nil // the plan says what is wrong with it
	}
	if slices.Equal(there, here) {
		return theirs, nil
	}
	missing := slices.ContainsFunc(here, func(c string) bool { return !slices.Contains(there, c) })
	switch {
	case missing:
		return theirs, nil
	case len(there) == len(here):
		return "", otherOrder(n)
	case columns == len(here):
		s.log.Info("the source's structure of a table is taken, since the target has more columns", "table", dbconn.Ident(n.Schema, n.Table))
		return ours, nil
	}
	return theirs, nil
}

// makes tells whether a table that nobody has recorded is what the statement says,
// and not what the target has, where somebody may have made it by hand. With IF NOT
// EXISTS the source may have had one; it is the statement's if it has the same
// columns now, and the target has them, too.
func (s *structures) makes(ctx context.Context, one *ddl, n schema.Name) (bool, error) {
	if _, ok := one.node.(*ast.CreateTableStmt); !ok || one.stmt == nil || n != one.watch {
		return false, nil
	}
	if one.anew {
		return true, nil
	}
	alone := s.tracker.Clone()
	if _, err := alone.Apply("", one.stmt); err != nil {
		return false, nil //nolint:nilerr // it shows when the statement is applied
	}
	made, err := alone.Table(n)
	if err != nil {
		return false, nil //nolint:nilerr // as above
	}
	names := columnNames(made)
	there, err := s.columnsOf(ctx, s.target, one.onTarget(n))
	if err != nil || slices.ContainsFunc(names, func(c string) bool { return !slices.Contains(there, c) }) {
		return false, err
	}
	here, err := s.columnsOf(ctx, s.source, n)
	return err == nil && (here == nil || slices.Equal(here, names)), err
}

// columnsOf gives the names of a table's columns, none where there is no table that
// can be read.
func (s *structures) columnsOf(ctx context.Context, db *dbconn.DB, n schema.Name) ([]string, error) {
	text, err := db.CreateTable(ctx, n)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	t, err := schema.Parse(text, "", n.Schema)
	if err != nil {
		return nil, nil //nolint:nilerr // who needs its rows says what is wrong with it
	}
	return columnNames(t), nil
}

// errOtherOrder: taking the target's order of columns would mix values up.
var errOtherOrder = errors.New("no record says in which order the rows have them")

func otherOrder(n schema.Name) error {
	return &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Code: codeColumnCount, Err: errOtherOrder,
		Msg:  "the columns of " + dbconn.Ident(n.Schema, n.Table) + " stand in another order on the target than on the source",
		Hint: "bring the target's columns into the source's order, then resume-task; a task with task-mode: all records the order by itself"}
}

// inOrder refuses structures that were read from the target behind a DDL if their
// columns stand in another order than those that were followed so far. Where the
// order was the same before the DDL, it is the DDL that has changed it.
func (s *structures) inOrder(tables []schema.Name, behind *schema.Tracker) error {
	for _, n := range tables {
		before, err := s.tracker.Table(n)
		after, gone := behind.Table(n)
		if err != nil || gone != nil {
			continue
		}
		known := columnNames(before)
		if on := s.targets[n]; on != nil && on.table != nil && slices.Equal(columnNames(on.table), known) {
			continue
		}
		names, last := columnNames(after), -1
		for _, c := range known {
			at := slices.Index(names, c)
			if at >= 0 && at < last {
				return otherOrder(n)
			}
			last = max(last, at)
		}
	}
	return nil
}

// columnNames are in lower case: names of columns never differ in case only.
func columnNames(t *schema.Table) []string {
	out := make([]string, len(t.Columns))
	for i := range t.Columns {
		out[i] = strings.ToLower(t.Columns[i].Name)
	}
	return out
}
