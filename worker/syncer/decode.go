package syncer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/klauspost/compress/zstd"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// decoder reads the events of one connection. Rows, which are most of them, go
// to rowevent; what else there is, to go-mysql's parser.
type decoder struct {
	rows *rowevent.Decoder
	// parser reads events as they are, inner those inside a compressed
	// transaction, which have no checksums.
	parser, inner *replication.BinlogParser
	// include is the task's filter, wanted what it said of tables.
	include func(schema, table string) bool
	wanted  map[*rowevent.Table]bool
}

func newDecoder(flavor string, include func(schema, table string) bool) *decoder {
	d := &decoder{rows: rowevent.NewDecoder(), include: include, wanted: map[*rowevent.Table]bool{}}
	d.parser, d.inner = replication.NewBinlogParser(), replication.NewBinlogParser()
	d.parser.SetFlavor(flavor)
	d.inner.SetFlavor(flavor)
	return d
}

// event takes an event as go-mysql's raw mode gives it, and yields its content,
// or that of each event inside it: a *rowevent.Rows, or what go-mysql makes of
// it. Events that only prepare others yield nothing.
func (d *decoder) event(ev *replication.BinlogEvent, yield func(*replication.EventHeader, any) error) error {
	return d.one(ev, d.parser, yield)
}

func (d *decoder) one(ev *replication.BinlogEvent, parser *replication.BinlogParser, yield func(*replication.EventHeader, any) error) error {
	raw, ok := ev.Event.(*replication.GenericEvent)
	switch typ := ev.Header.EventType; {
	case !ok:
	case typ == replication.TABLE_MAP_EVENT:
		_, err := d.rows.TableMap(raw.Data)
		return err
	case d.rows.IsRows(byte(typ)):
		e, err := d.rows.Rows(byte(typ), raw.Data, d.want)
		if err != nil {
			return err
		}
		return yield(ev.Header, &e)
	case typ == replication.XID_EVENT:
		return yield(ev.Header, &replication.XIDEvent{})
	case typ == replication.MARIADB_GTID_EVENT:
		return mariaGTIDEvent(ev.Header, raw.Data, yield)
	case typ == replication.GTID_EVENT || typ == replication.ANONYMOUS_GTID_EVENT:
		return decoded(ev.Header, &replication.GTIDEvent{}, raw.Data, yield)
	case typ == replication.QUERY_EVENT:
		return decoded(ev.Header, &replication.QueryEvent{}, raw.Data, yield)
	case typ == replication.TRANSACTION_PAYLOAD_EVENT:
		return d.payload(ev.Header, raw.Data, yield)
	}
	parsed, err := parser.Parse(ev.RawData)
	if err != nil {
		return err
	}
	return yield(ev.Header, parsed.Event)
}

// mariaGTIDEvent reads the event at the beginning of MariaDB's transactions.
func mariaGTIDEvent(h *replication.EventHeader, body []byte, yield func(*replication.EventHeader, any) error) error {
	e := &replication.MariadbGTIDEvent{}
	e.GTID.ServerID = h.ServerID
	return decoded(h, e, body, func(h *replication.EventHeader, content any) error {
		if e.Flags&preparedXA == 0 {
			return yield(h, content)
		}
		x, err := newXAGTID(e, body)
		if err != nil {
			return err
		}
		return yield(h, x)
	})
}

// decoded reads an event that comes with each transaction, without the parser,
// which would look at its header once more.
func decoded(h *replication.EventHeader, e replication.Event, body []byte, yield func(*replication.EventHeader, any) error) error {
	if err := e.Decode(body); err != nil {
		return &replication.EventError{Header: h, Err: err.Error(), Data: body}
	}
	return yield(h, e)
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

// payload reads the events of a compressed transaction one by one. They are at
// the place of their envelope, so that reading begins behind all of them or
// with all of them.
func (d *decoder) payload(h *replication.EventHeader, body []byte, yield func(*replication.EventHeader, any) error) error {
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
			return &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Err: err, Msg: "a compressed transaction cannot be unpacked"}
		}
		inner := &replication.BinlogEvent{RawData: raw, Header: &replication.EventHeader{}}
		if err := inner.Header.Decode(raw); err != nil {
			return err
		}
		inner.Header.LogPos = h.LogPos
		inner.Event = &replication.GenericEvent{Data: raw[replication.EventHeaderSize:]}
		if err := d.one(inner, d.inner, yield); err != nil {
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
		return nil, &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Msg: "the head of a compressed transaction cannot be read"}
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
