package rowtest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/rowevent"
)

// TB is what this package needs of a *testing.T or *rapid.T.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Absent stands for a column that a row of a MINIMAL image does not have. The
// first row of an event decides for all.
const Absent = absent("absent")

type absent string

// tableID is the id of tables for which nobody chose one.
const tableID = 77

// Value gives v as a row holds it in a column that is declared so.
func Value(t TB, declared string, v any) rowevent.Value {
	t.Helper()
	return Image(t, []string{declared}, v).Value(0)
}

// Image gives a row with one value for each column.
func Image(t TB, columns []string, values ...any) rowevent.Image {
	t.Helper()
	return Images(t, columns)(values...)
}

// Images gives a function that makes rows of a table, for tests with very many.
func Images(t TB, columns []string) func(values ...any) rowevent.Image {
	t.Helper()
	const insert = byte(replication.WRITE_ROWS_EVENTv2)
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(TableMap(t, tableID, "d", "t", columns)); err != nil {
		t.Fatalf("table map: %v", err)
	}
	head := RowsEvent(t, insert, tableID, columns)
	stored := storages(t, columns)
	return func(values ...any) rowevent.Image {
		t.Helper()
		rows, err := d.Rows(insert, append(head[:len(head):len(head)], image(t, stored, values)...), func(*rowevent.Table) bool { return true })
		if err != nil || len(rows.Images) != 1 {
			t.Fatalf("%d rows have come of one: %v", len(rows.Images), err)
		}
		return rows.Images[0]
	}
}

// Rows reads a table map event and a rows event.
func Rows(t TB, tableMap []byte, eventType byte, rowsEvent []byte) rowevent.Rows {
	t.Helper()
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(tableMap); err != nil {
		t.Fatalf("table map: %v", err)
	}
	rows, err := d.Rows(eventType, rowsEvent, func(*rowevent.Table) bool { return true })
	if err != nil {
		t.Fatalf("rows: %v", err)
	}
	return rows
}

// TableMap gives the body of a table map event, in which every column may be NULL.
func TableMap(t TB, id uint64, schema, table string, columns []string) []byte {
	t.Helper()
	b := binary.LittleEndian.AppendUint64(nil, id)[:6]
	b = append(b, 1, 0) // flags
	for _, name := range []string{schema, table} {
		b = append(append(append(b, byte(len(name))), name...), 0)
	}
	b = appendPacked(b, len(columns))
	var meta []byte
	for _, s := range storages(t, columns) {
		b = append(b, s.typ)
		meta = append(meta, s.meta...)
	}
	b = append(appendPacked(b, len(meta)), meta...)
	return append(b, bits(len(columns), func(int) bool { return true })...)
}

// RowsEvent gives the body of a rows event of any type but the compressed ones.
// Rows of an update are the old and the new one in turn;
// there may be none.
func RowsEvent(t TB, eventType byte, id uint64, columns []string, rows ...[]any) []byte {
	t.Helper()
	update, extra := false, false
	switch replication.EventType(eventType) {
	case replication.UPDATE_ROWS_EVENTv1:
		update = true
	case replication.UPDATE_ROWS_EVENTv2, replication.PARTIAL_UPDATE_ROWS_EVENT:
		update, extra = true, true
	case replication.WRITE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2:
		extra = true
	}
	b := binary.LittleEndian.AppendUint64(nil, id)[:6]
	b = append(b, 1, 0) // flags: the statement ends
	if extra {
		b = append(b, 2, 0) // no extra data
	}
	b = appendPacked(b, len(columns))
	stored := storages(t, columns)
	for n := range 2 {
		if n == 0 || update {
			b = append(b, bits(len(columns), func(i int) bool { return n >= len(rows) || rows[n][i] != Absent })...)
		}
	}
	for n, row := range rows {
		if eventType == byte(replication.PARTIAL_UPDATE_ROWS_EVENT) && n%2 == 1 {
			b = append(b, 0) // no options
		}
		b = append(b, image(t, stored, row)...)
	}
	return b
}

// Compressed packs the rows of an event that has been made for the same type of
// MariaDB without compression.
func Compressed(columns int, rowsEvent []byte, update bool) []byte {
	maps := (columns + 7) / 8
	head := 8 + len(appendPacked(nil, columns)) + maps
	if update {
		head += maps
	}
	body := rowsEvent[head:]
	var packed bytes.Buffer
	packed.Write(slices.Concat(rowsEvent[:head], []byte{0x84}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))))
	w := zlib.NewWriter(&packed)
	_, err := w.Write(body)
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // of a writer into memory
	}
	return packed.Bytes()
}

// image writes one row: a bit for each column that is NULL, and the others.
func image(t TB, columns []storage, row []any) []byte {
	t.Helper()
	if len(row) != len(columns) {
		t.Fatalf("%d values for %d columns", len(row), len(columns))
	}
	var here []any
	var body []byte
	for i, v := range row {
		if v == Absent {
			continue
		}
		here = append(here, v)
		if v != nil {
			body = append(body, columns[i].bytes(t, v)...)
		}
	}
	return append(bits(len(here), func(i int) bool { return here[i] == nil }), body...)
}

// bits gives n bits, the first in the lowest place.
func bits(n int, set func(int) bool) []byte {
	out := make([]byte, (n+7)/8)
	for i := range n {
		if set(i) {
			out[i/8] |= 1 << (i % 8)
		}
	}
	return out
}

// appendPacked writes a number with its length in its first byte.
func appendPacked(b []byte, n int) []byte { return mysql.AppendLengthEncodedInteger(b, uint64(n)) }
