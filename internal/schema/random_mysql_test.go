//go:build mysql

package schema_test

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLTrackerFollowsRandomDDL is TestTrackerFollowsRandomDDL with a MySQL 9.
func TestMySQLTrackerFollowsRandomDDL(t *testing.T) { followRandom(t, testbed.MySQL(t)) }
