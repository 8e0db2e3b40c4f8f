package rowevent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binjson"
	"github.com/raftdm/raftdm/internal/fault"
)

// Kind says what a rows event did.
type Kind uint8

// The kinds of rows events, and their number.
const (
	Insert Kind = iota
	Update
	Delete
	Kinds
)

// String gives the word for the kind.
func (k Kind) String() string { return [...]string{"insert", "update", "delete"}[k] }

// Rows is a rows event.
type Rows struct {
	Table *Table
	Kind  Kind
	// Images are the rows; of an update the one before and the one after, in turn.
	Images []Image
	// Missing is the first column that the images lack, -1 when they are complete.
	Missing int
	// PartialJSON tells that documents came as what changed in them.
	PartialJSON bool
	// Unchecked tells that the session of the source did not check foreign keys, so
	// that nothing followed from these changes.
	Unchecked bool
	// Type and Body are what Decoder.Rows was given.
	Type byte
	Body []byte
}

// Decoder reads the events of one stream, in order.
type Decoder struct {
	tables map[uint64]*Table
	last   *Table // what the last table map event said
	layout *[256]form
	places []place  // room for the next events
	at     []uint32 // room for the columns of their rows
	few    []Image  // room for the images of small events
}

// form is what the type of a rows event says.
type form struct {
	known      bool
	kind       Kind
	two        bool // version 2: extra data behind the flags
	compressed bool
	partial    bool
}

// NewDecoder begins a stream.
func NewDecoder() *Decoder { return &Decoder{tables: map[uint64]*Table{}, layout: forms()} }

func forms() *[256]form {
	return &[256]form{
		byte(replication.WRITE_ROWS_EVENTv1):                      {known: true, kind: Insert},
		byte(replication.UPDATE_ROWS_EVENTv1):                     {known: true, kind: Update},
		byte(replication.DELETE_ROWS_EVENTv1):                     {known: true, kind: Delete},
		byte(replication.WRITE_ROWS_EVENTv2):                      {known: true, kind: Insert, two: true},
		byte(replication.UPDATE_ROWS_EVENTv2):                     {known: true, kind: Update, two: true},
		byte(replication.DELETE_ROWS_EVENTv2):                     {known: true, kind: Delete, two: true},
		byte(replication.PARTIAL_UPDATE_ROWS_EVENT):               {known: true, kind: Update, two: true, partial: true},
		byte(replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1):  {known: true, kind: Insert, compressed: true},
		byte(replication.MARIADB_UPDATE_ROWS_COMPRESSED_EVENT_V1): {known: true, kind: Update, compressed: true},
		byte(replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1): {known: true, kind: Delete, compressed: true},
	}
}

// IsRows tells whether events of a type are for Rows.
func (d *Decoder) IsRows(eventType byte) bool { return d.layout[eventType].known }

// Kind tells what rows events of a type do.
func (d *Decoder) Kind(eventType byte) Kind { return d.layout[eventType].kind }

// TableMap takes the body of a table map event, without header and checksum.
// The same table comes with each statement, mostly as it was: the answer is the
// same Table then.
func (d *Decoder) TableMap(body []byte) (*Table, error) {
	if t := d.last; t != nil && bytes.Equal(t.event, body) {
		d.tables[t.ID] = t
		return t, nil
	}
	if len(body) < tableIDBytes {
		return nil, corrupt("a table map event ends too early")
	}
	t := d.tables[tableID(body)]
	if t == nil || !bytes.Equal(t.event, body) {
		var err error
		if t, err = parseTable(body); err != nil {
			return nil, err
		}
		d.tables[t.ID] = t
	}
	d.last = t
	return t, nil
}

// mostTables bounds what is remembered of tables. Each statement names its own
// again, so nothing but time is lost with them.
const mostTables = 20_000

// Rows reads the body of a rows event, without header and checksum. When
// wanted refuses the table, the event's rows are not looked at, and Images is nil.
func (d *Decoder) Rows(eventType byte, body []byte, wanted func(*Table) bool) (Rows, error) {
	f := d.layout[eventType]
	if !f.known || len(body) < tableIDBytes+2 {
		return Rows{}, corrupt("a rows event of the type number %d with %d bytes cannot be read", eventType, len(body))
	}
	t := d.tables[tableID(body)]
	if t == nil {
		return Rows{}, corrupt("no table map event comes before the rows of the table with the id %d", tableID(body))
	}
	const endsStatement, noForeignKeyChecks = 1, 2 // of the flags
	if body[tableIDBytes]&endsStatement != 0 && len(d.tables) > mostTables {
		clear(d.tables)
	}
	out := Rows{Table: t, Kind: f.kind, Missing: -1, PartialJSON: f.partial, Type: eventType, Body: body,
		Unchecked: body[tableIDBytes]&noForeignKeyChecks != 0}
	if !wanted(t) {
		return out, nil
	}
	if t.unread != nil {
		return out, t.unread
	}
	c := cursor{raw: body[tableIDBytes+2:]}
	if f.two {
		c.take(int(c.number(2)) - 2)
	}
	if n := c.packed(); n != len(t.cols) {
		return out, corrupt("rows of %s.%s have %d columns, but its table map event %d", t.Schema, t.Name, n, len(t.cols))
	}
	size := (len(t.cols) + 7) / 8
	maps := [2][]byte{c.take(size)}
	maps[1] = maps[0]
	if f.kind == Update {
		maps[1] = c.take(size)
	}
	if c.bad {
		return out, tooShort(t)
	}
	data := c.raw
	if f.compressed {
		var err error
		if data, err = unpackEvent(data); err != nil {
			return out, fault.Wrap("read rows of "+t.Schema+"."+t.Name, err)
		}
	}
	for _, m := range maps {
		if i := firstMissing(m, len(t.cols)); i >= 0 {
			out.Missing = i
			return out, nil
		}
	}
	var err error
	out.Images, err = d.images(t, f, data)
	return out, err
}

func tooShort(t *Table) error {
	msg := fmt.Sprintf("a rows event of %s.%s ends too early", t.Schema, t.Name)
	if t.oldTimes {
		return &fault.Error{Kind: fault.Corrupt, Side: fault.Upstream, Msg: msg, Hint: HintOldTimes}
	}
	return corrupt("%s", msg)
}

// firstMissing finds the first column that a map does not have, -1 for none.
func firstMissing(columns []byte, n int) int {
	for i, b := range columns {
		if i == len(columns)-1 && n%8 != 0 {
			b |= 0xff << (n % 8)
		}
		if b != 0xff {
			return i*8 + bits.TrailingZeros8(^b)
		}
	}
	return -1
}

// images finds all rows of an event with all their columns.
func (d *Decoder) images(t *Table, f form, data []byte) ([]Image, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var out []Image
	in := d.place(t, data)
	for start := 0; start < len(data); {
		im, end, ok := in.row(start)
		if !ok {
			return nil, tooShort(t)
		}
		if out == nil { // rows of an event are mostly of one size
			const most = 1 << 14
			count := min((len(data)+end-1)/end, most)
			out = d.list(count)
			in.at = slices.Grow(in.at, (count-1)*len(t.cols))
		}
		out, start = append(out, im), end
		if f.partial && len(out)%2 == 1 {
			after, n, err := d.patched(t, im, data[start:])
			if err != nil {
				return nil, err
			}
			out, start = append(out, after), start+n
		}
	}
	d.at = in.at[len(in.at):]
	in.at = slices.Clip(in.at)
	if f.kind == Update && len(out)%2 == 1 {
		return nil, tooShort(t)
	}
	return out, nil
}

// list makes place for so many images. Most events have one row, and share it.
func (d *Decoder) list(n int) []Image {
	const shared, small = 64, 4
	if n > small {
		return make([]Image, 0, n)
	}
	if len(d.few) < n {
		d.few = make([]Image, shared)
	}
	out := d.few[0:0:n]
	d.few = d.few[n:]
	return out
}

// place begins the rows of an event, with room for the columns of one. What
// several events share lives as long as the last of them.
func (d *Decoder) place(t *Table, data []byte) *place {
	const shared, columns = 64, 1024
	if len(d.places) == 0 {
		d.places = make([]place, shared)
	}
	if cap(d.at) < len(t.cols) {
		d.at = make([]uint32, 0, max(len(t.cols), columns))
	}
	in := &d.places[0]
	d.places = d.places[1:]
	in.table, in.data, in.at = t, data, d.at[:0]
	return in
}

// row finds the columns of the row that starts at a place in data, and its end.
func (in *place) row(start int) (Image, int, bool) {
	cols, data := in.table.cols, in.data
	pos := start + (len(cols)+7)/8
	if pos > len(data) {
		return Image{}, 0, false
	}
	nulls := data[start:pos]
	first := len(in.at)
	if cap(in.at) < first+len(cols) {
		in.at = slices.Grow(in.at, len(cols))
	}
	in.at = in.at[:first+len(cols)]
	at := in.at[first:]
	for i := range cols {
		if nulls[i>>3]&(1<<(i&7)) != 0 {
			at[i] = null
			continue
		}
		at[i] = uint32(pos)
		c := &cols[i]
		size := int(c.size)
		if c.prefix > 0 {
			end := pos + int(c.prefix)
			if end > len(data) {
				return Image{}, 0, false
			}
			size = length(data[pos:end])
			pos = end
		}
		if size > len(data)-pos {
			return Image{}, 0, false
		}
		pos += size
	}
	return Image{in: in, first: first, size: uint32(pos - start), columns: uint16(len(cols))}, pos, true
}

func length(raw []byte) int {
	switch len(raw) {
	case 1:
		return int(raw[0])
	case 2:
		return int(raw[0]) | int(raw[1])<<8
	}
	return int(littleEndian(raw))
}

// patched reads the image behind an update of parts of documents: options, a
// bit for each column with documents, and a row in which documents with their
// bit set are what changed since before. The documents come out as text.
func (d *Decoder) patched(t *Table, before Image, raw []byte) (Image, int, error) {
	c := cursor{raw: raw}
	const partialJSON = 1
	options := c.packed()
	documents := 0
	for i := range t.cols {
		if t.cols[i].typ == mysql.MYSQL_TYPE_JSON {
			documents++
		}
	}
	var partial []byte
	if options&partialJSON != 0 {
		partial = c.take((documents + 7) / 8)
	}
	if c.bad {
		return Image{}, 0, tooShort(t)
	}
	in := &place{table: t, data: c.raw}
	im, n, ok := in.row(0)
	if !ok {
		return Image{}, 0, tooShort(t)
	}
	data := bytes.Clone(c.raw[:n])
	n += len(raw) - len(c.raw)
	documents = 0
	for i := range t.cols {
		if t.cols[i].typ != mysql.MYSQL_TYPE_JSON {
			continue
		}
		k := documents
		documents++
		if im.Null(i) {
			continue
		}
		start := len(data)
		data = append(data, make([]byte, textPrefix)...)
		var err error
		if partial != nil && partial[k>>3]&(1<<(k&7)) != 0 {
			data, err = binjson.AppendPatched(data, before.Value(i).Raw, im.Value(i).Raw)
		} else {
			data, err = binjson.AppendText(data, im.Value(i).Raw)
		}
		if err != nil {
			return Image{}, 0, corrupt("a document of %s.%s in column number %d cannot be read: %v", t.Schema, t.Name, i+1, err)
		}
		binary.LittleEndian.PutUint32(data[start:], uint32(len(data)-start-textPrefix))
		in.at[i] = uint32(start)
	}
	in.table, in.data = t.withTextJSON(), data
	im.size = uint32(len(data))
	return im, n, nil
}
