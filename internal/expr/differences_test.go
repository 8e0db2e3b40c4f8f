package expr_test

import (
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestKnownDifferences has the difference from real servers that stays, with its
// reason: TestAgreesWithServers passes over this form and over values that are out
// of range, and nothing else. When a server or the evaluator comes to agree, this
// says so. What servers do not agree upon among themselves is not generated: lists
// and ranges of several kinds of values, and the -0.000 of decimals.
func TestKnownDifferences(t *testing.T) {
	testbed.SkipIfShort(t)
	tbl, types := table(t, "utf8mb4_general_ci")
	image := rowtest.Images(t, types)
	values := []any{1, 2, 5, uint64(3), "-1.125", 2.5, "a", []byte("a"), []byte("ab\x00\x00"), 1, 1, "2021-01-01 00:00:00.000", "2021-01-01", "2021-01-01 00:00:00.000", "00:00:00", 1999, 5, 1}
	row := image(values...)
	values[10], values[9] = "a", "a"
	for _, c := range []struct {
		condition           string
		ours, mariadb, tidb bool
		why                 string
	}{
		{"CAST(f AS SIGNED) = 2", false, true, true, "a DOUBLE that ends in .5 becomes its even neighbour on servers, and is rounded away from zero by the evaluator"},
	} {
		e, err := expr.Parse(c.condition)
		if err != nil {
			t.Fatal(err)
		}
		b, err := e.Bind(tbl)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.True(row, time.Now()); err != nil || got != c.ours {
			t.Errorf("%s: %v, %v", c.condition, got, err)
		}
		for name, want := range map[string]bool{"mariadb": c.mariadb, "tidb": c.tidb} {
			server := servers.MariaDB(t)
			if name == "tidb" {
				server = servers.TiDB(t)
			}
			conn := fill(t, server)
			if _, err := conn.ExecContext(t.Context(), "INSERT INTO exprs.t VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values...); err != nil {
				t.Fatal(err)
			}
			got, err := answers(t, conn, []string{c.condition})
			if err != nil || len(got) != 1 || (got[0] == "1") != want {
				t.Errorf("%s on %s: %v, %v (%s)", c.condition, name, got, err, c.why)
			}
		}
	}
}
