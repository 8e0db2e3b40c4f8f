package syncer

import (
	"context"
	"errors"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// structures are the tables as they are at the position that the coordinator
// has reached. Only the coordinator uses it.
//
// A table that is not known is read from the target. That is right, not only
// likely: a DDL is executed with nothing else in flight, so whenever a row asks
// for its table, the target has executed exactly the DDL before that row.
type structures struct {
	target *dbconn.DB
	texts  map[schema.Name]string // what the meta tables say
	plans  map[schema.Name]*plan
}

// plan gives the plan of a table's rows.
func (s *structures) plan(ctx context.Context, n schema.Name) (*plan, error) {
	if p := s.plans[n]; p != nil {
		return p, nil
	}
	text, ok := s.texts[n]
	if !ok {
		var err error
		if text, err = s.target.CreateTable(ctx, n); err != nil {
			if absent(err) {
				return nil, &fault.Error{Kind: fault.Schema, Side: fault.Downstream, Err: err,
					Msg:  "rows arrive for " + dbconn.Ident(n.Schema, n.Table) + ", which is not on the target",
					Hint: "create the table on the target with the source's structure, then resume-task; or exclude it in the task's block-allow-list"}
			}
			return nil, err
		}
	}
	t, err := schema.Parse(text, "", n.Schema)
	if err != nil {
		return nil, fault.Wrap("read the structure of "+dbconn.Ident(n.Schema, n.Table), err)
	}
	named := *t
	named.Name = n // a structure keeps the name under which it was saved, whatever the letters' case
	p := newPlan(&named, s.target.Server.Flavor == "mysql")
	s.plans[n] = p
	return p, nil
}

// changed forgets a table that a DDL has touched and answers its structure now,
// "" when it does not exist any more.
func (s *structures) changed(ctx context.Context, n schema.Name) (string, error) {
	text, err := s.target.CreateTable(ctx, n)
	if absent(err) {
		text, err = "", nil
	}
	if err != nil {
		return "", err
	}
	delete(s.plans, n)
	delete(s.texts, n)
	if text != "" {
		s.texts[n] = text
	}
	return text, nil
}

// inSchema lists the known tables of a schema.
func (s *structures) inSchema(name string) []schema.Name {
	var out []schema.Name
	for n := range s.texts {
		if n.Schema == name {
			out = append(out, n)
		}
	}
	for n := range s.plans {
		if _, both := s.texts[n]; !both && n.Schema == name {
			out = append(out, n)
		}
	}
	return out
}

// absent tells the errors of a server that has no such table or schema.
func absent(err error) bool {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return fault.Is(err, fault.NotFound)
	}
	switch answer.Number {
	case 1049, 1051, 1146: // unknown database, unknown table, no such table
		return true
	}
	return false
}
