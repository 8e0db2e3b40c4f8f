//go:build mysql

package load_test

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// The load into MySQL 9, from MySQL 9.

func TestMySQLStopAndStart(t *testing.T) { stopAndStart(t, testbed.MySQL(t), testbed.MySQL(t)) }

func TestMySQLRowsThatAreThere(t *testing.T) {
	rowsThatAreThere(t, testbed.MySQL(t), testbed.MySQL(t))
}
