package syncer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// DM's numbers for what an operator may not bring.
const (
	codeParseSQL      = 11006
	codeInjectDDLOnly = 36023
	codeInjectSchema  = 36024
)

// follow gives what the structures make of a statement that is not executed. It was
// cut into list, or refused.
func (d *ddlParser) follow(st *Statement, list []ddl, refused error) []ddl {
	if refused != nil {
		list = []ddl{d.unfollowed(st, refused)}
	}
	for i := range list {
		if one := &list[i]; !one.idle {
			one.idle, one.why = true, "an operator wants it so"
		}
	}
	return list
}

// unfollowed is what is left of a statement that was refused: what it has made of
// the task's tables in it, if it is about tables, is not known, and is looked up
// when their next rows come.
func (d *ddlParser) unfollowed(st *Statement, refused error) ddl {
	out := ddl{text: st.Text, idle: true, why: "an operator wants it so"}
	var f *fault.Error
	if !errors.As(refused, &f) || f.Code != codeDML {
		out.tables = d.mentioned(st)
	}
	if len(out.tables) == 0 {
		out.aside = true
		return out
	}
	out.raw, out.forgets, out.watch = true, true, out.tables[0]
	return out
}

// mentioned are the tables of the task that a statement names, as far as it can be
// read.
func (d *ddlParser) mentioned(st *Statement) []schema.Name {
	words := schema.ReadWords(st.Text, quoting(st), d.comments)
	head, known := words.Head()
	var names []schema.Name
	if known {
		names = d.named(&head, st)
	}
	plain := *st
	plain.Text = words.Text()
	if nodes, err := d.read(&plain, &words, &head, known); err == nil {
		for _, n := range nodes {
			n.Accept(&qualifier{schema: st.Schema, lower: d.lower})
			found := &collector{}
			n.Accept(found)
			names = append(names, found.found...)
		}
	}
	var out []schema.Name
	for _, n := range names {
		if n.Table != "" && !slices.Contains(out, n) && d.filter.MatchTable(n.Schema, n.Table) {
			out = append(out, n)
		}
	}
	return out
}

// brought cuts the statements that an operator brings, in the session that the
// source's statement st had, apart from how text is quoted.
func (d *ddlParser) brought(st *Statement, op *checkpoint.Operator) ([]ddl, error) {
	var out []ddl
	for i, text := range op.Statements {
		read := *st
		read.Text, read.Schema, read.HasMode = text, "", true
		read.SQLMode = st.SQLMode&^(modeAnsiQuotes|modeNoBackslash) | quotingBits(op.SQLMode)
		list, err := d.literal(&read)
		if err != nil {
			return nil, fault.Wrap(fmt.Sprintf("statement %d of `binlog %s`", i+1, op.Op), err)
		}
		for k := range list {
			list[k].setAside()
			list[k].from = &read
		}
		out = append(out, list...)
	}
	return out, nil
}

// quotingBits gives the part of a sql_mode that changes how a statement is read, in
// the bits of a binlog event.
func quotingBits(mode string) uint64 {
	out := uint64(0)
	for one := range strings.SplitSeq(strings.ToUpper(mode), ",") {
		switch strings.TrimSpace(one) {
		case "ANSI_QUOTES", "ANSI":
			out |= modeAnsiQuotes
		case "NO_BACKSLASH_ESCAPES":
			out |= modeNoBackslash
		}
	}
	return out
}

// allowed refuses statements that no operator may bring, in DM's words where it
// has some: only DDL, each naming its schema, about what the task replicates.
func (d *ddlParser) allowed(op *checkpoint.Operator) error {
	if len(op.Statements) == 0 {
		return fault.New(fault.Invalid, "no statement is given")
	}
	for _, text := range op.Statements {
		st := &Statement{Text: text, HasMode: true, SQLMode: quotingBits(op.SQLMode)}
		words := schema.ReadWords(text, quoting(st), d.comments)
		head, known := words.Head()
		if !known || words.Writes() {
			if _, err := d.read(st, &words, &head, known); err != nil {
				return &fault.Error{Kind: fault.Invalid, Code: codeParseSQL, Err: err, Msg: fmt.Sprintf("the statement %q cannot be read", excerpt(text))}
			}
			return &fault.Error{Kind: fault.Invalid, Code: codeInjectDDLOnly, Msg: fmt.Sprintf("only support inject DDL, but got %s", excerpt(text)),
				Hint: "give statements that create, alter, drop, truncate or rename tables and schemas; change rows on the target by hand"}
		}
		if slices.ContainsFunc(head.Tables, func(n schema.Name) bool { return n.Schema == "" }) {
			return &fault.Error{Kind: fault.Invalid, Code: codeInjectSchema, Msg: fmt.Sprintf("injected DDL %s without schema name not valid", excerpt(text)),
				Hint: "write each table as `schema`.`table`, with the names that it has on the source"}
		}
		list, err := d.literal(st)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return &fault.Error{Kind: fault.Invalid, Msg: fmt.Sprintf("%q is about nothing that the task replicates", excerpt(text)),
				Hint: "write the names that tables have on the source; routes are applied to them"}
		}
	}
	return nil
}
