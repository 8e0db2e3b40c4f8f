package syncer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// showXA tells what is to be done, and the rows that are stored, as they come
// back from where they are stored.
func showXA(w *xaWork) string {
	out := [...]string{"", " prepare ", " commit ", " rollback "}[w.verb] + string(w.xid)
	events, err := xaStored(w.store())
	if err != nil {
		return out + " " + err.Error()
	}
	rows, err := xaRows(events)
	if err != nil {
		return out + " " + err.Error()
	}
	for _, r := range rows {
		out += fmt.Sprintf(" %s %v", r.Kind, append(valuesOf(r.Before), valuesOf(r.After)...))
	}
	if int64(len(rows)) != w.rows {
		out += fmt.Sprintf(" and not %d", w.rows)
	}
	return out
}

const xa1, xa2 = xid("X'61',X'',1"), xid("X'00ff',X'62',7")

// mariaXA puts the GTID event of a prepared XA transaction.
func (p *tape) mariaXA(seq uint64, x xid) {
	p.t.Helper()
	p.put(replication.MARIADB_GTID_EVENT, &xaGTID{&replication.MariadbGTIDEvent{
		GTID: gomysql.MariadbGTID{ServerID: 1, SequenceNumber: seq}, Flags: preparedXA}, x})
}

// prepared puts the event that ends one, for xa1 and xa2.
func (p *tape) prepared(x xid, onePhase byte) {
	p.t.Helper()
	gtrid, bqual, format := "a", "", uint32(1)
	if x == xa2 {
		gtrid, bqual, format = "\x00\xff", "b", 7
	}
	b := binary.LittleEndian.AppendUint32([]byte{onePhase}, format)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(gtrid)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(bqual)))
	p.put(replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{Data: append(b, gtrid+bqual...)})
}

// TestGroupXAMariaDB is what MariaDB 10.11 writes.
func TestGroupXAMariaDB(t *testing.T) {
	p := newTape(t, binlog.MariaDB, false, 1<<20)
	p.mariaXA(1, xa2)
	p.rows("a", 1, 2)
	p.rows("other", 3)
	p.query("XA END " + string(xa2))
	p.prepared(xa2, 0)
	p.maria(2, 0)
	p.rows("a", 4)
	p.xid()
	p.maria(3, replication.BINLOG_MARIADB_FL_STANDALONE|128)
	p.query("XA COMMIT " + string(xa2))
	p.mariaXA(4, xa1) // one that has changed only tables without transactions
	p.query("XA END " + string(xa1))
	p.prepared(xa1, 0)
	p.maria(5, replication.BINLOG_MARIADB_FL_STANDALONE|128)
	p.query("XA ROLLBACK " + string(xa1))
	p.want(
		"4-504 0-1-1 of {0-1-1} prepare X'00ff',X'62',7 insert [1] insert [2]",
		"504-804 0-1-2 of {0-1-2} insert [4]",
		"804-1004 0-1-3 of {0-1-3} commit X'00ff',X'62',7",
		"1004-1304 0-1-4 of {0-1-4} prepare X'61',X'',1",
		"1304-1504 0-1-5 of {0-1-5} rollback X'61',X'',1",
	)
}

// TestGroupXAMySQL is what MySQL writes: there one that is committed in one phase
// is known by its end.
func TestGroupXAMySQL(t *testing.T) {
	p := newTape(t, binlog.MySQL, false, 1<<20)
	anonymous := func() {
		p.put(replication.ANONYMOUS_GTID_EVENT, &replication.GTIDEvent{SID: make([]byte, 16)})
	}
	for i, x := range []xid{xa1, xa2} {
		anonymous()
		p.query("XA START " + string(x))
		p.rows("a", i)
		p.query("XA END " + string(x))
		p.prepared(x, byte(i))
	}
	anonymous()
	p.query("XA COMMIT " + string(xa1))
	p.query("XA ROLLBACK X'0A',X'',4294967295") // without any event before it
	p.want(
		"4-504 prepare X'61',X'',1 insert [0]",
		"504-1004 insert [1]",
		"1004-1204 commit X'61',X'',1",
		"1204-1304 rollback X'0a',X'',4294967295",
	)
}

// TestGroupXACuts: pieces are stored, also when it shows at the end only that
// there is nothing to wait for. After a break none comes twice, wherever the
// borders of events are then.
func TestGroupXACuts(t *testing.T) {
	for onePhase := range byte(2) {
		p := newTape(t, binlog.MySQL, false, 1000)
		begin := func() {
			p.pos = 4
			p.query("XA START " + string(xa1))
		}
		begin()
		p.rows("a", 1, 2, 3)
		p.rows("a", 4)
		p.g.reconnect()
		begin()
		p.rows("a", 1)
		p.rows("a", 2, 3, 4, 5)
		p.rows("a", 6, 7, 8)
		p.rows("a", 9)
		p.prepared(xa1, onePhase)
		want := []string{
			"4-0 part 1 after 0 rows prepare X'61',X'',1 insert [1] insert [2] insert [3] ...",
			"4-0 part 2 after 3 rows prepare X'61',X'',1 insert [4] insert [5] insert [6] insert [7] insert [8] ...",
			"4-604 part 3 after 8 rows prepare X'61',X'',1 insert [9]",
		}
		if onePhase == 1 {
			want[2] = "4-0 part 3 after 8 rows prepare X'61',X'',1 insert [9] ..."
			want = append(want, "4-604 part 4 after 9 rows commit X'61',X'',1")
		}
		p.want(want...)
	}
}

// TestGroupXANeverWas: the source has died before one was prepared of which
// pieces are stored. They are removed.
func TestGroupXANeverWas(t *testing.T) {
	p := newTape(t, binlog.MariaDB, true, 1000)
	p.mariaXA(1, xa1)
	p.rows("a", 1, 2, 3)
	p.rows("a", 4)
	p.put(replication.ROTATE_EVENT, &replication.RotateEvent{NextLogName: []byte("b.000002"), Position: 4})
	p.pos = 4
	p.maria(1, 0)
	p.rows("a", 9)
	p.xid()
	p.want(
		"4-0 0-1-1 of {} part 1 after 0 rows prepare X'61',X'',1 insert [1] insert [2] insert [3] ...",
		"4-4 0-1-1 of {} part 2 after 4 rows rollback X'61',X'',1",
		"4-304 0-1-1 of {0-1-1} insert [9]",
	)
}

// TestGroupXARefuses: what does not fit together is not guessed.
func TestGroupXARefuses(t *testing.T) {
	for name, put := range map[string]func(p *tape){
		"another name": func(p *tape) { p.query("XA START " + string(xa1)); p.prepared(xa2, 0) },
		"no begin":     func(p *tape) { p.prepared(xa1, 0) },
		"rows of nobody": func(p *tape) {
			p.query("BEGIN")
			p.rows("a", 1)
			p.query("XA COMMIT " + string(xa1))
		},
		"other words":    func(p *tape) { p.query("XA COMMIT 'a'") },
		"another ending": func(p *tape) { p.query("XA RECOVER " + string(xa1)) },
		"nothing":        func(p *tape) { p.query("XA") },
		"damaged": func(p *tape) {
			p.put(replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{Data: make([]byte, 12)})
		},
	} {
		p := newTape(t, binlog.MySQL, false, 1<<20)
		put(p)
		var f *fault.Error
		if !errors.As(p.err, &f) || f.Hint == "" || len(p.out) > 0 {
			t.Errorf("%s: %v, %v", name, p.err, p.out)
		}
	}
}

// TestXIDs: a name in a statement, in MariaDB's GTID event and in the event that
// ends a transaction is the same text.
func TestXIDs(t *testing.T) {
	long := strings.Repeat("f0", 64)
	for text, want := range map[string]xid{
		"X'61',X'',1":                         xa1,
		"x'00FF', X'62', 7":                   xa2,
		"X'" + long + "',X'" + long + "',9":   xid("X'" + long + "',X'" + long + "',9"),
		"X'61',X'',4294967296":                "",
		"X'61'":                               "",
		"'a','',1":                            "",
		"X'61',X'',1 ONE":                     "",
		"X'6g',X'',1":                         "",
		"X'',X'',0":                           "X'',X'',0",
		"X'\u017f1',X'',1 -- \xff not a name": "",
	} {
		if got, ok := parseXID(text); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
	// As a MariaDB 10.11 has written them, without and with the number of a group.
	raw := []byte("\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x4c\x07\x00\x00\x00\x02\x01\x00\xff\x62\x01\xff")
	e := &replication.MariadbGTIDEvent{}
	if err := e.Decode(raw); err != nil {
		t.Fatal(err)
	}
	if x, err := newXAGTID(e, raw); err != nil || x.xid != xa2 {
		t.Errorf("%v, %v", x, err)
	}
	grouped := append(append([]byte{}, raw[:12]...), append([]byte{0x4e, 1, 2, 3, 4, 5, 6, 7, 8}, raw[13:]...)...)
	if err := e.Decode(grouped); err != nil {
		t.Fatal(err)
	}
	if x, err := newXAGTID(e, grouped); err != nil || x.xid != xa2 {
		t.Errorf("%v, %v", x, err)
	}
	if _, err := newXAGTID(e, raw); err == nil {
		t.Error("an event that is too short is read")
	}
	if xa1.key() == xa2.key() {
		t.Error("one key for two")
	}
}
