//go:build mysql

package schema_test

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLNameTimestamps is TestNameTimestamps with a MySQL 9.
func TestMySQLNameTimestamps(t *testing.T) { timestampsNamed(t, testbed.MySQL(t)) }
