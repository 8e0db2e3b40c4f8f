package syncer

import (
	"fmt"
	"math"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// A binlog file is as long as its last transaction makes it, and positions in
// event headers have 32 bits: behind 4 GiB they begin anew. Nobody can ask for a
// place there. Reading by GTID does not need to. Reading by position can only
// begin before the transaction that made the file so large, or in the next file,
// so that transaction ends where the next file begins, and what follows it in
// its file belongs to it. It is not much: a server begins the next file at once.

// unnamed stands for all positions of a file that have no number.
const unnamed = math.MaxUint32

// outgrown tells that positions in the present file cannot be named any more.
func (g *grouper) outgrown() bool { return g.over != "" && g.over == g.file }

// follow notices, inside a transaction, that the file has become too large.
func (g *grouper) follow(h *replication.EventHeader) {
	if artificial(h) || h.EventType == replication.HEARTBEAT_EVENT || h.EventType == replication.HEARTBEAT_LOG_EVENT_V2 {
		return
	}
	if h.LogPos < g.last {
		g.over = g.file
	}
	g.last = h.LogPos
}

// hold keeps the open transaction, of which the end was read, until there is a
// place to go on at. Its rows need not wait.
func (g *grouper) hold(emit func(*Txn) error) error {
	c := g.cur
	c.held = true
	if len(c.t.Rows) > 0 && c.xid == "" {
		return g.cut(emit)
	}
	return nil
}

// join makes a transaction that follows in the file a part of the one that is held.
func (g *grouper) join(h *replication.EventHeader, gtid string, standalone bool) error {
	c := g.cur
	if c.xid != "" {
		return g.unnamed(h)
	}
	c.held, c.begun, c.standalone = false, false, standalone
	c.again = 0
	c.more, c.since, c.cuts = append(c.more, gtid), c.seen, c.parts
	return nil
}

// leave drops the last transaction that has joined, and of which nothing was
// handed on: the source died inside it.
func (c *open) leave() {
	c.rows, c.seen = c.rows-(c.seen-c.since), c.since
	c.t.Rows, c.size = nil, 0
	c.more, c.held = c.more[:len(c.more)-1], true
}

// unnamed refuses what follows in such a file and cannot be a part of another
// transaction: statements, XA transactions, and what was rolled back.
func (g *grouper) unnamed(h *replication.EventHeader) error {
	return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeGetEvent,
		Msg: fmt.Sprintf("the transaction at %s makes its binlog file larger than 4 GiB, and behind it in the same file stands one"+
			" behind which no position can be named", g.cur.t.Begin),
		Hint: "set enable-gtid: true in the source; or copy the data anew (stop-task, start-task --remove-meta), and make such transactions smaller"}
}

// nameable refuses to begin by position at a place that has none.
func nameable(at binlog.Location, byGTID bool) error {
	if byGTID || at.Position.Pos != unnamed {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Side: fault.Upstream,
		Msg:  fmt.Sprintf("the source is to be read by position, but the task is behind 4 GiB of the binlog file %s, where positions have no number", at.Position.Name),
		Hint: "set enable-gtid: true in the source, at least until the task has reached the next file"}
}
