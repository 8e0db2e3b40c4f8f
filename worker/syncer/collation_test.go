package syncer

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestCollationCompatible: with strict, what a statement leaves to the source's
// defaults is spelled out for the target; with loose it is the target's choice.
func TestCollationCompatible(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		for _, strict := range []bool{false, true} {
			b := newBench(t, up, down, true)
			b.sub.StrictCollation = strict
			s := b.schema()
			b.exec("CREATE DATABASE " + s + " CHARACTER SET latin1 COLLATE latin1_bin")
			b.must(down.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+s+" CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci", "ALTER DATABASE "+s+" CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"))
			r := b.start()
			b.session("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(9), t DATETIME, b VARBINARY(3), n DECIMAL(5,2)) COMMENT='no collation'",
				"INSERT INTO a VALUES (1, 'x', NOW(), 'y', 1.5)", "ALTER TABLE a ADD w VARCHAR(9)", "ALTER TABLE a ADD u VARCHAR(9) CHARACTER SET utf8mb4",
				"CREATE TABLE c (id INT PRIMARY KEY, v VARCHAR(9) COLLATE utf8mb4_bin, w VARCHAR(9) CHARACTER SET ascii COLLATE ascii_bin) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
				"INSERT INTO c VALUES (1, 'x', 'y')", "ALTER TABLE c ADD x VARCHAR(9)", "INSERT INTO a VALUES (2, 'x', NOW(), 'y', 1.5, 'w', 'u')")
			r.caughtUp()
			r.end()
			b.equal()
			const query = "SELECT CONCAT_WS(' ', TABLE_NAME, COLUMN_NAME, COLLATION_NAME) FROM information_schema.COLUMNS WHERE COLLATION_NAME IS NOT NULL AND TABLE_SCHEMA = "
			want, got := b.text(up, query+"'"+s+"' ORDER BY 1"), b.text(down, query+"'"+s+"' ORDER BY 1")
			if !strict {
				want, got = []string{"a v utf8mb4_unicode_ci|", "a w utf8mb4_unicode_ci|"}, got[1:3]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("strict %v (-want +target):\n%s", strict, diff)
			}
		}
	})
}
