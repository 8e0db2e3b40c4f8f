package precheck

import (
	"context"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
)

// TestForeignKeysThatChangeRows: what InnoDB changes by a foreign key is not in
// the binlog, and so the check has to say it (peer-bugs 16).
func TestForeignKeysThatChangeRows(t *testing.T) {
	s := servers.MariaDB(t)
	table := func(name, rule string) string {
		return "CREATE TABLE family." + name + " (id INT PRIMARY KEY, p INT, CONSTRAINT `fk " + name + "` FOREIGN KEY (p) REFERENCES family.p (id) " + rule + ")"
	}
	prepare(t, s, "CREATE DATABASE family", "CREATE TABLE family.p (id INT PRIMARY KEY, note VARCHAR(99) COMMENT ' ON DELETE CASCADE')",
		table("plain", ""), table("stays", "ON DELETE RESTRICT ON UPDATE NO ACTION"), table("goes", "ON DELETE CASCADE"),
		table("moves", "ON UPDATE CASCADE"), table("forgets", "ON DELETE SET NULL ON UPDATE RESTRICT"))
	reader := user(t, s, "familyreader", "SELECT ON family.*", "RELOAD, REPLICATION SLAVE, REPLICATION CLIENT ON *.*")
	for mode, want := range map[string][]string{"all": {"forgets", "goes", "moves"}, "full": nil} {
		r, err := Check(context.Background(), []config.Subtask{subtask(t, reader, s.Config(), mode, "do-dbs: [family]")}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := findings(r)
		if len(got) != len(want) {
			t.Fatalf("%s: %q", mode, got)
		}
		for i, name := range want {
			if !strings.HasPrefix(got[i], "warn ") || !strings.Contains(got[i], "table `family`.`"+name+"` foreign key `fk "+name+"`") {
				t.Errorf("%s: %q, want a warning about %s", mode, got[i], name)
			}
		}
	}
}
