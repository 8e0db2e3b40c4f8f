package syncer

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// xaMarked is an XA transaction of the fixed workload.
type xaMarked struct {
	xid            string
	prepared, ends marked
}

// never is where what was rolled back would be applied.
func never() binlog.Position { return binlog.Position{Name: "z.999999999", Pos: 4} }

// xa prepares a transaction that begins with its mark; the answer ends it.
func (o *ordinals) xa(statements ...string) func(verb string) {
	o.t.Helper()
	ctx := o.t.Context()
	conn, err := o.up.Session(ctx)
	o.must(err)
	k := len(o.marks)
	o.marks = append(o.marks, marked{id: fmt.Sprintf("never %d", k), end: never()})
	name := fmt.Sprintf("'%s_%d'", o.sub.Task, k)
	all := append([]string{"USE " + o.schema(), "XA START " + name, fmt.Sprintf("INSERT INTO marks VALUES (%d)", k)}, statements...)
	var m marked
	execute := func(list ...string) marked {
		for _, q := range list {
			_, err := conn.ExecContext(ctx, q)
			o.must(err)
		}
		o.must(conn.QueryRowContext(ctx, "SELECT @@last_gtid").Scan(&m.id))
		m.end = o.master().Position
		return m
	}
	x := xaMarked{xid: fmt.Sprintf("X'%x',X'',1", name[1:len(name)-1])}
	x.prepared = execute(append(all, "XA END "+name, "XA PREPARE "+name)...)
	return func(verb string) {
		o.t.Helper()
		defer conn.Close()
		x.ends = execute("XA " + verb + " " + name)
		if verb == "COMMIT" {
			o.marks[k] = x.ends
		}
		o.xas = append(o.xas, x)
	}
}

// TestEveryOrdinalFailsXA is TestEveryOrdinalFails with XA transactions: large
// ones, keyless rows, some that wait for long and some that are rolled back. All
// the time what is stored is what the lane rows say.
func TestEveryOrdinalFailsXA(t *testing.T) {
	testbed.SkipIfShort(t)
	newOrdinalsXA(t, secondMariaDB(t)).sample(t, 25*time.Second)
}

// TestEveryOrdinalFailsXAIntoTiDB is the same into a TiDB.
func TestEveryOrdinalFailsXAIntoTiDB(t *testing.T) {
	testbed.SkipIfShort(t)
	newOrdinalsXA(t, servers.TiDB(t)).sample(t, 5*time.Second)
}

func newOrdinalsXA(t *testing.T, down *testbed.Server) *ordinals {
	o := openOrdinals(t, down)
	o.big = func(_ int, rows int64) int64 { return rows - 1 }
	o.write("INSERT INTO a VALUES (1, 'one', 1), (2, 'two', 2), (3, NULL, NULL)")
	o.xa("UPDATE a SET v = 'ONE', u = 10 WHERE id = 1", "INSERT INTO nokey VALUES (1, 'a'), (1, 'a'), (2, NULL)")("COMMIT")
	long := o.xa("DELETE FROM a WHERE id = 2", "INSERT INTO nokey VALUES (1, 'a')")
	for i := range 3 {
		o.write(fmt.Sprintf("INSERT INTO a VALUES (%d, 'x', %d)", 100+i, 100+i))
		o.xa(fmt.Sprintf("INSERT INTO a VALUES (%d, 'x', %d)", 200+i, 200+i))("COMMIT")
	}
	o.exec("CREATE TABLE " + o.schema() + ".c (id INT PRIMARY KEY)")
	large := o.xa("INSERT INTO big SELECT seq % 7, REPEAT('y', 30) FROM seq_1_to_400")
	o.write("INSERT INTO a VALUES (5, 'x', 5)")
	long("COMMIT")
	o.write("UPDATE nokey SET x = x + 1 LIMIT 2", "INSERT INTO a VALUES (2, 'again', 2)")
	large("COMMIT")
	o.xa("DELETE FROM big LIMIT 300")("ROLLBACK")
	o.xa("DELETE FROM nokey LIMIT 1", "UPDATE a SET id = id + 1000 ORDER BY id DESC")("COMMIT")
	return o
}

// storedXA lists what is stored of XA transactions.
func (o *ordinals) storedXA(ctx context.Context, conn *sql.Conn) (map[string]bool, error) {
	rows, err := conn.QueryContext(ctx, "SELECT DISTINCT xid FROM dm_meta."+o.sub.Task+"_raftdm_xa WHERE source = ?", o.sub.SourceID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]bool{}
	for rows.Next() {
		var x string
		if err := rows.Scan(&x); err != nil {
			return nil, err
		}
		out[x] = true
	}
	return out, rows.Err()
}

// compareXA compares what is stored with what the lane rows say.
func (o *ordinals) compareXA(s *state, at *checkpoint.Lane) {
	for _, x := range o.xas {
		want := x.prepared.applied(at) && !x.ends.applied(at) || at.Partial.Txn == x.prepared.id
		if want != s.xas[x.xid] {
			o.t.Errorf("%s (%s to %s) is stored: %v; recorded: %v (watermark %s, in pieces %+v)", x.xid, x.prepared.end, x.ends.end,
				s.xas[x.xid], want, at.Watermark, at.Partial)
		}
	}
}
