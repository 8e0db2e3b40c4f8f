//go:build mysql

package schema_test

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLUnlike is TestUnlike with a MySQL 9 in the place of either server.
func TestMySQLUnlike(t *testing.T) {
	server := testbed.MySQL(t)
	t.Run("to TiDB", func(t *testing.T) { convertsAlike(t, server, servers.TiDB(t)) })
	t.Run("from MariaDB", func(t *testing.T) { convertsAlike(t, servers.MariaDB(t), server) })
}
