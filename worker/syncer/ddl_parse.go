package syncer

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	"github.com/pingcap/tidb/pkg/parser/mysql"
	_ "github.com/pingcap/tidb/pkg/parser/test_driver" // the parser needs some implementation of literals

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

// DM's numbers for statements that do not come through, and TiDB's for those that
// it does not support.
const (
	codeUnsupportedStmt  = 36068
	codeHandleDDL        = 36061
	codeCannotExecDDL    = 44006
	numberUnsupportedDDL = 8200
)

// ddl is one statement for the target, cut out of a source's statement.
type ddl struct {
	text string
	// stmt is what the tracker applies; nil where another piece of the source's
	// statement carries it, or where only text is known.
	stmt ast.StmtNode
	// node is what text says, nil where only text is known.
	node ast.StmtNode
	// own tells that text is in the source's words: if quoted is set, for its way of
	// quoting, and for the default schema home of the source's session, which is ""
	// where text needs none.
	own, quoted bool
	home        string
	// raw tells that the SQL parser cannot read it; plain says the same for the
	// empty sql_mode.
	raw   bool
	plain string
	// creates and replaces tell of a raw statement that it is CREATE [OR REPLACE] TABLE.
	creates, replaces bool
	// watch is the table (or, without a Table, the schema) whose structure tells
	// whether the statement ran.
	watch schema.Name
	// tables are those whose structure changes; none for a whole schema.
	tables []schema.Name
	// nth is which table of a source's statement about several it is about, and of how
	// many they are: the task's filters leave some out, and may be others when a run
	// takes up where the last has ended. Then it is which of all the statements that are
	// executed for the source's.
	nth, of int
	// uses is a table that the statement only reads.
	uses []schema.Name
	// swaps tells that the statement changes whose rows a table holds, and no
	// structure: it is told by the table's id whether it ran.
	swaps bool
	// cascades are the foreign keys that it makes and whose work the source's
	// binlog does not show.
	cascades []string
	// anew tells that it makes a table which the source had not.
	anew bool
	// ifExists tells that the statement is about a table that may not be there.
	ifExists bool
	// spelled tells that the source's words lack what text says, such as a collation.
	spelled bool
	// on are the names on the target of what a route moves there, nil where none
	// does. All other names here are the source's.
	on map[schema.Name]schema.Name
	// idle means that the target executes nothing and only the structures follow,
	// for the reason why.
	idle bool
	why  string
	// online is what is remembered of online DDL when the statement is executed, and
	// from the statement of the source, where that is one from before; nil for none.
	online *onlineWork
	from   *Statement
	operated
}

// ddlParser cuts source statements into statements for the target.
type ddlParser struct {
	parser *parser.Parser
	filter filter
	lower  bool // the source keeps names in lower case, however statements spell them
	tidb   bool // the target is a TiDB
	maria  bool // the target is a MariaDB
	same   bool // the target reads what the source reads
	// comments tells that the source is a MariaDB, which executes some comments
	// that others do not.
	comments bool
	// silent tells that the source's binlog does not show what foreign keys change,
	// inline that the source makes one of the REFERENCES of a column.
	silent, inline bool
	// routes and events are the task's rules, nil for none.
	routes *route.Router
	events *filters.Events
	// collate writes into a statement of a session with a schema which collations
	// the source means, and tells whether it had to; nil for what is not asked for.
	collate func(home string, n ast.StmtNode) bool
	// stamp writes into one what its TIMESTAMP columns are to a session that takes them
	// as NOT NULL, and implicit is set where a session does that does not tell it.
	stamp    func(home string, n ast.StmtNode) (bool, error)
	implicit bool
	online   *online      // nil without online-ddl
	log      *slog.Logger // nil for none
}

// newDDLParser asks the two servers what they are.
func newDDLParser(ctx context.Context, up, defs *dbconn.DB, f filter, log *slog.Logger) (*ddlParser, error) {
	logged, err := up.LogsCascades(ctx)
	if err != nil {
		return nil, err
	}
	implicit, err := implicitStamps(ctx, up)
	if err != nil {
		return nil, err
	}
	from, to := up.Server, defs.Server
	maria := from.Flavor == binlog.MariaDB
	return &ddlParser{
		parser: parser.New(), filter: f, log: log, implicit: implicit, lower: from.LowerCaseTableNames == 1, comments: maria,
		silent: !logged, inline: maria || !strings.HasPrefix(from.Version, "5.") && !strings.HasPrefix(from.Version, "8."),
		tidb: to.TiDB, maria: to.Flavor == binlog.MariaDB, same: !to.TiDB && to.Flavor == from.Flavor,
	}, nil
}

// filter is what decides about tables and schemas, system schemas excluded.
type filter interface {
	MatchSchema(schema string) bool
	MatchTable(schema, table string) bool
}

// Bits of the sql_mode that change how text is cut into words.
const (
	modeAnsiQuotes  = 1 << 2
	modeNoBackslash = 1 << 20
)

// parse answers what is to be executed for st; nothing when it does not concern
// the task.
func (d *ddlParser) parse(st *Statement) ([]ddl, error) {
	if st.refused != nil {
		return nil, st.refused
	}
	return d.cut(st, d.online != nil)
}

// literal is parse for a statement that no online DDL tool has written.
func (d *ddlParser) literal(st *Statement) ([]ddl, error) { return d.cut(st, false) }

func (d *ddlParser) cut(st *Statement, tools bool) ([]ddl, error) {
	words := schema.ReadWords(st.Text, quoting(st), d.comments)
	if d.skipped(&words) {
		return nil, nil
	}
	head, known := words.Head()
	plain := *st
	plain.Text = words.Text()
	if tools && known {
		if list, done, err := d.onlineDDL(&plain, &words, &head); done || err != nil {
			return list, err
		}
	}
	return d.ordinary(&plain, &words, &head, known)
}

// ordinary is cut for what is no part of an online DDL.
func (d *ddlParser) ordinary(st *Statement, words *schema.Words, head *schema.Head, known bool) ([]ddl, error) {
	if known && head.Whole && !d.concerns(head, st) {
		return nil, nil
	}
	everywhere, left := d.events.Statement("", "", filters.Other, st.Text)
	if known && head.Visible == "" && head.Object == "DATABASE" {
		return d.remark(head, st)
	}
	if known && head.Visible == "" && !d.same {
		d.note("ALTER TABLE with attributes of a storage engine")
		return nil, nil
	}
	nodes, err := d.read(st, words, head, known)
	if err != nil {
		if left || known && d.leavesOutUnread(head, st) {
			return d.unread(head, st, known), nil
		}
		if words.Writes() {
			return nil, d.loads(words, st)
		}
		if d.same && known {
			if one, ok := d.raw(head, st); ok {
				d.cascades(&one, words)
				return []ddl{one}, d.unmoved(&one)
			}
		}
		return nil, &fault.Error{Kind: fault.Unsupported, Code: codeParseDDL, Err: err,
			Msg: fmt.Sprintf("the statement %q cannot be read (default schema %q)", excerpt(st.Text), st.Schema)}
	}
	var out []ddl
	for _, n := range nodes {
		names := &qualifier{schema: st.Schema, lower: d.lower}
		n.Accept(names)
		spelled := d.collate != nil && d.collate(st.Schema, n)
		if d.stamp != nil && st.vars.stamps.implicit(d.implicit) {
			stamped, err := d.stamp(st.Schema, n)
			if err != nil {
				return nil, err
			}
			spelled = spelled || stamped
		}
		if known && head.OrReplace {
			first, err := d.split(dropFor(n), st)
			if err != nil {
				return nil, err
			}
			if err := d.apply(first, st, left, everywhere); err != nil {
				return nil, err
			}
			out = append(out, first...)
		}
		list, err := d.split(n, st)
		if err != nil && left {
			continue
		} else if err != nil {
			return nil, err
		}
		if err := d.apply(list, st, left, everywhere); err != nil {
			return nil, err
		}
		for i := range list {
			list[i].spelled = spelled
		}
		if known {
			d.words(list, head, st, len(nodes) == 1)
		}
		for i := range list {
			if list[i].own && names.used {
				list[i].home = st.Schema
			}
		}
		out = append(out, list...)
	}
	if len(out) > 0 {
		d.cascades(&out[len(out)-1], words)
	}
	return out, nil
}

// cascades notes the foreign keys of a statement that change rows by themselves.
func (d *ddlParser) cascades(one *ddl, words *schema.Words) {
	if d.silent {
		one.cascades = words.Cascades(d.inline)
	}
}

// words gives the statements made of one what the SQL parser has lost of it.
// alone tells that it came without others.
func (d *ddlParser) words(list []ddl, head *schema.Head, st *Statement, alone bool) {
	for i := range list {
		list[i].ifExists = head.IfExists && head.Object == "TABLE"
		if d.maria && (strings.Contains(list[i].text, "ENFORCED") || strings.Contains(list[i].text, "DROP CHECK")) {
			list[i].text = schema.ForMariaDB(list[i].text)
		}
	}
	if !d.same || !alone || len(list) != 1 {
		return
	}
	if d.maria && head.Remark != "" {
		list[0].text += " " + head.Remark
	}
	if list[0].on == nil && !list[0].spelled {
		inOwnWords(&list[0], head, st)
	}
}

// remark executes an ALTER DATABASE that sets only what a MariaDB keeps beside a
// schema, its COMMENT, where the target is one. That a schema is READ ONLY is
// for the clients of the source.
func (d *ddlParser) remark(head *schema.Head, st *Statement) ([]ddl, error) {
	if !d.same || !d.maria {
		d.note("ALTER DATABASE " + head.Remark)
		return nil, nil
	}
	name := d.named(head, st)[0].Schema
	if _, left := d.events.Statement(name, "", filters.AlterDatabase, st.Text); left {
		return nil, nil
	}
	on, err := d.routes.Schema(name)
	if err != nil {
		return nil, err
	}
	one := ddl{text: "ALTER DATABASE " + dbconn.Ident(on) + " " + head.Remark, watch: schema.Name{Schema: name}}
	if on != name {
		one.on = map[schema.Name]schema.Name{one.watch: {Schema: on}}
	}
	return []ddl{one}, nil
}

// inOwnWords lets a target of the source's kind have the source's words, as the
// SQL parser does not give back all that it reads, such as the character set of
// an ENUM.
func inOwnWords(one *ddl, head *schema.Head, st *Statement) {
	switch one.node.(type) {
	case *ast.CreateTableStmt, *ast.AlterTableStmt, *ast.CreateIndexStmt:
		one.text, one.own, one.quoted = st.Text, true, true
		if head.OrReplace {
			one.text, one.quoted = head.Plain, false
		}
	}
}

// read gives the statement to the SQL parser: as it is, else without words that
// only MariaDB has, else, where the target has no such things, without what
// concerns how a table is shown and not what is in it. What stands in executable
// comments is taken out of them first, as the parser passes over some of them.
func (d *ddlParser) read(st *Statement, words *schema.Words, head *schema.Head, known bool) ([]ast.StmtNode, error) {
	mode := mysql.SQLMode(0)
	if st.HasMode {
		mode = mysql.SQLMode(st.SQLMode)
	}
	plain := mode &^ (modeAnsiQuotes | modeNoBackslash)
	text, bare := st.Text, mode
	if known && head.Attributes && !d.same {
		text, bare = head.Visible, plain
	} else if open, opened := words.Bare(); opened {
		text, bare = open, plain
	}
	d.parser.SetSQLMode(bare)
	nodes, _, first := d.parser.Parse(text, "", "")
	if first == nil || !known {
		return nodes, first
	}
	d.parser.SetSQLMode(plain)
	for _, text := range []string{head.Plain, head.Visible} {
		if nodes, _, err := d.parser.Parse(text, "", ""); err == nil {
			return nodes, nil
		}
		if d.same && head.Object != "DATABASE" {
			return nil, first // the target knows INVISIBLE and IF, too
		}
	}
	if nodes, ok := d.withConditions(head); ok {
		return nodes, nil
	}
	return nil, first
}

// quoting gives the part of the statement's sql_mode that changes how it is read.
func quoting(st *Statement) string {
	mode := ""
	if st.SQLMode&modeAnsiQuotes != 0 {
		mode = "ANSI_QUOTES,"
	}
	if st.SQLMode&modeNoBackslash != 0 {
		mode += "NO_BACKSLASH_ESCAPES"
	}
	return mode
}

// named gives the names of a head as the source keeps them.
func (d *ddlParser) named(head *schema.Head, st *Statement) []schema.Name {
	out := slices.Clone(head.Tables)
	for i := range out {
		if out[i].Schema == "" {
			out[i].Schema = st.Schema
		}
		if d.lower {
			out[i] = schema.Name{Schema: strings.ToLower(out[i].Schema), Table: strings.ToLower(out[i].Table)}
		}
	}
	return out
}

// concerns tells whether the task replicates one of the things that head names.
func (d *ddlParser) concerns(head *schema.Head, st *Statement) bool {
	return slices.ContainsFunc(d.named(head, st), func(n schema.Name) bool {
		if n.Table == "" {
			return d.filter.MatchSchema(n.Schema)
		}
		return d.filter.MatchTable(n.Schema, n.Table)
	})
}

// raw hands on a statement in the source's words, if it is about one table.
func (d *ddlParser) raw(head *schema.Head, st *Statement) (ddl, bool) {
	names := d.named(head, st)
	about := head.Object == "TABLE" && (head.Verb == "CREATE" || head.Verb == "ALTER") || head.Object == "INDEX"
	if !head.Whole || !about || len(names) != 1 {
		return ddl{}, false
	}
	one := ddl{text: st.Text, own: true, quoted: true, raw: true, plain: head.Plain, watch: names[0], tables: names, ifExists: head.IfExists && head.Object == "TABLE",
		creates: head.Verb == "CREATE" && head.Object == "TABLE", replaces: head.OrReplace}
	if head.Tables[0].Schema == "" {
		one.home = st.Schema
	}
	return one, true
}
