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

func TestMySQLLoadData(t *testing.T) {
	loadDataReads(t, testbed.MySQL(t), testbed.MySQL(t, "--local-infile=1"))
}

func TestMySQLEveryTypeArrives(t *testing.T) {
	const name = "types"
	b := newBed(t, name, testbed.MySQL(t), testbed.MySQL(t, "--local-infile=1"))
	b.fillTypes(name)
	b.exec(b.src, "DROP VIEW "+name+".a_view", "DROP TABLE "+name+".my") // with GTIDs a MySQL changes no MyISAM in a transaction
	b.run()
	names := typeNames()
	b.equal(name, names[:len(names)-1]...)
}
