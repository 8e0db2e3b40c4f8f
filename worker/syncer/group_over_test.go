package syncer

import (
	"errors"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// jump makes the next event end so far behind the last one, over the border of
// 4 GiB if it comes there.
func (p *tape) jump(bytes uint32) { p.pos += bytes - 100 }

const most = 1 << 30 // bytes of an event

// huge puts a transaction of 5 GiB.
func (p *tape) huge(seq uint64) {
	p.t.Helper()
	p.maria(seq, 0)
	for i := range 5 {
		p.jump(most)
		p.rows("a", i)
	}
	p.xid()
}

func (p *tape) next(kind string) {
	p.t.Helper()
	e := &replication.RotateEvent{NextLogName: []byte(kind + ".000002"), Position: 4}
	p.put(replication.ROTATE_EVENT, e)
	p.pos = 0
	h := &replication.EventHeader{EventType: replication.ROTATE_EVENT, EventSize: 40, Flags: replication.LOG_EVENT_ARTIFICIAL_F}
	p.err = errors.Join(p.err, p.g.event(h, e, func(t *Txn) error { p.out = append(p.out, show(t)); return nil }))
	p.pos = 4
}

// TestGroupOverFourGiB: a transaction that makes its file so large ends where the
// next file begins.
func TestGroupOverFourGiB(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.maria(1, 0)
	p.rows("a", 9)
	p.xid()
	p.huge(2)
	if at := p.g.loc.Position; at.Name != "b.000001" || at.Pos != 304 {
		t.Errorf("reading would begin at %s", at)
	}
	p.next("b")
	p.maria(3, 0)
	p.rows("a", 8)
	p.xid()
	p.want(
		"4-304 0-1-1 of {0-1-1} insert [9]",
		"304-0 0-1-2 of {} part 1 after 0 rows insert [0] insert [1] insert [2] insert [3] insert [4] ...",
		"304-4 0-1-2 of {0-1-2} part 2 after 5 rows",
		"4-304 0-1-3 of {0-1-3} insert [8]",
	)
}

// TestGroupOverFourGiBAndDead: a source that dies behind such a transaction does
// not write where the next file begins; the server names it.
func TestGroupOverFourGiBAndDead(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.huge(1)
	p.put(replication.STOP_EVENT, nil)
	h := &replication.EventHeader{EventType: replication.ROTATE_EVENT}
	e := &replication.RotateEvent{NextLogName: []byte("b.000002"), Position: 4}
	p.err = errors.Join(p.err, p.g.event(h, e, func(t *Txn) error { p.out = append(p.out, show(t)); return nil }))
	p.want(
		"4-0 0-1-1 of {} part 1 after 0 rows insert [0] insert [1] insert [2] insert [3] insert [4] ...",
		"4-4 0-1-1 of {0-1-1} part 2 after 5 rows",
	)
}

// TestGroupOverFourGiBIsJoined: transactions that were committed in one group
// with it, or before the source could begin the next file, are a part of it. A
// break drops all that.
func TestGroupOverFourGiBIsJoined(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	write := func() {
		p.pos = 4
		p.huge(1)
		p.maria(2, 0)
		p.rows("a", 7)
		p.rows("other", 1)
		p.xid()
		p.maria(3, 0)
		p.rows("other", 1)
		p.query("ROLLBACK")
		p.maria(4, 0)
		p.rows("a", 8)
	}
	write()
	p.g.reconnect()
	write()
	p.xid()
	p.next("b")
	p.want(
		"4-0 0-1-1 of {} part 1 after 0 rows insert [0] insert [1] insert [2] insert [3] insert [4] ...",
		"4-0 0-1-1 of {} part 2 after 5 rows insert [7] ...",
		"4-0 0-1-1 of {} part 2 after 6 rows insert [8] ...",
		"4-4 0-1-1 of {0-1-4} part 3 after 7 rows",
	)
}

// TestGroupOverFourGiBRefuses: what cannot be joined stops with a way out.
func TestGroupOverFourGiBRefuses(t *testing.T) {
	for name, put := range map[string]func(p *tape){
		"statement": func(p *tape) {
			p.maria(2, replication.BINLOG_MARIADB_FL_STANDALONE)
			p.query("CREATE TABLE x (i int)")
		},
		"rolled back":     func(p *tape) { p.maria(2, 0); p.rows("a", 1); p.query("ROLLBACK") },
		"prepared":        func(p *tape) { p.mariaXA(2, xa1) },
		"committed later": func(p *tape) { p.maria(2, 1); p.query("XA COMMIT " + string(xa1)) },
	} {
		p := newTape(t, binlog.MariaDB, false, 1<<20)
		p.huge(1)
		put(p)
		var f *fault.Error
		if !errors.As(p.err, &f) || f.Kind != fault.Unsupported || f.Hint == "" {
			t.Errorf("%s: %v", name, p.err)
		}
	}
}

// TestGroupOverFourGiBByGTID: nothing has to wait, and no position is made up.
func TestGroupOverFourGiBByGTID(t *testing.T) {
	p := newTape(t, binlog.MariaDB, true, 1<<20)
	p.huge(1)
	p.g.reconnect()
	p.maria(2, 0)
	p.rows("a", 7)
	p.xid()
	if at := p.g.loc; at.Position.Pos != unnamed || nameable(at, true) != nil || nameable(at, false) == nil {
		t.Errorf("at %s", at)
	}
	if g := newGrouper(p.g.loc, binlog.MariaDB, true, 1<<20, nil); !g.outgrown() {
		t.Error("another run does not know")
	}
	p.next("b")
	if at := p.g.loc.Position; at.Pos != 4 {
		t.Errorf("at %s", at)
	}
	p.want(
		"4-4294967295 0-1-1 of {0-1-1} insert [0] insert [1] insert [2] insert [3] insert [4]",
		"1073742028-4294967295 0-1-2 of {0-1-2} insert [7]",
		"4-4",
	)
}

// TestGroupOverFourGiBPrepared: an XA transaction may be that large, too.
func TestGroupOverFourGiBPrepared(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.mariaXA(1, xa1)
	for i := range 5 {
		p.jump(most)
		p.rows("a", i)
	}
	p.query("XA END " + string(xa1))
	p.prepared(xa1, 0)
	p.next("b")
	p.want("4-4 0-1-1 of {0-1-1} prepare X'61',X'',1 insert [0] insert [1] insert [2] insert [3] insert [4]")
}
