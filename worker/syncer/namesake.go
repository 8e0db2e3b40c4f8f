package syncer

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// A source that tells upper from lower case in names has tables that are one table
// on a target that does not, as a TiDB. Their rows must not meet there.

// namesakes are tables of the task, by what tells names apart on such a target.
type namesakes map[schema.Name]schema.Name

func caseless(n schema.Name) schema.Name {
	return schema.Name{Schema: strings.ToLower(n.Schema), Table: strings.ToLower(n.Table)}
}

// alone refuses a table that would be another one of the task on the target. What
// routes give one name is meant to be one.
func (s *structures) alone(n schema.Name) error {
	if s.source.Server.LowerCaseTableNames != 0 || s.target.Server.LowerCaseTableNames == 0 {
		return nil
	}
	if s.namesakes == nil {
		s.namesakes = namesakes{}
		for other := range s.saved {
			s.name(other)
		}
		for _, other := range s.tracker.All() {
			s.name(other)
		}
	}
	if other, taken := s.namesakes[caseless(s.on(n))]; taken && s.on(other) != s.on(n) {
		return &fault.Error{Kind: fault.Schema, Side: fault.Downstream,
			Msg: "the tables " + dbconn.Ident(other.Schema, other.Table) + " and " + dbconn.Ident(n.Schema, n.Table) +
				" of the source are one table on the target, which does not tell upper from lower case in names",
			Hint: "rename one of them on the source in a new task; or leave one of them out in the task's block-allow-list, or give it another name" +
				" on the target by a route, with case-sensitive: true in the task file"}
	}
	s.namesakes[caseless(s.on(n))] = n
	return nil
}

// name notes a table that the task replicates.
func (s *structures) name(n schema.Name) {
	if s.include == nil || s.include(n.Schema, n.Table) {
		s.namesakes[caseless(s.on(n))] = n
	}
}

// checkNames refuses statements that make a table which the target would take for
// another one: it would answer that there is such a table already.
func (d *ddlRunner) checkNames(list []ddl) error {
	for i := range list {
		one := &list[i]
		if _, makes := one.node.(*ast.CreateTableStmt); !makes && !one.creates || one.idle {
			continue
		}
		if err := d.structures.alone(one.watch); err != nil {
			return err
		}
	}
	d.structures.namesakes = nil // nothing is made yet
	return nil
}
