package syncer

import (
	"strconv"
	"sync/atomic"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// Kind says what a row change does.
type Kind = rowevent.Kind

// The kinds of row changes.
const (
	Insert = rowevent.Insert
	Update = rowevent.Update
	Delete = rowevent.Delete
)

// Row is one changed row as the binlog tells it.
type Row struct {
	Table schema.Name
	Kind  Kind
	// Before is zero for an insert, After for a delete.
	Before, After rowevent.Image
	// Pos is the end of the row's event in the binlog file.
	Pos uint32
	// unchecked tells that the source did not check foreign keys when it changed the row.
	unchecked bool
	// keyEnd is behind the row's keys in those of its transaction, 0 before they
	// are known, and plan is its table on the target.
	keyEnd int32
	plan   *plan
}

// columns is how many columns the table had when the row was written.
func (r *Row) columns() int { return max(r.Before.Len(), r.After.Len()) }

// Statement is a query event that is not the frame of a transaction.
type Statement struct {
	// Schema is the session's default schema.
	Schema string
	Text   string
	// SQLMode is the session's sql_mode as the event's status variables tell
	// it, in the server's bits; HasMode is false when they do not.
	SQLMode uint64
	HasMode bool
	// Time is when the statement began, seconds; vars say more about its session.
	Time uint32
	// Pos is where its event begins in the file.
	Pos  uint32
	vars ddlVars
	session
	// refused is set when it is known already that the statement cannot be executed.
	refused error
}

// Txn is one source transaction, a piece of a very large one, or, with neither
// rows nor DDL, the news that the binlog has moved on.
//
// A transaction is whole when Part is 0. Pieces are numbered from 1 and come
// one after the other with nothing in between; only the last has Last set and
// an End. A transaction that holds a DDL comes as pieces too, unless the DDL is
// all there is in it.
type Txn struct {
	// GTID is the transaction's own, "" when the server writes none.
	GTID string
	// Begin is where its first event starts, End where the next transaction
	// may start; End.GTID holds this one already.
	Begin binlog.Position
	End   binlog.Location
	// Time is the header timestamp of the last event, seconds.
	Time uint32

	Rows []Row
	DDL  *Statement
	// nth counts the statements of the transaction before DDL; later tells that one
	// of them was something that operators were asked for.
	nth   int
	later bool
	// dumped tells that DDL has been executed where the dump was read.
	dumped bool
	// xa is set when it is a part of an XA transaction.
	xa *xaWork

	Part int
	Last bool
	// RowsBefore counts the rows of the pieces before this one.
	RowsBefore int64
	// of counts the rows up to the end of a piece by table. The last one has none.
	of []checkpoint.TableRows

	// left counts the rows that were left out of Rows: because the dump has brought
	// them, or by expression filters.
	left int64

	// Events and Bytes are what was read for it, for the metrics.
	Events int
	Bytes  int64

	// size is the memory that the rows take, about.
	size int64
	// seq is the place in the order of the source, which the window sets.
	seq uint64
	// applied is set when the transaction is on the target, and then awaited, if
	// anybody waits, is closed.
	applied atomic.Bool
	awaited atomic.Pointer[chan struct{}]
	// keys are what it must be kept in order with, lane is where it goes: see order.go.
	keys []uint64
	lane int
	// safe is set where the rows may be on the target already.
	safe bool
}

// apply says that the transaction is on the target. It is called once.
func (t *Txn) apply() {
	t.applied.Store(true)
	if c := t.awaited.Load(); c != nil {
		close(*c)
	}
}

// done is closed when the transaction is on the target. Few transactions are
// waited for, so the channel is made for the first who asks.
func (t *Txn) done() <-chan struct{} {
	c := make(chan struct{})
	if !t.awaited.CompareAndSwap(nil, &c) {
		c = *t.awaited.Load()
	}
	if t.applied.Load() {
		return alreadyDone // apply may have missed c
	}
	return c
}

var alreadyDone = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// ID names the transaction among all of its source: the GTID, which survives a
// switch of the upstream, else the place of its commit.
func (t *Txn) ID() string {
	if t.GTID != "" {
		return t.GTID
	}
	return positionID(t.End.Position)
}

// BeginID names the transaction before its end is known.
func (t *Txn) BeginID() string {
	if t.GTID != "" {
		return t.GTID
	}
	return "@" + positionID(t.Begin)
}

func positionID(p binlog.Position) string {
	return p.Name + ":" + strconv.FormatUint(uint64(p.Pos), 10)
}

// empty tells that nothing is to be done for t but to move on.
func (t *Txn) empty() bool { return len(t.Rows) == 0 && t.DDL == nil && t.xa == nil }

// rows is how many rows of the source are done with by t: applied, left out, or
// stored until their XA transaction ends.
func (t *Txn) rows() int64 {
	if t.xa != nil {
		return int64(len(t.Rows)) + t.left + t.xa.rows
	}
	return int64(len(t.Rows)) + t.left
}

// weight is how much work t is, in rows.
func (t *Txn) weight() int {
	if t.xa != nil {
		return int(t.rows()) + 1
	}
	return len(t.Rows)
}

// weight is how much work a group is.
func weight(group []*Txn) (n int) {
	for _, t := range group {
		n += t.weight()
	}
	return n
}

// file is where its rows are in the binlog.
func (t *Txn) file() string {
	if t.xa != nil {
		return t.xa.begin.Name
	}
	return t.Begin.Name
}
