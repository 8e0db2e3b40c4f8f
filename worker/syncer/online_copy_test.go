package syncer

import (
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"
)

// TestCopiedColumns: a tool copies rows by the names of columns, a server changes
// columns. Where that is not the same the statements are refused, or the column
// is named.
func TestCopiedColumns(t *testing.T) {
	for text, want := range map[string]string{
		"ALTER TABLE a ADD x INT, DROP y":                                                                           "",
		"ALTER TABLE a DROP x, ADD X INT":                                                                           "refused",
		"ALTER TABLE a DROP x; ALTER TABLE a ADD x INT":                                                             "refused",
		"ALTER TABLE a ADD x INT; ALTER TABLE a DROP x":                                                             "",
		"ALTER TABLE a RENAME COLUMN x TO y, RENAME COLUMN y TO x":                                                  "refused",
		"ALTER TABLE a CHANGE x y INT, DROP y":                                                                      "refused",
		"ALTER TABLE a CHANGE x x BIGINT, MODIFY y INT":                                                             "",
		"ALTER TABLE a CHANGE x y INT":                                                                              "",
		"CREATE INDEX i ON a (x)":                                                                                   "",
		"ALTER TABLE a ADD x TIMESTAMP DEFAULT CURRENT_TIMESTAMP, ADD y INT DEFAULT 5":                              "x",
		"ALTER TABLE a ADD (n INT AUTO_INCREMENT UNIQUE, m VARCHAR(9) DEFAULT 'now()')":                             "n",
		"ALTER TABLE a ADD x DATETIME(6) NOT NULL DEFAULT NOW(6) ON UPDATE NOW(6), ADD z CHAR(36) DEFAULT (UUID())": "x z",
	} {
		nodes, _, err := parser.New().Parse(text, "", "")
		if err != nil {
			t.Fatal(text, err)
		}
		var c copied
		for _, n := range nodes {
			if err = c.statement(n); err != nil {
				break
			}
		}
		got := strings.Join(c.own, " ")
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %q (%v), want %q", text, got, err, want)
		}
	}
}
