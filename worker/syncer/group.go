package syncer

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/uuid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// grouper turns binlog events into transactions. It is pure: the same events
// give the same transactions, whatever connection they came over. It keeps the
// location of the last complete transaction, from which reading may begin anew.
//
// A GTID counts only when its transaction is complete: loc.GTID grows in end,
// never at the GTID event (peer-bugs 41).
type grouper struct {
	include func(schema, table string) bool
	flavor  string
	byGTID  bool
	cap     int64 // decoded bytes above which a transaction is cut

	loc  binlog.Location // the last boundary; what Position a restart begins at
	file string          // the file being read
	// head is its beginning, or that of the file read before; others read it.
	head atomic.Pointer[checkpoint.Head]
	cur  *open // the transaction being read, nil between transactions
	room open  // what cur points to
	slab rowSlab

	// last is the end of the last event of cur, over the file that has outgrown
	// what a position can name; see group_over.go.
	last uint32
	over string
	life uint32 // when the source was started, 0 before it is known
	// passes tells of a statement that it changes nothing of the task, and may be
	// part of a transaction, which need not be cut then; nil for what is never asked.
	passes func(*Statement) bool

	sent sent
}

// open is a transaction whose end has not been read.
type open struct {
	t          *Txn
	standalone bool   // a single statement without COMMIT follows
	begun      bool   // only XID, COMMIT or ROLLBACK ends it
	void       bool   // the statement that follows has not taken effect
	rows       int64  // of the task, with those that an earlier run or connection has handed on
	of         counts // rows, but those that were not handed on yet
	seen       int64  // rows that were read
	skipped    counts // of them, those that were handed on before
	parts      int
	statements int
	size       int64
	saves      []savepoint

	// Of an XA transaction: its name, its rows as the binlog has them, and what
	// the end does to it; see group_xa.go.
	xid    xid
	events []xaEvent
	verb   xaVerb
	never  bool // it has no end: the source died

	// held tells that the end was read and cannot be named. Then others may
	// follow, of which more are the GTIDs; the last one begins behind since rows
	// that were read and cuts pieces, and again of its rows were handed on before.
	held  bool
	more  []string
	since int64
	again int64
	cuts  int
}

func newGrouper(from binlog.Location, flavor string, byGTID bool, maxBytes int64, include func(schema, table string) bool) *grouper {
	g := &grouper{include: include, flavor: flavor, byGTID: byGTID, cap: maxBytes, loc: from, file: from.Position.Name}
	if from.Position.Pos == unnamed {
		g.over = g.file
	}
	return g
}

// reconnect prepares for events from loc on.
func (g *grouper) reconnect() {
	if c := g.cur; c != nil && c.parts > 0 {
		g.keepSent()
	}
	g.cur = nil
	g.file = g.loc.Position.Name
	if !g.byGTID {
		g.over = "" // reading begins before what made the file so large
	}
}

// event takes one event, whose content is one of go-mysql's or *rowevent.Rows,
// and hands on what it completes.
func (g *grouper) event(h *replication.EventHeader, content any, emit func(*Txn) error) error {
	if g.cur != nil {
		g.cur.t.Events++
		g.cur.t.Bytes += int64(h.EventSize)
		g.cur.t.Time = max(g.cur.t.Time, h.Timestamp)
		g.follow(h)
	}
	switch e := content.(type) {
	case *replication.RotateEvent:
		return g.rotate(h, e, emit)
	case *replication.PreviousGTIDsEvent:
		return g.previous(h, []string{e.GTIDSets}, emit)
	case *replication.MariadbGTIDListEvent:
		var list []string
		for i := range e.GTIDs {
			list = append(list, e.GTIDs[i].String())
		}
		return g.previous(h, list, emit)
	case *replication.GTIDEvent:
		gtid := ""
		if h.EventType != replication.ANONYMOUS_GTID_EVENT {
			gtid = mysqlGTID(e)
		}
		return g.begin(h, gtid, false)
	case *replication.GtidTaggedLogEvent:
		return g.begin(h, mysqlGTID(&e.GTIDEvent), false)
	case *replication.MariadbGTIDEvent:
		if err := g.begin(h, mariaGTID(&e.GTID), e.IsStandalone()); err != nil {
			return err
		}
		g.cur.begun = !e.IsStandalone()
		return nil
	case *voidGTID:
		return g.beginVoid(h, e)
	case *xaGTID:
		if err := g.begin(h, e.GTID.String(), false); err != nil {
			return err
		}
		return g.xaBegin(h, e.xid)
	case *replication.XIDEvent:
		return g.end(h, emit)
	case *replication.QueryEvent:
		return g.query(h, e, emit)
	case *rowevent.Rows:
		return g.rows(h, e, emit)
	}
	return g.other(h, content, emit)
}

func mysqlGTID(e *replication.GTIDEvent) string {
	id, err := uuid.FromBytes(e.SID)
	if err != nil {
		return "" // not 16 bytes: cannot be, the event is of fixed size
	}
	b := append(make([]byte, 0, 64), id.String()...)
	if tag := e.Tag.String(); tag != "" {
		b = append(append(b, ':'), tag...)
	}
	return string(strconv.AppendInt(append(b, ':'), e.GNO, 10))
}

func mariaGTID(g *mysql.MariadbGTID) string {
	b := strconv.AppendUint(make([]byte, 0, 40), uint64(g.DomainID), 10)
	b = strconv.AppendUint(append(b, '-'), uint64(g.ServerID), 10)
	return string(strconv.AppendUint(append(b, '-'), g.SequenceNumber, 10))
}

func artificial(h *replication.EventHeader) bool {
	return h.LogPos == 0 || h.Flags&replication.LOG_EVENT_ARTIFICIAL_F != 0
}

func (g *grouper) at(h *replication.EventHeader) binlog.Position {
	if g.outgrown() {
		return binlog.Position{Name: g.file, Pos: unnamed}
	}
	return binlog.Position{Name: g.file, Pos: h.LogPos}
}

// rotate follows the source into another file. One that the server made up for
// this connection only names the file.
func (g *grouper) rotate(h *replication.EventHeader, e *replication.RotateEvent, emit func(*Txn) error) error {
	next := binlog.Position{Name: string(e.NextLogName), Pos: uint32(e.Position)}
	only := artificial(h)
	if c := g.cur; c != nil && !c.held {
		// The source died inside a transaction and has rolled it back. It has not
		// written where the file ends either, then: the next one is only named. Reading
		// begins there from now on, so that nothing of that transaction is met again.
		switch {
		case len(c.more) > 0 && c.parts == c.cuts && c.again == 0:
			c.leave()
		case c.parts == 0:
			g.cur, only = nil, false
		case c.xid == "":
			return g.unfinished(c)
		default:
			c.neverWas()
		}
	}
	g.file = next.Name
	if g.cur != nil {
		return g.complete(next, emit)
	}
	if only {
		return nil
	}
	return g.move(next, h.Timestamp, emit)
}

func (g *grouper) unfinished(c *open) error {
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent,
		Msg: fmt.Sprintf("the transaction at %s has no end in the binlog, and %d of its rows were applied already",
			c.t.Begin, c.rows-int64(len(c.t.Rows))),
		Hint: "copy the data anew: stop-task, then start-task --remove-meta"}
}

// previous learns the GTID set at the head of a file, when reading by position
// began without one.
func (g *grouper) previous(h *replication.EventHeader, list []string, emit func(*Txn) error) error {
	if g.cur != nil || artificial(h) {
		return nil
	}
	if !g.byGTID {
		set, err := binlog.ParseGTIDSet(g.flavor, "")
		if err != nil {
			return err
		}
		for _, gtid := range list {
			if gtid == "" {
				continue
			}
			if set, err = set.Add(gtid); err != nil {
				return err
			}
		}
		g.loc.GTID = set
	}
	return g.boundary(h, emit)
}

// boundary moves the location on while no transaction is open.
func (g *grouper) boundary(h *replication.EventHeader, emit func(*Txn) error) error {
	if g.cur != nil || artificial(h) {
		return nil
	}
	return g.move(g.at(h), h.Timestamp, emit)
}

// move goes forward to p. It never goes back: with GTIDs a server begins to
// read before the place where we are, and skips.
func (g *grouper) move(p binlog.Position, when uint32, emit func(*Txn) error) error {
	if p.Compare(g.loc.Position) <= 0 {
		return nil
	}
	g.loc.Position = p
	return emit(&Txn{Begin: p, End: g.loc, Time: when, Last: true})
}

// idle tells that the next event of a transaction begins one.
func (g *grouper) idle() bool { return g.cur == nil || g.cur.held }

func (g *grouper) begin(h *replication.EventHeader, gtid string, standalone bool) error {
	g.last = h.LogPos
	if c := g.cur; c != nil {
		if c.held {
			return g.join(h, gtid, standalone)
		}
		if len(c.t.Rows) > 0 || c.parts > 0 {
			return g.unfinished(c)
		}
		g.cur = nil
	}
	g.cur = &g.room
	*g.cur = open{standalone: standalone}
	g.cur.t = &Txn{GTID: gtid, Begin: binlog.Position{Name: g.file, Pos: h.LogPos - h.EventSize}, Time: h.Timestamp,
		Events: 1, Bytes: int64(h.EventSize)}
	g.takeUp()
	return nil
}

// end completes the open transaction.
func (g *grouper) end(h *replication.EventHeader, emit func(*Txn) error) error {
	if g.cur == nil {
		return g.amid()
	}
	if g.outgrown() && !g.byGTID {
		return g.hold(emit)
	}
	return g.complete(g.at(h), emit)
}

// complete hands on the open transaction, or its last piece, which ends at at.
func (g *grouper) complete(at binlog.Position, emit func(*Txn) error) error {
	c := g.cur
	t := c.t
	t.size = c.size
	t.Rows = g.slab.took(t.Rows)
	g.loc.Position = at
	if !c.never {
		if err := g.count(t.GTID); err != nil {
			return err
		}
	}
	for _, gtid := range c.more {
		if err := g.count(gtid); err != nil {
			return err
		}
	}
	t.End, t.Last, t.Part = g.loc, true, 0
	if c.parts > 0 {
		t.Part, t.RowsBefore = c.parts+1, c.rows-int64(len(t.Rows))
	}
	if c.verb != 0 {
		c.seal(t, c.verb)
	}
	g.cur = nil
	g.sent = sent{}
	return emit(t)
}

// count adds a GTID to those that were read, if these are known.
func (g *grouper) count(gtid string) error {
	if gtid == "" || g.loc.GTID.Flavor() == "" {
		return nil
	}
	set, err := g.loc.GTID.Add(gtid)
	if err == nil {
		g.loc.GTID = set
	}
	return err
}

// cut hands on what there is of the open transaction, as a piece.
func (g *grouper) cut(emit func(*Txn) error) error {
	c := g.cur
	c.parts++
	piece := c.t
	piece.size = c.size
	piece.Rows = g.slab.took(piece.Rows)
	piece.Part, piece.RowsBefore = c.parts, c.rows-int64(len(piece.Rows))
	c.of.addRows(piece.Rows)
	piece.of = c.of.list()
	c.t = &Txn{GTID: piece.GTID, Begin: piece.Begin, Time: piece.Time}
	c.size = 0
	if c.xid != "" {
		c.seal(piece, xaPrepare)
	}
	return emit(piece)
}

// query deals with a query event: the frame of a transaction, or a statement.
func (g *grouper) query(h *replication.EventHeader, e *replication.QueryEvent, emit func(*Txn) error) error {
	text := strings.TrimSpace(string(e.Query))
	word, rest, _ := strings.Cut(strings.ToUpper(text[:min(len(text), 64)]), " ")
	switch word {
	case "BEGIN":
		if g.idle() {
			if err := g.begin(h, "", false); err != nil {
				return err
			}
		}
		g.cur.begun = true
		return nil
	case "COMMIT":
		return g.end(h, emit)
	case "ROLLBACK":
		return g.rollback(h, text, strings.TrimSpace(rest), emit)
	case "SAVEPOINT":
		g.cur.save(text)
		return nil
	case "RELEASE":
		return nil
	case "XA":
		return g.xaQuery(h, text, emit)
	}
	return g.statement(h, e, text, emit)
}

func (g *grouper) statement(h *replication.EventHeader, e *replication.QueryEvent, text string, emit func(*Txn) error) error {
	if g.idle() {
		if err := g.begin(h, "", true); err != nil {
			return err
		}
	}
	if len(g.cur.more) > 0 {
		return g.unnamed(h)
	}
	if g.cur.void {
		return g.end(h, emit)
	}
	st := &Statement{Schema: string(e.Schema), Text: text, session: g.session(h, e)}
	st.SQLMode, st.HasMode = sqlModeOf(e.StatusVars)
	st.Time, st.Pos, st.vars = h.Timestamp, g.at(h).Pos-h.EventSize, readDDLVars(e.StatusVars)
	c := g.cur
	passes := g.passes != nil && g.passes(st)
	switch {
	case !c.begun && !passes:
		c.t.DDL = st
		return g.end(h, emit)
	case !c.begun:
		return g.end(h, emit)
	case passes:
		c.statements++
		return nil
	}
	// A statement inside a transaction (CREATE TABLE ... SELECT): what came
	// before is a piece, the statement is one, and what follows is more.
	if len(c.t.Rows) > 0 {
		if err := g.cut(emit); err != nil {
			return err
		}
	}
	c.t.DDL, c.t.nth = st, c.statements
	c.statements++
	return g.cut(emit)
}

// rollback drops the open transaction. Its rows were never visible; those of
// tables without transactions are in transactions of their own.
func (g *grouper) rollback(h *replication.EventHeader, text, rest string, emit func(*Txn) error) error {
	c := g.cur
	if c == nil {
		return g.boundary(h, emit)
	}
	if strings.HasPrefix(rest, "TO") || strings.HasPrefix(rest, "WORK TO") {
		return c.back(text)
	}
	switch {
	case c.xid != "":
		return g.xaRolledBack(h, emit)
	case len(c.more) > 0 && c.seen > c.since:
		return g.unnamed(h)
	case len(c.more) > 0:
		return g.end(h, emit)
	case c.rows > int64(len(c.t.Rows)):
		return g.unfinished(c)
	}
	// What was handed on, if anything, are statements. They changed nothing (about
	// temporary tables, tables of others, or what an operator has passed), or cannot be
	// rolled back: the DROP that a MariaDB writes of a failed CREATE OR REPLACE ... SELECT.
	c.t.Rows, c.t.DDL, c.rows, c.seen = nil, nil, 0, 0
	return g.end(h, emit)
}

// sqlModeOf finds the sql_mode in a query event's status variables: after the
// flags (code 0, 4 bytes), code 1 with 8 bytes. The codes before it are fixed,
// so nothing else has to be known.
func sqlModeOf(vars []byte) (uint64, bool) {
	i := 0
	if len(vars) >= 5 && vars[0] == 0 {
		i = 5
	}
	if len(vars) < i+9 || vars[i] != 1 {
		return 0, false
	}
	m := uint64(0)
	for k := 7; k >= 0; k-- {
		m = m<<8 | uint64(vars[i+1+k])
	}
	return m, true
}
