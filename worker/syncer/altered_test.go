package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestARowIsNotAlteredOnItsWay: a row with the error value of an ENUM goes
// through a session that is not strict. That session must not cut what does not
// fit: the task stops and names the row, and goes on once the target fits.
func TestARowIsNotAlteredOnItsWay(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, false)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, e ENUM('x','y'), v VARCHAR(20))",
			"INSERT IGNORE INTO "+s+".a VALUES (1, 'nothing', 'abc')")
		r.caughtUp()
		b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a MODIFY v VARCHAR(3)"))
		b.exec("INSERT IGNORE INTO " + s + ".a VALUES (2, 'nothing', 'abcdef')")
		f := r.ends(t)
		if text := f.Error(); f.Kind != fault.Data || f.Side != fault.Downstream || !strings.Contains(text, "altered") || !strings.Contains(text, "2") {
			t.Errorf("%v", f)
		}
		b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a MODIFY v VARCHAR(20)"))
		b.epoch++
		r = b.start()
		r.caughtUp()
		r.end()
		b.equal()
	})
}
