package syncer

import (
	"cmp"
	"slices"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
)

// cascade is a foreign key by which the source changes rows without writing them
// into its binlog.
type cascade struct {
	table schema.Name
	key   string // "" for one without a name
}

// String names it for people.
func (c cascade) String() string {
	key := "a foreign key without a name"
	if c.key != "" {
		key = "foreign key " + dbconn.Ident(c.key)
	}
	return "table " + dbconn.Ident(c.table.Schema, c.table.Table) + " " + key
}

// cascades warns of the foreign keys that came with a DDL, and forgets those that
// went. Those that were there before the task are for its pre-check to name.
func (d *ddlRunner) cascades(one *ddl) {
	switch n := one.node.(type) {
	case *ast.DropTableStmt, *ast.DropDatabaseStmt:
		d.stats.cascadesGone(one.watch, "")
	case *ast.AlterTableStmt:
		for _, s := range n.Specs {
			switch {
			case s.Tp == ast.AlterTableDropForeignKey:
				d.stats.cascadesGone(one.watch, s.Name)
			case s.Tp == ast.AlterTableDropCheck:
				d.stats.cascadesGone(one.watch, s.Constraint.Name)
			}
		}
	}
	for _, key := range one.cascades {
		c := cascade{table: one.watch, key: key}
		d.log.Warn("a foreign key changes rows by CASCADE or SET NULL, which the binlog does not show; such changes do not reach the target",
			"table", dbconn.Ident(c.table.Schema, c.table.Table), "key", key, "statement", excerpt(one.text))
		d.stats.cascade(c)
	}
}

func (s *stats) cascade(c cascade) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, known := slices.BinarySearchFunc(s.cascades, c, compareCascades); !known {
		s.cascades = slices.Insert(s.cascades, at, c)
	}
}

// cascadesGone forgets a key of a table, all with the key "", and those of a
// whole schema for a Name without a Table.
func (s *stats) cascadesGone(n schema.Name, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cascades = slices.DeleteFunc(s.cascades, func(c cascade) bool {
		return c.table.Schema == n.Schema && (n.Table == "" || c.table.Table == n.Table) && (key == "" || c.key == key)
	})
}

func compareCascades(a, b cascade) int {
	return cmp.Or(cmp.Compare(a.table.Schema, b.table.Schema), cmp.Compare(a.table.Table, b.table.Table), cmp.Compare(a.key, b.key))
}
