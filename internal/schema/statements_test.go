package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatements(t *testing.T) {
	for _, c := range []struct {
		text, mode string
		want       []string
	}{
		{"", "", nil},
		{" ; ;; -- nothing\n ; /* x; */", "", nil},
		{"ALTER TABLE a ADD b INT", "", []string{"ALTER TABLE a ADD b INT"}},
		{"DROP TABLE a;DROP TABLE b;", "", []string{"DROP TABLE a", "DROP TABLE b"}},
		{"ALTER TABLE a COMMENT 'x;\\';y'; DROP TABLE `b;c`", "", []string{"ALTER TABLE a COMMENT 'x;\\';y'", "DROP TABLE `b;c`"}},
		{`ALTER TABLE "a;b" COMMENT 'x\'; DROP TABLE c`, "ANSI_QUOTES,NO_BACKSLASH_ESCAPES", []string{`ALTER TABLE "a;b" COMMENT 'x\'`, "DROP TABLE c"}},
		{"/* a; b */ DROP TABLE c # ;\n; DROP TABLE d -- ;", "", []string{"/* a; b */ DROP TABLE c # ;", "DROP TABLE d -- ;"}},
	} {
		got, err := Statements(c.text, c.mode)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", c.text, err, diff)
		}
	}
	if got, err := Statements("DROP TABLE `a; DROP TABLE b", ""); err == nil {
		t.Errorf("a name that is not closed: %q", got)
	}
}
