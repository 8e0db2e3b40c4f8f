package syncer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/klauspost/compress/zstd"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// decoder reads the events of one connection. Rows, which are most of them, go
// to rowevent; the events around each transaction are read here, into structs
// that are used again; what else there is goes to go-mysql's parser.
type decoder struct {
	rows *rowevent.Decoder
	// parser reads events as they are, inner those inside a compressed
	// transaction, which have no checksums.
	parser, inner *replication.BinlogParser
	checksums     bool // behind each event, as the file's format says
	// include is the task's filter, wanted what it said of tables.
	include func(schema, table string) bool
	wanted  map[*rowevent.Table]bool
	// leaves tells which changes of a table's rows are left out, nil for none;
	// left is what it said, and kinds are want for each kind of change.
	leaves func(schema, table string) [rowevent.Kinds]bool
	left   map[*rowevent.Table][rowevent.Kinds]bool
	kinds  [rowevent.Kinds]func(*rowevent.Table) bool
	// place is where the last event ended. In MariaDB since 11.4 some events
	// inside a transaction do not know where they end; counts is set there.
	place  uint32
	counts bool

	header      replication.EventHeader
	innerHeader replication.EventHeader
	gtid        replication.MariadbGTIDEvent
	image       rowevent.Rows
}

func newDecoder(flavor string, include func(schema, table string) bool) *decoder {
	d := &decoder{rows: rowevent.NewDecoder(), include: include, wanted: map[*rowevent.Table]bool{}}
	d.parser, d.inner = replication.NewBinlogParser(), replication.NewBinlogParser()
	d.parser.SetFlavor(flavor)
	d.inner.SetFlavor(flavor)
	return d
}

// yield takes an event's header and content: a *rowevent.Rows, or what go-mysql
// makes of it. Both are used again for the next event.
type yield = func(*replication.EventHeader, any) error

// These have no content of worth.
var (
	commitEvent = &replication.XIDEvent{}
	beginEvent  = &replication.QueryEvent{Query: []byte("BEGIN")}
)

// event takes an event as it came, and gives its content, or that of each event
// inside it. Events that only prepare others give nothing. worth tells that it
// was not made up for this connection.
func (d *decoder) event(raw []byte, to yield) (worth bool, err error) {
	h := &d.header
	if err := h.Decode(raw); err != nil {
		return false, &replication.EventError{Header: h, Err: err.Error()}
	}
	if int(h.EventSize) != len(raw) {
		return false, &replication.EventError{Header: h, Err: fmt.Sprintf("an event of %d bytes came in %d", h.EventSize, len(raw))}
	}
	if d.counts && h.LogPos == 0 && h.Flags&replication.LOG_EVENT_ARTIFICIAL_F == 0 && h.EventType != replication.FORMAT_DESCRIPTION_EVENT {
		h.LogPos = d.place + h.EventSize
	}
	if h.LogPos > 0 {
		d.place = h.LogPos
	}
	body := raw[replication.EventHeaderSize:]
	if d.checksums && h.EventType != replication.FORMAT_DESCRIPTION_EVENT {
		body = body[:max(0, len(body)-replication.BinlogChecksumLength)]
	}
	return !artificial(h), d.one(h, raw, body, d.parser, to)
}

func (d *decoder) one(h *replication.EventHeader, raw, body []byte, parser *replication.BinlogParser, to yield) error {
	switch typ := h.EventType; {
	case typ == replication.TABLE_MAP_EVENT:
		_, err := d.rows.TableMap(body)
		return err
	case d.rows.IsRows(byte(typ)):
		want := d.want
		if d.leaves != nil {
			want = d.kinds[d.rows.Kind(byte(typ))]
		}
		var err error
		if d.image, err = d.rows.Rows(byte(typ), body, want); err != nil {
			return err
		}
		return to(h, &d.image)
	case typ == replication.XID_EVENT:
		return to(h, commitEvent)
	case typ == replication.MARIADB_GTID_EVENT:
		return d.mariaGTID(h, body, to)
	case typ == replication.GTID_EVENT || typ == replication.ANONYMOUS_GTID_EVENT:
		return decoded(h, &replication.GTIDEvent{}, body, to)
	case typ == replication.QUERY_EVENT && isBegin(body):
		return to(h, beginEvent)
	case typ == replication.QUERY_EVENT:
		return decoded(h, &replication.QueryEvent{}, body, to)
	case typ == replication.EXECUTE_LOAD_QUERY_EVENT:
		return decoded(h, &replication.QueryEvent{}, loadQuery(body), to)
	case typ == replication.TRANSACTION_PAYLOAD_EVENT:
		return d.payload(h, body, to)
	}
	parsed, err := parser.Parse(raw)
	if err != nil {
		return err
	}
	switch e := parsed.Event.(type) {
	case *replication.FormatDescriptionEvent:
		d.checksums = e.ChecksumAlgorithm == replication.BINLOG_CHECKSUM_ALG_CRC32
	case *replication.RotateEvent:
		d.place = uint32(e.Position)
	}
	return to(h, parsed.Event)
}

// isBegin tells that the text of a query event is BEGIN. Behind 13 bytes, which
// tell their lengths, are the status variables, the schema with a zero, and the text.
func isBegin(body []byte) bool {
	const fixed, schemaAt, varsAt, text = 13, 8, 11, "BEGIN"
	if len(body) < fixed+1+len(text) || string(body[len(body)-len(text):]) != text {
		return false
	}
	return fixed+int(binary.LittleEndian.Uint16(body[varsAt:]))+int(body[schemaAt])+1+len(text) == len(body)
}

// loadQuery makes a query event of one by which a LOAD DATA or LOAD XML is in the
// binlog as a statement: behind the same beginning stand the number of the file and
// where its name is in the text. Events before it have what was in the file.
func loadQuery(body []byte) []byte {
	const fixed, more = 13, 13
	if len(body) < fixed+more {
		return body
	}
	return slices.Concat(body[:fixed], body[fixed+more:])
}

// mariaGTID reads the event at the beginning of MariaDB's transactions.
func (d *decoder) mariaGTID(h *replication.EventHeader, body []byte, to yield) error {
	e := &d.gtid
	*e = replication.MariadbGTIDEvent{}
	e.GTID.ServerID = h.ServerID
	if err := e.Decode(body); err != nil {
		return &replication.EventError{Header: h, Err: err.Error(), Data: body}
	}
	if isVoid(e, body) {
		return to(h, &voidGTID{e})
	}
	if e.Flags&preparedXA == 0 {
		return to(h, e)
	}
	x, err := newXAGTID(e, body)
	if err != nil {
		return err
	}
	return to(h, x)
}

// decoded reads an event without the parser, which would look at its header
// once more.
func decoded(h *replication.EventHeader, e replication.Event, body []byte, to yield) error {
	if err := e.Decode(body); err != nil {
		return &replication.EventError{Header: h, Err: err.Error(), Data: body}
	}
	return to(h, e)
}

// want asks the task's filter, once for a table as long as it stays as it is.
func (d *decoder) want(t *rowevent.Table) bool {
	yes, known := d.wanted[t]
	if !known {
		const most = 20_000 // what was asked longer ago is asked again
		if len(d.wanted) >= most {
			clear(d.wanted)
		}
		yes = d.include(t.Schema, t.Name)
		d.wanted[t] = yes
	}
	return yes
}

// leaveOut sets what tells which changes of a table's rows are left out.
func (d *decoder) leaveOut(leaves func(schema, table string) [rowevent.Kinds]bool) {
	d.leaves, d.left = leaves, map[*rowevent.Table][rowevent.Kinds]bool{}
	for k := range d.kinds {
		d.kinds[k] = func(t *rowevent.Table) bool { return d.want(t) && !d.leftOut(t)[k] }
	}
}

func (d *decoder) leftOut(t *rowevent.Table) [rowevent.Kinds]bool {
	out, known := d.left[t]
	if !known {
		if len(d.left) > len(d.wanted) { // what want has forgotten
			clear(d.left)
		}
		out = d.leaves(t.Schema, t.Name)
		d.left[t] = out
	}
	return out
}

// payload reads the events of a compressed transaction one by one. They are at
// the place of their envelope, so that reading begins behind all of them or
// with all of them.
func (d *decoder) payload(h *replication.EventHeader, body []byte, to yield) error {
	packed, err := payloadOf(body)
	if err != nil {
		return err
	}
	const most = 128 << 20 // MySQL's windows are far smaller
	z, err := zstd.NewReader(bytes.NewReader(packed), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(most))
	if err != nil {
		return err
	}
	defer z.Close()
	for some := false; ; some = true {
		raw, err := nextEvent(z)
		if errors.Is(err, io.EOF) && some {
			return nil
		}
		if err != nil {
			return &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Code: codeGetEvent, Err: err, Msg: "a compressed transaction cannot be unpacked"}
		}
		inner := &d.innerHeader
		if err := inner.Decode(raw); err != nil {
			return err
		}
		inner.LogPos = h.LogPos
		if err := d.one(inner, raw, raw[replication.EventHeaderSize:], d.inner, to); err != nil {
			return err
		}
	}
}

// payloadOf skips what stands in front of the packed events: fields of type,
// length and number, of which one tells how they are packed.
func payloadOf(body []byte) ([]byte, error) {
	for len(body) > 2 && body[0] != replication.OTW_PAYLOAD_HEADER_END_MARK {
		end := 2 + int(body[1])
		if len(body) < end {
			break
		}
		if body[0] == replication.OTW_PAYLOAD_COMPRESSION_TYPE_FIELD && body[2] != replication.ZSTD {
			return nil, &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream,
				Msg: fmt.Sprintf("a transaction is compressed in a way that is not known here (number %d)", body[2])}
		}
		body = body[end:]
	}
	if len(body) == 0 || body[0] != replication.OTW_PAYLOAD_HEADER_END_MARK {
		return nil, &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Code: codeGetEvent, Msg: "the head of a compressed transaction cannot be read"}
	}
	return body[1:], nil
}

// nextEvent reads one event; io.EOF when there is none.
func nextEvent(r io.Reader) ([]byte, error) {
	var head [replication.EventHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	const sizeAt = 9 // in the header: 4 bytes of time, one of type, 4 of server id come first
	size := binary.LittleEndian.Uint32(head[sizeAt:])
	if size < replication.EventHeaderSize {
		return nil, fmt.Errorf("an event of %d bytes", size)
	}
	raw := make([]byte, size)
	copy(raw, head[:])
	if _, err := io.ReadFull(r, raw[len(head):]); err != nil {
		return nil, errors.Join(io.ErrUnexpectedEOF, err)
	}
	return raw, nil
}
