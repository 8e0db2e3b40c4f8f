//go:build mysql

package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLXARandom is TestXARandom with MySQL 9 as source, with and without
// compressed transactions, and as target.
func TestMySQLXARandom(t *testing.T) {
	for name, down := range map[string]*testbed.Server{"mysql": testbed.MySQL(t), "tidb": servers.TiDB(t)} {
		t.Run(name, func(t *testing.T) {
			modes(t, func(t *testing.T, gtid bool) {
				up := testbed.MySQL(t)
				if gtid == (name == "tidb") {
					if err := up.Exec(t.Context(), "SET PERSIST binlog_transaction_compression = ON"); err != nil {
						t.Fatal(err)
					}
				}
				// An empty GTID set is none at all: something has to come before the task.
				if err := up.Exec(t.Context(), "CREATE DATABASE before_all"); err != nil {
					t.Fatal(err)
				}
				xaRandom(t, up, down, gtid, 100)
			})
		})
	}
}

// TestMySQLXAAcrossTheDump is TestXAAcrossTheDump with MySQL 9 as source.
func TestMySQLXAAcrossTheDump(t *testing.T) {
	up, down := testbed.MySQL(t), servers.TiDB(t)
	modes(t, func(t *testing.T, gtid bool) { xaAcrossTheDump(t, up, down, gtid) })
}
