//go:build mysql

package syncer

import (
	"slices"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLOnlineDDL follows the statements of both tools from a MySQL 9, with a
// stop before each RENAME.
func TestMySQLOnlineDDL(t *testing.T) {
	mysqlTargets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		b.online()
		b.exec("CREATE DATABASE " + b.schema())
		b.session("CREATE TABLE a (id INT PRIMARY KEY, v INT)", "CREATE TABLE b LIKE a")
		r := b.start()
		b.session("INSERT INTO a VALUES (1, 1), (2, 2)", "INSERT INTO b VALUES (1, 1)")
		one, two := ghost("a", "ADD COLUMN w VARCHAR(9) DEFAULT 'x' FIRST, ADD KEY (v)"), osc("b", "MODIFY v BIGINT, ADD COLUMN w INT DEFAULT (7)")
		const renames = 6 // where osc's RENAME is
		b.session(slices.Concat(one[:len(one)-4], two[:renames])...)
		r.caughtUp()
		r.end()
		b.epoch++
		r = b.start()
		b.session(slices.Concat(one[len(one)-4:], two[renames:])...)
		r.caughtUp()
		r.end()
		b.equal()
		if left := b.recorded(); len(left) > 0 {
			t.Errorf("recorded in the end: %q", left)
		}
	})
}
