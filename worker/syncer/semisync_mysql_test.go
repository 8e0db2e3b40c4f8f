//go:build mysql

package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLSemiSync is TestSemiSync with the plugins of a MySQL 9.
func TestMySQLSemiSync(t *testing.T) {
	up, replica := testbed.MySQL(t), testbed.MySQL(t)
	for s, text := range map[*testbed.Server]string{up: "INSTALL PLUGIN rpl_semi_sync_source SONAME 'semisync_source.so'",
		replica: "INSTALL PLUGIN rpl_semi_sync_replica SONAME 'semisync_replica.so'"} {
		if err := s.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if err := replica.Exec(t.Context(), "SET GLOBAL rpl_semi_sync_replica_enabled = 1"); err != nil {
		t.Fatal(err)
	}
	replicateMySQL(t, replica, up)
	semiSync(t, up, replica, words{enabled: "rpl_semi_sync_source_enabled", timeout: "rpl_semi_sync_source_timeout", point: "rpl_semi_sync_source_wait_point",
		clients: "Rpl_semi_sync_source_clients", status: "Rpl_semi_sync_source_status", without: "Rpl_semi_sync_source_no_tx", stop: "STOP REPLICA", start: "START REPLICA"})
}
