package syncer

import (
	"fmt"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

const (
	codeRealToShadow  = 36044
	codeShadowToOther = 36045
	codeNoOnlineDDL   = 36046
)

// renames are the tables that have left their names in one statement, and what
// they are called now.
type renames struct {
	*onlineStatement
	gone map[schema.Name]schema.Name
}

// rename does RENAME TABLE, name by name.
func (s *onlineStatement) rename(names []schema.Name) (done bool, err error) {
	if !slices.ContainsFunc(names, s.special) {
		return false, nil
	}
	r := &renames{onlineStatement: s, gone: map[schema.Name]schema.Name{}}
	for i := 0; i+1 < len(names); i += 2 {
		if err := r.pair(names[i], names[i+1]); err != nil {
			return true, err
		}
	}
	for real, trash := range r.gone {
		s.work.changes = append(s.work.changes, onlineChange{do: onlineLeave, name: trash, real: real, away: checkpoint.Renamed})
		s.d.online.log.Warn("a table is renamed to a name of an online DDL tool; the target keeps it as it is, for its shadow table to take its place",
			"table", dbconn.Ident(real.Schema, real.Table), "to", dbconn.Ident(trash.Schema, trash.Table))
	}
	return true, nil
}

func (r *renames) pair(from, to schema.Name) error {
	in, out := r.d.filter.MatchTable(from.Schema, from.Table), r.d.filter.MatchTable(to.Schema, to.Table)
	a, b := r.kind(from), r.kind(to)
	switch {
	case a == onlineddl.Real && b == onlineddl.Real:
		return r.realToReal(from, to, in, out)
	case a == onlineddl.Real && b == onlineddl.Trash:
		if in {
			r.gone[from] = to
		}
	case a == onlineddl.Real && in:
		return r.refuse(codeRealToShadow, "renames a table to the name of a shadow table")
	case a == onlineddl.Real:
		r.forget(to)
	case a == onlineddl.Shadow && b == onlineddl.Real:
		return r.shadowToReal(from, to, out)
	case b == onlineddl.Shadow && (r.followed(from) || r.followed(to)):
		return r.refuse(codeShadowToOther, "renames a table of an online DDL tool to the name of a shadow table")
	case a == onlineddl.Shadow && b == onlineddl.Trash:
		return r.dropShadow(from)
	case a == onlineddl.Trash && b == onlineddl.Real && out:
		return r.trashToReal(from, to)
	case a == onlineddl.Trash && b == onlineddl.Trash:
		if was := r.d.online.records[from]; was.More != nil && was.More.Away != "" {
			r.forget(from)
			r.gone[schema.Name{Schema: was.Schema, Table: was.Table}] = to
		}
	}
	return nil
}

// realToReal renames on the target, too, unless another table is there.
func (r *renames) realToReal(from, to schema.Name, in, out bool) error {
	how, at := r.d.online.away(to)
	if trash, is := r.gone[to]; is {
		how, at = checkpoint.Renamed, trash
	}
	switch {
	case how == checkpoint.Renamed && (in || out):
		return r.occupied(to, at)
	case how == checkpoint.Dropped:
		if err := r.dropped(to, at); err != nil {
			return err
		}
	}
	node := &ast.RenameTableStmt{TableToTables: []*ast.TableToTable{{OldTable: tableName(from), NewTable: tableName(to)}}}
	return r.add(r.d.rename(node, from, to))
}

// shadowToReal is the end of an online DDL, or a shadow table that somebody calls
// something else (peer-bugs 25): the former has its table's own name, or one
// that a table of the task has just left.
func (r *renames) shadowToReal(from, to schema.Name, out bool) error {
	o := r.d.online
	_, gone := r.gone[to]
	how, at := o.away(to)
	own := from.Schema == to.Schema && slices.Contains(o.rules.Names(from.Table), to.Table)
	if !out || !own && !gone && how == "" {
		if out {
			o.log.Warn("a shadow table gets a name that none of its tables had; the target does not get it",
				"table", dbconn.Ident(from.Schema, from.Table), "to", dbconn.Ident(to.Schema, to.Table))
		}
		return r.dropShadow(from)
	}
	record := o.records[from]
	if len(record.DDLs) == 0 {
		return r.unknown(from, to)
	}
	for _, st := range statements(&record, r.st) {
		if err := r.replay(&st, to); err != nil {
			return err
		}
	}
	r.work.swaps = append(r.work.swaps, onlineSwap{shadow: from, real: to})
	r.forget(from)
	delete(r.gone, to)
	if how != "" {
		r.forget(at)
	}
	return nil
}

// replay makes of a statement that has changed a shadow table one of the real one.
func (r *renames) replay(st *Statement, real schema.Name) error {
	words := schema.ReadWords(st.Text, quoting(st), r.d.comments)
	if _, known := words.Head(); !known {
		return &fault.Error{Kind: fault.Corrupt, Side: fault.Downstream, Code: codeOnlineMeta,
			Msg: fmt.Sprintf("the statement %q, which is recorded of a shadow table, is not about a table", excerpt(st.Text))}
	}
	about := *st
	about.Text = words.About(real)
	list, err := r.d.parse(&about)
	for i := range list {
		list[i].from = &about
	}
	r.out = append(r.out, list...)
	return err
}

const codeOnlineMeta = 36039

// trashToReal takes back a rename. The rows of any other old table are not on
// the target.
func (r *renames) trashToReal(from, to schema.Name) error {
	if r.gone[to] == from {
		delete(r.gone, to)
		return nil
	}
	if how, at := r.d.online.away(to); how != "" && at == from {
		r.forget(at)
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Code: codeUnsupportedStmt,
		Msg: fmt.Sprintf("not supported yet: %q gives %s the rows of %s, which the target does not have: it was left out as a table of an online DDL tool",
			excerpt(r.st.Text), dbconn.Ident(to.Schema, to.Table), dbconn.Ident(from.Schema, from.Table))}
}

func (r *renames) refuse(code int, what string) error {
	return &fault.Error{Kind: fault.Unsupported, Code: code, Msg: fmt.Sprintf("%q %s", excerpt(r.st.Text), what)}
}

// unknown refuses to let a shadow table take a real one's place while nobody
// knows what is different about it: the online DDL began before the task did.
func (r *renames) unknown(from, to schema.Name) error {
	example := "ALTER TABLE " + dbconn.Ident(from.Schema, from.Table) + " ..."
	return &fault.Error{Kind: fault.Unsupported, Code: codeNoOnlineDDL,
		Msg: fmt.Sprintf("online ddls on ghost table %s: no statement is known that has changed it, and now it becomes %s; "+
			"the online DDL was begun before the place in the binlog at which the task began",
			dbconn.Ident(from.Schema, from.Table), dbconn.Ident(to.Schema, to.Table)),
		Hint: "record the statement that the tool has executed on the shadow table, on the target, then resume-task: " +
			r.d.online.meta.OnlineRow(from, to, example)}
}
