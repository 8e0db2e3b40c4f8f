package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/internal/testbed/edges"
)

// TestTypesInStatementsOfSeveralRows is TestTypesMatrix with multiple-rows and
// compact: several rows of each type are inserted, get each other's values and are
// deleted by one statement each, which a server may evaluate in another way than
// statements of one row.
func TestTypesInStatementsOfSeveralRows(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, group := range edges.Groups() {
			t.Run(group.Name, func(t *testing.T) {
				t.Parallel() // it waits for servers more than it computes
				m := newMatrix(t, up, down)
				// Groups of one or two tables: one that a target refuses is applied row by row.
				m.sub.Sync.MultipleRows, m.sub.Sync.Compact, m.sub.Sync.Batch = true, true, 6
				for _, c := range group.Columns {
					m.add(t, c)
				}
				m.together(t)
			})
		}
	})
}

// together changes several rows of each table in one transaction.
func (m *matrix) together(t *testing.T) {
	m.relaxed(func(exec func(string)) { m.fill(exec, 0) })
	m.copy(t)
	r := m.start()
	each := func(form func(table, value string, n int) string) {
		m.relaxed(func(exec func(string)) {
			for i, c := range m.columns {
				for _, kind := range []string{"row", "bare", "key_"} {
					if kind == "key_" && !c.Keyable() {
						continue
					}
					exec("BEGIN")
					for k := range c.Values {
						exec(form(fmt.Sprintf("%s.%s%d", m.schema(), kind, i), c.Values[(k+1)%len(c.Values)], k))
					}
					exec("COMMIT")
				}
			}
		})
		r.caughtUp()
	}
	each(func(table, v string, n int) string {
		return fmt.Sprintf("INSERT INTO %s (v, n) VALUES (%s, %d)", table, v, 2000+n)
	})
	each(func(table, v string, n int) string {
		return fmt.Sprintf("UPDATE %s SET v = %s WHERE n = %d", table, v, n)
	})
	m.compare(t, "after the updates")
	each(func(table, _ string, n int) string { return fmt.Sprintf("DELETE FROM %s WHERE n = %d", table, n) })
	r.end()
	m.compare(t, "after the deletes")
}
