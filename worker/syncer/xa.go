package syncer

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// xid is the name of an XA transaction, written as servers do in their binlogs:
// X'gtrid',X'bqual',format.
type xid string

func newXID(format uint32, gtrid, bqual []byte) xid {
	return xid(fmt.Sprintf("X'%x',X'%x',%d", gtrid, bqual, format))
}

var xidForm = regexp.MustCompile(`^X'([0-9a-f]*)', ?X'([0-9a-f]*)', ?(\d+)$`)

// parseXID reads a name as it stands in a statement of the binlog.
func parseXID(text string) (xid, bool) {
	m := xidForm.FindStringSubmatch(strings.NewReplacer("x'", "X'").Replace(strings.ToLower(text)))
	if m == nil {
		return "", false
	}
	format, err := strconv.ParseUint(m[3], 10, 32)
	return xid(fmt.Sprintf("X'%s',X'%s',%d", m[1], m[2], format)), err == nil
}

// key is the conflict key that keeps what is done to one XA transaction in order.
func (x xid) key() uint64 {
	h := fnv.New64a()
	h.Write([]byte("xa\x00"))
	h.Write([]byte(x))
	return h.Sum64()
}

// xaVerb is what a source transaction does to an XA transaction.
type xaVerb int

const (
	xaPrepare  xaVerb = iota + 1 // its rows are stored
	xaCommit                     // they are applied, and what is stored is removed
	xaRollback                   // what is stored is removed
)

// xaWork is a Txn's part in an XA transaction.
type xaWork struct {
	verb xaVerb
	xid  xid
	// events are those of a prepared transaction with rows of the task, or of a
	// piece of it, and rows is how many they bring.
	events []xaEvent
	rows   int64
	// part is the one that is done with, nil for all of them.
	part *checkpoint.XAPart
	// begin is where the prepared transaction begins.
	begin binlog.Position
	// least is how many records of the meta table are there to be removed.
	least int64
}

// xaEvent is a rows event as the binlog has it.
type xaEvent struct {
	table *rowevent.Table
	typ   byte
	body  []byte
	pos   uint32
	skip  int // so many of its rows belong to what is stored already
}

// xaEventOverhead is what an event takes beside its body.
const xaEventOverhead = 64

// size is the memory that the events take, about.
func (w *xaWork) size() (n int64) {
	for i := range w.events {
		n += xaEventOverhead + int64(len(w.events[i].body))
	}
	return n
}

// The form of what is stored: the number of the form, then records, which begin
// with a letter. "T" is followed by the body of a table map event, "R" by a rows
// event of that table: its type, the rows to be skipped, its position, and its
// body. Bodies have their length in front; it and all numbers are varints.
const (
	xaForm   = 1
	xaTable  = 'T'
	xaRecord = 'R'
)

// store gives what is stored of the events.
func (w *xaWork) store() []byte {
	if len(w.events) == 0 {
		return nil
	}
	out := []byte{xaForm}
	var table *rowevent.Table
	put := func(body []byte) { out = append(binary.AppendUvarint(out, uint64(len(body))), body...) }
	for i := range w.events {
		e := &w.events[i]
		if e.table != table {
			table = e.table
			out = append(out, xaTable)
			put(e.table.Event())
		}
		out = append(out, xaRecord, e.typ)
		out = binary.AppendUvarint(binary.AppendUvarint(out, uint64(e.skip)), uint64(e.pos))
		put(e.body)
	}
	return out
}

// xaStored makes events of what is stored.
func xaStored(data []byte) ([]xaEvent, error) {
	if len(data) == 0 {
		return nil, nil
	}
	if data[0] != xaForm {
		return nil, xaDamaged(fmt.Sprintf("form %d is unknown", data[0]))
	}
	c := xaCursor{data: data[1:]}
	d := rowevent.NewDecoder()
	var (
		table *rowevent.Table
		out   []xaEvent
		err   error
	)
	for len(c.data) > 0 {
		switch c.byte() {
		case xaTable:
			if table, err = d.TableMap(c.bytes()); err != nil {
				return nil, err
			}
		case xaRecord:
			out = append(out, xaEvent{table: table, typ: c.byte(), skip: int(c.number()), pos: uint32(c.number()), body: c.bytes()})
		default:
			c.bad = true
		}
		if c.bad || table == nil {
			return nil, xaDamaged("a record cannot be read")
		}
	}
	return out, nil
}

// xaCursor reads what store wrote; its first error stays.
type xaCursor struct {
	data []byte
	bad  bool
}

func (c *xaCursor) byte() byte {
	if len(c.data) == 0 {
		c.bad = true
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

func (c *xaCursor) number() uint64 {
	n, size := binary.Uvarint(c.data)
	if size <= 0 {
		c.bad, c.data = true, nil
		return 0
	}
	c.data = c.data[size:]
	return n
}

func (c *xaCursor) bytes() []byte {
	n := c.number()
	if n > uint64(len(c.data)) {
		c.bad, c.data = true, nil
		return nil
	}
	out := c.data[:n:n]
	c.data = c.data[n:]
	return out
}

func xaDamaged(why string) error {
	return &fault.Error{Kind: fault.Corrupt, Side: fault.Downstream,
		Msg:  "what is stored of a prepared XA transaction is damaged: " + why,
		Hint: "copy the data anew: stop-task, then start-task --remove-meta"}
}

// xaRows are the rows of stored events.
func xaRows(events []xaEvent) ([]Row, error) {
	d := rowevent.NewDecoder()
	var table *rowevent.Table
	var out []Row
	for i := range events {
		e := &events[i]
		if e.table != table {
			table = e.table
			if _, err := d.TableMap(table.Event()); err != nil {
				return nil, err
			}
		}
		rows, err := d.Rows(e.typ, e.body, func(*rowevent.Table) bool { return true })
		if err != nil {
			return nil, err
		}
		if rows.Missing >= 0 {
			return nil, xaDamaged("a row is not complete")
		}
		out = appendRows(out, &rows, e.pos, e.skip)
	}
	return out, nil
}

// describe names the transaction in messages.
func (w *xaWork) describe() string { return "the XA transaction " + string(w.xid) }
