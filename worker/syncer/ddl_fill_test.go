package syncer

import (
	"context"
	"strings"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestColumnThatServersFill: a new column that each server fills with values of its
// own pauses the task as long as the target has rows for it, and passes when somebody
// has added it with the source's values.
func TestColumnThatServersFill(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (k INT)", "CREATE TABLE "+s+".c (k INT)", "CREATE TABLE "+s+".u (k INT PRIMARY KEY)", "INSERT INTO "+s+".a VALUES (3), (1), (2)",
			"INSERT INTO "+s+".u VALUES (1), (2)", "INSERT INTO "+s+".c VALUES (7)", "CREATE TABLE "+s+".m (k INT)", "INSERT INTO "+s+".m VALUES (7)")
		r.caughtUp()
		r.end()
		for _, c := range []struct{ table, add, want, hand string }{
			{"a", "id INT AUTO_INCREMENT PRIMARY KEY", "`id`", "ADD id INT"},
			{"u", "u VARCHAR(36) DEFAULT (UUID())", "UUID()", "ADD u VARCHAR(36)"},
			{"u", "r DOUBLE DEFAULT RAND()", "RAND()", "ADD r DOUBLE"},
			{"c", "w VARCHAR(99) DEFAULT (CURRENT_USER())", "a new column", "ADD w VARCHAR(99)"}, // which the SQL parser cannot read
			{"m", "v VARCHAR(36) DEFAULT UUID(), ADD id SERIAL", "`v`", "ADD v VARCHAR(36), ADD id SERIAL"},
		} {
			if down.Name == "tidb" && c.table != "u" { // nor does it execute such
				continue
			}
			b.exec("ALTER TABLE " + s + "." + c.table + " ADD " + c.add)
			for range 2 { // whoever resumes it without having done anything is told again
				b.epoch++
				if f := b.start().ends(t); f.Side != fault.Downstream || !strings.Contains(f.Error(), c.want) || !strings.Contains(fault.HintOf(f), "by hand") {
					t.Errorf("%s: side %v: %v (%s)", c.add, f.Side, f, fault.HintOf(f))
				}
			}
			name := strings.Fields(c.add)[0]
			b.must(down.Exec(t.Context(), "ALTER TABLE "+s+"."+c.table+" "+c.hand))
			for _, set := range strings.Split(strings.TrimSuffix(strings.Join(b.text(up, "SELECT CONCAT(QUOTE(`"+name+"`), ' WHERE k = ', k) FROM "+s+"."+c.table), ""), "|"), "|") {
				b.must(down.Exec(t.Context(), "UPDATE "+s+"."+c.table+" SET "+name+" = "+set))
			}
			b.epoch++
			r := b.start()
			r.caughtUp()
			r.end()
			b.equal()
		}
	})
}

// TestNumbersOfRows: where both sides have the rows in one order a new AUTO_INCREMENT
// column gets the source's numbers, whatever the step of either.
func TestNumbersOfRows(t *testing.T) {
	testbed.SkipIfShort(t)
	up, down := servers.MariaDB(t), secondMariaDB(t)
	b := newBench(t, up, down, true)
	s := b.schema()
	b.must(down.Exec(t.Context(), "SET GLOBAL auto_increment_increment = 3"))
	t.Cleanup(func() { _ = down.Exec(context.Background(), "SET GLOBAL auto_increment_increment = 1") })
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (k VARCHAR(9) PRIMARY KEY)", "INSERT INTO "+s+".a VALUES ('c'), ('a'), ('b')",
		"CREATE TABLE "+s+".b (x INT, k INT NOT NULL UNIQUE)", "INSERT INTO "+s+".b VALUES (1, 3), (2, 1), (3, 2)", "CREATE TABLE "+s+".c (k INT)", "INSERT INTO "+s+".c VALUES (1)",
		"CREATE TABLE "+s+".d (k INT)", "ALTER TABLE "+s+".a ADD n INT AUTO_INCREMENT UNIQUE", "ALTER TABLE "+s+".c ADD n SERIAL", "ALTER TABLE "+s+".d ADD n SERIAL, ADD u UUID DEFAULT UUID()",
		"ALTER TABLE "+s+".a ADD d VARCHAR(20) DEFAULT 'by user (x@y)', ADD e DATETIME(6) DEFAULT NOW(6)")
	b.session("SET auto_increment_increment = 10, auto_increment_offset = 5", "ALTER TABLE b ADD n BIGINT AUTO_INCREMENT, ADD UNIQUE (n)")
	r.caughtUp()
	r.end()
	b.equal()
}

// TestOwnDefaults: which defaults have another value on each server.
func TestOwnDefaults(t *testing.T) {
	for def, want := range map[string]string{
		"1": "", "'user()'": "", "'a@b'": "", "NULL": "", "CURRENT_TIMESTAMP": "", "(NOW())": "", "(UPPER('uuid()'))": "",
		"(UUID())": "UUID()", "(CONCAT('a', LEFT(uuid(), 3)))": "UUID()", "(RAND())": "RAND()",
		"NEXTVAL(s)": "NEXTVAL()", "(CONNECTION_ID())": "CONNECTION_ID()",
	} {
		n, err := parser.New().ParseOneStmt("ALTER TABLE t ADD c VARCHAR(99) DEFAULT "+def, "", "")
		if err != nil {
			t.Errorf("%s: %v", def, err)
			continue
		}
		if got := ownDefault(n.(*ast.AlterTableStmt).Specs[0].NewColumns[0]); got != want {
			t.Errorf("%s: %q", def, got)
		}
	}
	for text, want := range map[string]bool{
		"ALTER TABLE t ADD u UUID": false, "ALTER TABLE t ADD u UUID DEFAULT 'user()'": false, "ALTER TABLE t ADD u UUID, ADD KEY user (a)": false,
		"ALTER TABLE t ADD u UUID DEFAULT UUID()": true, "ALTER TABLE t ADD u INT DEFAULT (k * 2)": false,
		"ALTER TABLE t ADD u INT DEFAULT (k * RAND())": true, "ALTER TABLE t ADD u TEXT DEFAULT (CURRENT_USER)": true, "ALTER TABLE t ADD u INT DEFAULT (@@auto_increment_offset)": true, "ALTER TABLE t ADD u INT DEFAULT NEXT VALUE FOR s": true, "ALTER TABLE t ADD `default` INT, ADD KEY user (a)": false,
	} {
		if got := ownValue.MatchString(quotedText.ReplaceAllString(text, "''")); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
