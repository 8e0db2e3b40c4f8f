package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestConversionUnlikeTheSources: an ALTER TABLE that the target would convert to
// other values than the source pauses the task as long as there are such values, and
// says which. Where there are none, and on a server of the source's kind, it passes.
func TestConversionUnlikeTheSources(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		a := b.schema() + ".a"
		r := b.start()
		b.exec("CREATE DATABASE "+b.schema(), "CREATE TABLE "+a+" (id INT PRIMARY KEY, whole DATETIME(3), d DATETIME(3), e DATETIME(6) NOT NULL, t TIME(2), n INT, s VARCHAR(40), b BIT(9))",
			"INSERT INTO "+a+" VALUES (1, '2020-02-02 02:02:02', '2020-02-02 02:02:02.678', '2020-12-31 23:59:59.999999', '10:20:30.5', 2, '2020-02-02 02:02:02', b'110001'),"+
				" (2, NULL, NULL, '2020-12-31 23:59:59', NULL, NULL, NULL, NULL)",
			"ALTER TABLE "+a+" MODIFY whole DATETIME NULL", "ALTER TABLE "+a+" MODIFY s DATETIME", "ALTER TABLE "+a+" MODIFY t TIME(4), CHANGE n n2 BIGINT")
		r.caughtUp()
		r.end()
		b.equal()
		for _, c := range []struct{ clause, column, where, hand string }{
			{"MODIFY d DATETIME", "`d` datetime(3)", "MICROSECOND(`d`) % 1000000 <> 0", "UPDATE " + a + " SET d = '2020-02-02 02:02:02' WHERE id = 1"},
			{"CHANGE e e2 DATETIME(3) NOT NULL", "`e` datetime(6)", "MICROSECOND(`e`) % 1000 <> 0", "UPDATE " + a + " SET e = '2020-12-31 23:59:59.999' WHERE id = 1"},
			{"MODIFY COLUMN t INT", "`t` time(4)", "MICROSECOND(`t`)", "ALTER TABLE " + a + " MODIFY t INT; UPDATE " + a + " SET t = 102030 WHERE id = 1"},
			{"MODIFY COLUMN b BLOB, ADD f INT", "`b` bit(9)", "`b` IS NOT NULL", "ALTER TABLE " + a + " MODIFY b BLOB; UPDATE " + a + " SET b = x'0031' WHERE id = 1"},
		} {
			b.exec("ALTER TABLE " + a + " " + c.clause)
			for range 2 { // whoever resumes it without having done anything is told again
				b.epoch++
				r := b.start()
				if down.Name == "mariadb" {
					r.caughtUp()
					r.end()
					continue
				}
				f := r.ends(t)
				if hint := fault.HintOf(f); f.Side != fault.Downstream || !strings.Contains(f.Error(), c.column) || !strings.Contains(hint, "SELECT * FROM "+"`"+b.schema()+"`.`a` WHERE "+c.where) {
					t.Errorf("%s: %v\nhint: %s", c.clause, f, hint)
				}
			}
			if down.Name != "mariadb" {
				b.must(down.Exec(t.Context(), strings.Split(c.hand, "; ")...))
			}
			b.epoch++
			r := b.start()
			r.caughtUp()
			r.end()
			b.equal()
		}
	})
}
