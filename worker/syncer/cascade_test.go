package syncer

import (
	"fmt"
	"slices"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestCascadesThatComeAreShown: the pre-check names the foreign keys whose work is
// not in the binlog; those that come by DDL while the task runs are shown by
// query-status until they go.
func TestCascadesThatComeAreShown(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		shows := func(want ...string) {
			t.Helper()
			r.caughtUp()
			for i := range want {
				want[i] = fmt.Sprintf("table `%s`.%s", s, want[i])
			}
			if got := r.status().Cascades; !slices.Equal(got, want) {
				t.Errorf("shown %q, want %q", got, want)
			}
		}
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".p (id INT PRIMARY KEY)")
		b.session("CREATE TABLE a (id INT PRIMARY KEY, x INT, CONSTRAINT f FOREIGN KEY (id) REFERENCES p (id) ON DELETE CASCADE)",
			"CREATE TABLE c (id INT PRIMARY KEY, FOREIGN KEY (id) REFERENCES p (id) ON DELETE RESTRICT)")
		shows("`a` foreign key `f`")
		b.session("ALTER TABLE a ADD COLUMN y INT, ADD CONSTRAINT g FOREIGN KEY (x) REFERENCES p (id) ON UPDATE SET NULL",
			"CREATE TABLE b (id INT PRIMARY KEY, x INT REFERENCES p (id) ON DELETE CASCADE)")
		shows("`a` foreign key `f`", "`a` foreign key `g`", "`b` a foreign key without a name")
		b.session("ALTER TABLE a DROP FOREIGN KEY f", "DROP TABLE b")
		shows("`a` foreign key `g`")
		b.exec("DROP DATABASE " + s)
		shows()
		r.end()
	})
}
