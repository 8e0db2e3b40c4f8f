//go:build mysql

package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLImplicitTimestamps is TestImplicitTimestamps with a MySQL 9 as the source.
// Behind the names of schemas, which a MySQL tells before, stands what NOW(6) is.
func TestMySQLImplicitTimestamps(t *testing.T) {
	up := testbed.MySQL(t)
	for name, down := range map[string]*testbed.Server{"tidb": servers.TiDB(t), "mariadb": secondMariaDB(t), "mysql": testbed.MySQL(t)} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, up, down, true)
			implicitTimestamps(b)
			b.epoch++
			r := b.start()
			b.exec("ALTER TABLE " + b.schema() + ".a ADD m DATETIME(6) DEFAULT NOW(6)")
			r.caughtUp()
			r.end()
			b.equal()
		})
	}
}

// TestMySQLDefaultsOfServers is TestDefaultsOfServers with a MySQL 9 in the place of
// either server.
func TestMySQLDefaultsOfServers(t *testing.T) {
	server := testbed.MySQL(t)
	t.Run("to TiDB", func(t *testing.T) { defaultsOfServers(t, server, servers.TiDB(t)) })
	t.Run("from MariaDB", func(t *testing.T) { defaultsOfServers(t, servers.MariaDB(t), server) })
}
