//go:build mysql

package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLEngineAttributes: what a MySQL keeps for storage engines of its own
// goes to a MySQL, and to no other server.
func TestMySQLEngineAttributes(t *testing.T) {
	mysqlTargets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		b.exec("CREATE DATABASE " + s)
		r := b.start()
		b.session("CREATE TABLE a (id INT PRIMARY KEY, v INT SECONDARY_ENGINE_ATTRIBUTE='{\"c\": 1}' NOT NULL, KEY k (v) SECONDARY_ENGINE_ATTRIBUTE='{\"k\": 1}') SECONDARY_ENGINE_ATTRIBUTE='{\"t\": 1}' COMMENT='x'",
			"INSERT INTO a VALUES (1, 2)", "ALTER TABLE a SECONDARY_ENGINE_ATTRIBUTE='{}'", "ALTER TABLE a ADD w INT SECONDARY_ENGINE_ATTRIBUTE '{}', COMMENT 'y'",
			"INSERT INTO a VALUES (2, 3, 4)", "ALTER TABLE a SECONDARY_ENGINE_ATTRIBUTE='{\"z\": 1}', ADD x INT", "CREATE INDEX i ON a (w) SECONDARY_ENGINE_ATTRIBUTE='{}'",
			"CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM SECONDARY_ENGINE_ATTRIBUTE='{}'", "INSERT INTO m VALUES (1, 1)", "UPDATE a SET x = id")
		r.caughtUp()
		r.end()
		b.equal()
		b.epoch++
		b.must(down.Exec(t.Context(), "DELETE FROM dm_meta."+b.sub.Task+"_raftdm_structure")) // so that it is read from a server
		r = b.start()
		b.session("INSERT INTO a VALUES (9, 9, 9, 9)", "ALTER TABLE a DROP w", "UPDATE a SET x = 7")
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestMySQLConditions is TestConditionsIntoOthers into a MySQL, which does not
// know IF EXISTS of a clause.
func TestMySQLConditions(t *testing.T) { conditionsInto(t, testbed.MySQL(t)) }
