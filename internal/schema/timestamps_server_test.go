package schema_test

import (
	"context"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/format"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestNameTimestamps executes statements in a session without
// explicit_defaults_for_timestamp, and with what NameTimestamps has written into them
// in one with it: the structures are the same, and the tracker's too.
func TestNameTimestamps(t *testing.T) {
	testbed.SkipIfShort(t)
	timestampsNamed(t, servers.MariaDB(t), "CREATE TABLE i (id INT, a TIMESTAMP DEFAULT NULL)", "ALTER TABLE i ADD b TIMESTAMP DEFAULT NULL FIRST") // which MySQL refuses
}

const implicitTimestamps = `CREATE TABLE a (id INT, a TIMESTAMP, b TIMESTAMP, c TIMESTAMP NULL, d TIMESTAMP DEFAULT '2020-01-01', e TIMESTAMP(3), f DATETIME);
CREATE TABLE b (id INT, a TIMESTAMP NULL, b TIMESTAMP, c TIMESTAMP NOT NULL);
ALTER TABLE b ADD x TIMESTAMP, ADD y TIMESTAMP FIRST;
ALTER TABLE b ADD (z TIMESTAMP, zz TIMESTAMP NULL);
ALTER TABLE b MODIFY a TIMESTAMP;
ALTER TABLE b MODIFY id TIMESTAMP FIRST;
CREATE TABLE c (id INT, a TIMESTAMP DEFAULT '2020-01-01', b TIMESTAMP, c TIMESTAMP ON UPDATE CURRENT_TIMESTAMP);
ALTER TABLE c CHANGE a aa TIMESTAMP(2), ADD q TIMESTAMP(6);
CREATE TABLE d (id INT, a TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, b TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE e (id INT, a TIMESTAMP(6), b INT);
ALTER TABLE e DROP a, ADD c TIMESTAMP, RENAME TO ee;
CREATE TABLE f (id INT PRIMARY KEY, a TIMESTAMP DEFAULT 0, b TIMESTAMP DEFAULT 0 ON UPDATE NOW(), c TIMESTAMP UNIQUE);
CREATE TABLE g (id INT, a TIMESTAMP PRIMARY KEY, b TIMESTAMP);
CREATE TABLE h (b TIMESTAMP);
ALTER TABLE h ADD c TIMESTAMP AFTER b`

func timestampsNamed(t *testing.T, server *testbed.Server, more ...string) {
	t.Helper()
	conn, err := server.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Cleanup(func() {
		_ = server.Exec(context.Background(), "DROP DATABASE IF EXISTS stamps_off", "DROP DATABASE IF EXISTS stamps_on")
	})
	do := func(statements ...string) {
		t.Helper()
		for _, q := range statements {
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
	}
	do("SET NAMES utf8mb4, sql_mode = ''", "CREATE DATABASE stamps_off CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "CREATE DATABASE stamps_on CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
	tracker := schema.NewTracker("", false)
	if err := tracker.PutSchema("s", "CREATE DATABASE s CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		t.Fatal(err)
	}
	for _, statement := range append(strings.Split(implicitTimestamps, ";\n"), more...) {
		node, err := parser.New().ParseOneStmt(statement, "", "")
		if err != nil {
			t.Fatal(err)
		}
		named := tracker.NameTimestamps("s", node)
		var text strings.Builder
		if err := node.Restore(format.NewRestoreCtx(format.DefaultRestoreFlags|format.RestoreStringWithoutDefaultCharset, &text)); err != nil {
			t.Fatal(err)
		}
		if again := tracker.NameTimestamps("s", node); !named || again {
			t.Errorf("%s: named %v, and again %v", statement, named, again)
		}
		changed, err := tracker.Apply("s", node)
		if err != nil {
			t.Fatal(err)
		}
		do("SET explicit_defaults_for_timestamp = 0", "USE stamps_off", statement, "SET explicit_defaults_for_timestamp = 1", "USE stamps_on", text.String())
		for _, n := range changed {
			table, err := tracker.Table(n)
			if err != nil {
				continue // the name before
			}
			var off, on string
			for db, to := range map[string]*string{"stamps_off": &off, "stamps_on": &on} {
				if err := conn.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+db+"."+n.Table).Scan(new(string), to); err != nil {
					t.Fatal(err)
				}
			}
			if off != on {
				t.Errorf("%s\nbecame %s\nthat is %s\nand should be %s", statement, text.String(), on, off)
			}
			theirs, err := schema.Parse(off, "", "s")
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range theirs.Columns {
				if got := table.Columns[i]; got.Name != c.Name || got.NotNull != c.NotNull {
					t.Errorf("%s: the tracker has %+v for %+v", statement, got, c)
				}
			}
		}
	}
}

// TestNameTimestampsOnlyWhereMissing: what says all that it means stays as it is.
func TestNameTimestampsOnlyWhereMissing(t *testing.T) {
	tracker := schema.NewTracker("", false)
	for _, statement := range []string{
		"CREATE TABLE a (id INT, a TIMESTAMP NULL, b TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, c DATETIME, d TIMESTAMP AS (NULL) VIRTUAL)", "ALTER TABLE a ADD a TIMESTAMP NULL, DROP b",
		"ALTER TABLE a ADD INDEX (a)", "DROP TABLE a", "CREATE TABLE a LIKE b", "ALTER TABLE a ADD b DATETIME, MODIFY c TIMESTAMP NOT NULL DEFAULT 0",
	} {
		node, err := parser.New().ParseOneStmt(statement, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if tracker.NameTimestamps("s", node) {
			t.Errorf("%s is changed", statement)
		}
	}
	node, err := parser.New().ParseOneStmt("ALTER TABLE unknown ADD b TIMESTAMP, ADD c TIMESTAMP(1)", "", "")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if !tracker.NameTimestamps("s", node) {
		t.Error("not named")
	}
	if err := node.Restore(format.NewRestoreCtx(format.DefaultRestoreFlags|format.RestoreStringWithoutDefaultCharset, &text)); err != nil {
		t.Fatal(err)
	}
	const want = "ALTER TABLE `unknown` ADD COLUMN `b` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP() ON UPDATE CURRENT_TIMESTAMP(), ADD COLUMN `c` TIMESTAMP(1) NOT NULL DEFAULT '0000-00-00 00:00:00.0'"
	if text.String() != want {
		t.Errorf("%s", text.String())
	}
}
