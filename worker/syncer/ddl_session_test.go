package syncer

import (
	"context"
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestDDLKeepsItsSession: what a statement does depends on the session that
// executed it: its time and zone, and whether it checks foreign keys.
func TestDDLKeepsItsSession(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (1), (2)",
			"CREATE TABLE "+s+".p (id INT PRIMARY KEY)", "CREATE TABLE "+s+".c (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES "+s+".p (id))")
		r.caughtUp()
		r.end()
		b.epoch++
		conn, err := b.up.Session(t.Context())
		b.must(err)
		defer conn.Close()
		for _, q := range []string{"USE " + s, "SET time_zone = '+05:00', foreign_key_checks = 0",
			"ALTER TABLE a ADD COLUMN c TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), ADD COLUMN d DATETIME(6) DEFAULT NOW(6) FIRST",
			"DROP TABLE p", "DO SLEEP(1.1)"} {
			_, err := conn.ExecContext(t.Context(), q)
			b.must(err)
		}
		r = b.start()
		r.caughtUp()
		r.end()
		b.equal()
	})
}

// TestDDLOfTheSystemsZone: a source whose zone is that of its machine does not tell
// which that is, and neither the target's nor the task's has to be the same.
func TestDDLOfTheSystemsZone(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	b.must(down.Exec(t.Context(), "SET GLOBAL time_zone = '-07:30'"))
	t.Cleanup(func() { _ = down.Exec(context.Background(), "SET GLOBAL time_zone = 'SYSTEM'") })
	for i, zone := range []string{"", "+05:00", "+00:00", "SYSTEM"} {
		b.sub.Timezone = zone
		b.epoch++
		r := b.start()
		table := fmt.Sprintf("a%d", i)
		b.session("SET time_zone = 'SYSTEM'", "CREATE TABLE "+table+" (id INT PRIMARY KEY)", "INSERT INTO "+table+" VALUES (1)",
			"ALTER TABLE "+table+" ADD d DATETIME(6) DEFAULT NOW(6), ADD t TIMESTAMP NOT NULL DEFAULT '2024-07-01 00:00:00', ADD u TIMESTAMP DEFAULT NOW()")
		r.caughtUp()
		r.end()
		b.equal()
	}
}

// TestWordsOfMariaDB: statements and columns that only MariaDB knows come
// through to one, rows before and behind them included.
func TestWordsOfMariaDB(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	b.exec("CREATE DATABASE " + s)
	for _, q := range []string{
		"CREATE TABLE a (id INT PRIMARY KEY, v ENUM('ä','b') CHARACTER SET latin1)", "INSERT INTO a VALUES (1, 'ä')",
		"ALTER ONLINE TABLE IF EXISTS a WAIT 5 ADD COLUMN g GEOMETRY FIRST, ADD COLUMN w VARCHAR(9) COLLATE utf8mb4_uca1400_ai_ci", "INSERT INTO a VALUES (POINT(1, 2), 2, 'b', 'é')",
		"ALTER TABLE a ADD h INT INVISIBLE DEFAULT (id + 1)", "UPDATE a SET h = 7 WHERE id = 2", "INSERT INTO a (id) VALUES (3)",
		"CREATE SPATIAL INDEX i ON nothing (g)", "CREATE TABLE nothing (id INT PRIMARY KEY, g POINT NOT NULL)", "CREATE SPATIAL INDEX i ON nothing (g)",
		"CREATE OR REPLACE TABLE nothing (k VARCHAR(20), u INT AS (LENGTH(k)) PERSISTENT)", "INSERT INTO nothing (k) VALUES ('x')",
		"CREATE OR REPLACE INDEX j ON a (w)", "CREATE OR REPLACE INDEX j ON a (v)", "ALTER TABLE a ALTER INDEX j IGNORED",
		"RENAME TABLE IF EXISTS missing TO other, a NOWAIT TO a2", "INSERT INTO a2 (id, v) VALUES (9, 'b')", "TRUNCATE TABLE nothing NOWAIT",
	} {
		_ = b.up.Exec(t.Context(), "USE "+s, q) // one is refused, as some versions refuse more
	}
	r := b.start()
	r.caughtUp()
	r.end()
	b.equal()
}

// TestDDLSessionIsNotUsedAgain: what one DDL had its session do must not reach
// the next, and its lock goes with it.
func TestDDLSessionIsNotUsedAgain(t *testing.T) {
	testbed.SkipIfShort(t)
	db := secondMariaDB(t).DB()
	ids := map[int]bool{}
	for range 5 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var id int
		var checks string
		if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID(), @@foreign_key_checks").Scan(&id, &checks); err != nil {
			t.Fatal(err)
		}
		if checks != "1" || ids[id] {
			t.Errorf("session %d comes again, foreign_key_checks = %s", id, checks)
		}
		ids[id] = true
		if _, err := conn.ExecContext(t.Context(), "SET foreign_key_checks = 0"); err != nil {
			t.Fatal(err)
		}
		discard(conn)
	}
}
