package syncer

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// DM's numbers for structures.
const (
	codeCannotTrack     = 44003
	codeNoStructure     = 44005
	codeInvalidCreate   = 44009
	codeFetchDownstream = 44007
)

// Structures is the structures of a subtask that rests, for people to look at and
// to change.
type Structures struct {
	Subtask config.Subtask
	Meta    *checkpoint.Meta
	Log     *slog.Logger

	up     *dbconn.DB
	tables *structures
	saved  map[schema.Name]string
}

// Do carries out a request. The answer is what to tell whoever has asked.
func (s *Structures) Do(ctx context.Context, req operation.Structure) (string, error) {
	if err := s.open(ctx); err != nil {
		return "", err
	}
	defer s.up.Close()
	n, err := s.named(req.Table)
	if err != nil {
		return "", err
	}
	switch req.Verb {
	case operation.Get:
		return s.get(ctx, n)
	case operation.Set:
		text, err := s.text(ctx, n, req)
		if err != nil {
			return "", err
		}
		s.Log.Info("the structure of a table is set", "table", dbconn.Ident(n.Schema, n.Table), "structure", text)
		return remark(req), s.Meta.PutStructure(ctx, n, text)
	case operation.Remove:
		if _, ok := s.saved[n]; !ok {
			return "", &fault.Error{Kind: fault.NotFound, Code: codeNoStructure, Msg: "no structure of " + dbconn.Ident(n.Schema, n.Table) + " is recorded",
				Hint: "nothing to do: it is read from the databases when the next row of it comes"}
		}
		s.Log.Info("the structure of a table is removed", "table", dbconn.Ident(n.Schema, n.Table))
		return "", s.Meta.PutStructure(ctx, n, "")
	}
	return "", fault.New(fault.Invalid, fmt.Sprintf("a structure can be got, set or removed, not: %q", req.Verb))
}

func (s *Structures) open(ctx context.Context) error {
	up, err := dbconn.Open(ctx, fault.Upstream, s.Subtask.Source.From, dbconn.Options{MaxConns: 1, TimeZone: utc})
	if err != nil {
		return err
	}
	if s.saved, err = s.Meta.Structures(ctx); err == nil {
		texts := make(map[schema.Name]string, len(s.saved))
		for n, text := range s.saved {
			texts[n] = text
		}
		s.tables, err = newStructures(ctx, up, s.Meta.DB, texts, s.Log)
	}
	if err != nil {
		up.Close()
		return err
	}
	s.tables.routes, s.tables.shared = s.Subtask.Routes, s.Subtask.Sources > 1
	s.up = up
	return nil
}

// named gives the name as the source keeps it, if the task replicates the table.
func (s *Structures) named(n schema.Name) (schema.Name, error) {
	if n.Schema == "" || n.Table == "" {
		return n, fault.New(fault.Invalid, "a database and a table must be given")
	}
	if s.up.Server.LowerCaseTableNames == 1 {
		n = schema.Name{Schema: strings.ToLower(n.Schema), Table: strings.ToLower(n.Table)}
	}
	if !newMatcher(s.Subtask.Filter).MatchTable(n.Schema, n.Table) {
		return n, &fault.Error{Kind: fault.NotFound, Code: codeNoStructure, Msg: "the task does not replicate " + dbconn.Ident(n.Schema, n.Table),
			Hint: "give the names that database and table have on the source; the block-allow-list of the task says which it replicates"}
	}
	return n, nil
}

// get gives the structure that the next row would be read with.
func (s *Structures) get(ctx context.Context, n schema.Name) (string, error) {
	t, err := s.tables.table(ctx, n, anyColumns)
	if absent(err) {
		return "", &fault.Error{Kind: fault.NotFound, Code: codeNoStructure, Err: err,
			Msg:  "no structure of " + dbconn.Ident(n.Schema, n.Table) + " is recorded, and the target has no such table",
			Hint: "look for the right name with SHOW TABLES on the source"}
	}
	if err != nil {
		return "", err
	}
	return oneLine(t.CreateSQL), nil
}

// lineBreak is what stands between the lines of SHOW CREATE TABLE. In texts a line
// break is written with a backslash there.
var lineBreak = regexp.MustCompile(`\n\s*`)

func oneLine(text string) string {
	text = strings.ReplaceAll(text, "\n)", ")")
	return lineBreak.ReplaceAllString(text, " ")
}

// remark answers to what DM has flags for and what makes no difference here.
func remark(req operation.Structure) string {
	var out []string
	if req.NoFlush {
		out = append(out, "the structure is recorded at once, also with --flush=false")
	}
	if req.Sync {
		out = append(out, "--sync does nothing: it is for the shard mode optimistic only")
	}
	return strings.Join(out, "; ")
}

// text gives the structure to set: the one given, or that of a database.
func (s *Structures) text(ctx context.Context, n schema.Name, req operation.Structure) (string, error) {
	from := 0
	for _, given := range []bool{req.Text != "", req.FromSource, req.FromTarget} {
		if given {
			from++
		}
	}
	if from != 1 {
		return "", &fault.Error{Kind: fault.Invalid, Code: codeInvalidCreate, Msg: "the structure must come from one of a file, --from-source and --from-target",
			Hint: "give the file with the CREATE TABLE statement, or one of the flags"}
	}
	switch {
	case req.FromSource:
		text, err := s.up.CreateTable(ctx, n)
		return s.readable(ctx, n, text, missing(err, 0, "the source has no table "+dbconn.Ident(n.Schema, n.Table)))
	case req.FromTarget:
		on := s.tables.on(n)
		text, err := s.Meta.DB.CreateTable(ctx, on)
		return s.readable(ctx, n, s.tables.own(n, text), missing(err, codeFetchDownstream, "the target has no table "+dbconn.Ident(on.Schema, on.Table)))
	}
	mode, err := globalMode(ctx, s.up)
	if err != nil {
		return "", err
	}
	if err := s.tables.learnSchema(ctx, n.Schema); err != nil {
		return "", err
	}
	return given(n, req.Text, mode, s.tables.tracker.CreateSchema(n.Schema))
}

// missing says that a database lacks a table, if that is the error.
func missing(err error, code int, msg string) error {
	if !absent(err) {
		return err
	}
	return &fault.Error{Kind: fault.NotFound, Code: code, Err: err, Msg: msg, Hint: "give the names that database and table have on the source, or a file"}
}

// readable gives a server's text as it is to be recorded.
func (s *Structures) readable(ctx context.Context, n schema.Name, text string, err error) (string, error) {
	if err != nil {
		return "", err
	}
	t, err := s.tables.learn(ctx, n, text)
	if err != nil {
		return "", err
	}
	return t.CreateSQL, nil
}

// given reads a person's CREATE TABLE statement, written for a sql_mode. in is the
// text of the schema, which the table has its character set from unless it says one.
func given(n schema.Name, text, mode, in string) (string, error) {
	refuse := func(msg string, err error) error {
		return &fault.Error{Kind: fault.Invalid, Code: codeInvalidCreate, Msg: msg, Err: err,
			Hint: "the file must hold one CREATE TABLE statement, as SHOW CREATE TABLE prints it; nothing was changed"}
	}
	list, err := schema.Statements(text, mode)
	switch {
	case err != nil:
		return "", refuse("the file cannot be read", err)
	case len(list) == 0:
		return "", refuse("the file holds no statement", nil)
	case len(list) > 1:
		return "", refuse(fmt.Sprintf("the file holds %d statements", len(list)), nil)
	}
	words := schema.ReadWords(list[0], mode, true)
	if head, ok := words.Head(); !ok || head.Verb != "CREATE" || head.Object != "TABLE" {
		// Not a word of it: somebody may have given a file with a password.
		return "", refuse("what it begins with is not a valid CREATE TABLE statement", nil)
	}
	tracker := schema.NewTracker(mode, false)
	if err := tracker.PutSchema(n.Schema, in); err != nil {
		return "", err
	}
	t, err := tracker.Put(n.Schema, list[0])
	if err != nil {
		return "", refuse("the CREATE TABLE statement cannot be read", err)
	}
	if !strings.EqualFold(t.Name.Schema, n.Schema) || !strings.EqualFold(t.Name.Table, n.Table) {
		return "", refuse(fmt.Sprintf("the statement creates %s, not %s", dbconn.Ident(t.Name.Schema, t.Name.Table), dbconn.Ident(n.Schema, n.Table)), nil)
	}
	return t.CreateSQL, nil
}
