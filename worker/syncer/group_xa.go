package syncer

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// An XA transaction is in the binlog twice. What it changed comes when it is
// prepared, and ends with an XA_PREPARE event; MySQL begins it with XA START,
// MariaDB with a GTID event that says so and has its name. What became of it is a
// transaction of its own, maybe in another file: the statement XA COMMIT or XA
// ROLLBACK. COMMIT ONE PHASE is an ordinary transaction, which in MySQL shows at
// its end only: an XA_PREPARE event with a mark.

// preparedXA is the flag of MariaDB's GTID event that begins a prepared XA
// transaction; go-mysql does not know it. Behind what other events have stand
// the format of the name, the lengths of its two parts, and those.
const preparedXA = 64

// xaGTID is such an event.
type xaGTID struct {
	*replication.MariadbGTIDEvent
	xid xid
}

// newXAGTID reads the name in the event's body.
func newXAGTID(e *replication.MariadbGTIDEvent, body []byte) (*xaGTID, error) {
	at := 8 + 4 + 1 // number, domain, flags
	if e.Flags&replication.BINLOG_MARIADB_FL_GROUP_COMMIT_ID != 0 {
		at += 8
	}
	if len(body) >= at+6 {
		gtrid, bqual := int(body[at+4]), int(body[at+5])
		if data := body[at+6:]; len(data) >= gtrid+bqual {
			return &xaGTID{e, newXID(binary.LittleEndian.Uint32(body[at:]), data[:gtrid], data[gtrid:gtrid+bqual])}, nil
		}
	}
	return nil, &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Code: codeGetEvent, Msg: "a GTID event of an XA transaction ends too early"}
}

// xaBegin makes the open transaction an XA transaction.
func (g *grouper) xaBegin(h *replication.EventHeader, x xid) error {
	if len(g.cur.more) > 0 {
		return g.unnamed(h)
	}
	g.cur.xid, g.cur.begun = x, true
	return nil
}

// xaEvent keeps a rows event as it is.
func (c *open) xaEvent(h *replication.EventHeader, e *rowevent.Rows, skip int) {
	c.events = append(c.events, xaEvent{table: e.Table, typ: e.Type, body: e.Body, pos: h.LogPos, skip: skip})
	c.size += xaEventOverhead + int64(len(e.Body))
}

// seal makes of t, which has the rows that were read, what is to be done to the
// XA transaction.
func (c *open) seal(t *Txn, verb xaVerb) {
	w := &xaWork{verb: verb, xid: c.xid, begin: t.Begin}
	if verb == xaPrepare {
		w.events, w.rows = c.events, int64(len(t.Rows))
	}
	t.xa, t.size, t.Rows, c.events = w, w.size(), nil, nil
}

// xaPrepared ends a transaction that is prepared, or committed in one phase: a
// mark that says so, the format of its name, the lengths of the two parts, and those.
func (g *grouper) xaPrepared(h *replication.EventHeader, content any, emit func(*Txn) error) error {
	e, ok := content.(*replication.GenericEvent)
	if !ok || len(e.Data) < 13 {
		return g.xaUnread(h, "an XA_PREPARE event")
	}
	gtrid, bqual := binary.LittleEndian.Uint32(e.Data[5:]), binary.LittleEndian.Uint32(e.Data[9:])
	data := e.Data[13:]
	if gtrid > 64 || bqual > 64 || len(data) < int(gtrid+bqual) {
		return g.xaUnread(h, "an XA_PREPARE event")
	}
	x := newXID(binary.LittleEndian.Uint32(e.Data[1:]), data[:gtrid], data[gtrid:gtrid+bqual])
	c := g.cur
	if g.idle() || c.xid != x && (c.xid != "" || c.seen > 0) {
		return g.xaUnread(h, "the end of "+string(x))
	}
	if e.Data[0] != 0 {
		return g.xaOnePhase(h, emit)
	}
	c.xid, c.verb = x, xaPrepare
	return g.end(h, emit)
}

// xaOnePhase ends an XA transaction that is committed without having been
// prepared. When pieces of it were handed on, to be stored, what is left is
// stored, too, and then all of it is committed.
func (g *grouper) xaOnePhase(h *replication.EventHeader, emit func(*Txn) error) error {
	c := g.cur
	if c.parts == 0 {
		c.xid, c.events = "", nil
		return g.end(h, emit)
	}
	if len(c.events) > 0 {
		if err := g.cut(emit); err != nil {
			return err
		}
	}
	c.verb = xaCommit
	return g.end(h, emit)
}

// xaRolledBack ends an XA transaction that was rolled back before it was
// prepared; pieces of it may have been stored.
func (g *grouper) xaRolledBack(h *replication.EventHeader, emit func(*Txn) error) error {
	c := g.cur
	c.t.Rows, c.t.DDL, c.events, c.verb = nil, nil, nil, xaRollback
	return g.end(h, emit)
}

// neverWas is for an XA transaction that has no end in the binlog, since the
// source died. Of its pieces that are stored none shall stay.
func (c *open) neverWas() {
	c.t.Rows, c.t.DDL, c.events, c.verb, c.never = nil, nil, nil, xaRollback, true
}

// xaQuery deals with a statement that begins with XA.
func (g *grouper) xaQuery(h *replication.EventHeader, text string, emit func(*Txn) error) error {
	if g.idle() {
		if err := g.begin(h, "", true); err != nil {
			return err
		}
	}
	words := strings.Fields(text)
	if len(words) < 3 {
		return g.xaUnread(h, text)
	}
	name, onePhase := strings.CutSuffix(strings.Join(words[2:], " "), " ONE PHASE")
	x, ok := parseXID(name)
	if !ok {
		return g.xaUnread(h, text)
	}
	c := g.cur
	verb := xaRollback
	switch strings.ToUpper(words[1]) {
	case "START", "BEGIN":
		return g.xaBegin(h, x)
	case "END":
		return nil
	case "COMMIT":
		verb = xaCommit
	case "ROLLBACK":
	default:
		return g.xaUnread(h, text)
	}
	switch {
	case len(c.more) > 0:
		return g.unnamed(h)
	case c.xid != "" && c.xid != x, c.xid == "" && (c.seen > 0 || onePhase):
		return g.xaUnread(h, text)
	case c.xid == x && verb == xaCommit:
		return g.xaOnePhase(h, emit)
	case c.xid == x:
		return g.xaRolledBack(h, emit)
	}
	c.xid, c.verb = x, verb
	return g.end(h, emit)
}

func (g *grouper) xaUnread(h *replication.EventHeader, what string) error {
	return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeGetEvent,
		Msg:  fmt.Sprintf("%s at %s cannot be understood where it stands", excerpt(what), g.at(h)),
		Hint: "copy the data anew: stop-task, then start-task --remove-meta"}
}
