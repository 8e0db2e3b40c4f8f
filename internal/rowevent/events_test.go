package rowevent_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

const insert = byte(replication.WRITE_ROWS_EVENTv2)

// TestTableMapsRepeat: what comes again as it was is the same table; what has
// changed is another, under the same id or a new one.
func TestTableMapsRepeat(t *testing.T) {
	d := rowevent.NewDecoder()
	read := func(id uint64, name string, columns ...string) *rowevent.Table {
		t.Helper()
		// The body is overwritten afterwards, as the buffer of a connection is.
		body := rowtest.TableMap(t, id, "d", name, columns)
		got, err := d.TableMap(body)
		if err != nil {
			t.Fatal(err)
		}
		for i := range body {
			body[i] = 0xff
		}
		return got
	}
	a := read(1, "a", "int")
	if read(1, "a", "int") != a {
		t.Error("a repetition is another table")
	}
	b := read(2, "b", "int", "date")
	if b == a || read(1, "a", "int") != a || read(2, "b", "int", "date") != b || read(1, "a", "int") != a {
		t.Error("tables in turn")
	}
	changed := read(1, "a", "bigint")
	if changed == a || changed.Columns() != 1 || read(1, "a", "bigint") != changed {
		t.Error("a changed table is the one before")
	}
	if moved := read(3, "a", "bigint"); moved == changed || moved.ID != 3 {
		t.Error("another id is the one before")
	}
	rows, err := d.Rows(insert, rowtest.RowsEvent(t, insert, 1, []string{"bigint"}, []any{int64(1) << 40}), everything)
	if err != nil || rows.Table != changed || rows.Images[0].Value(0).Int() != 1<<40 {
		t.Errorf("%+v, %v", rows, err)
	}
}

// TestMinimalImages: the first column that is missing is told, in either image,
// and no rows are given.
func TestMinimalImages(t *testing.T) {
	columns := slices.Repeat([]string{"int"}, 10)
	row := func(absent ...int) []any {
		out := make([]any, len(columns))
		for i := range out {
			out[i] = i
		}
		for _, i := range absent {
			out[i] = rowtest.Absent
		}
		return out
	}
	tableMap := rowtest.TableMap(t, 5, "d", "t", columns)
	for _, c := range []struct {
		typ     replication.EventType
		rows    [][]any
		missing int
	}{
		{replication.WRITE_ROWS_EVENTv2, [][]any{row()}, -1}, {replication.WRITE_ROWS_EVENTv2, [][]any{row(9)}, 9}, {replication.WRITE_ROWS_EVENTv1, [][]any{row(0, 3)}, 0},
		{replication.DELETE_ROWS_EVENTv2, [][]any{row(8, 9)}, 8}, {replication.UPDATE_ROWS_EVENTv2, [][]any{row(), row(7)}, 7},
		{replication.UPDATE_ROWS_EVENTv1, [][]any{row(1, 2), row()}, 1}, {replication.UPDATE_ROWS_EVENTv2, [][]any{row(5), row(2)}, 5},
	} {
		got := rowtest.Rows(t, tableMap, byte(c.typ), rowtest.RowsEvent(t, byte(c.typ), 5, columns, c.rows...))
		if got.Missing != c.missing || (got.Images == nil) != (c.missing >= 0) {
			t.Errorf("%s %v: column %d is missing, %d rows", c.typ, c.rows, got.Missing, len(got.Images))
		}
	}
}

// TestTablesThatNobodyWants are not looked at: not even whether they can be read.
func TestTablesThatNobodyWants(t *testing.T) {
	strange := rowtest.TableMap(t, 5, "d", "strange", []string{"int", "int"})
	strange[bytes.Index(strange, []byte{2, mysql.MYSQL_TYPE_LONG})+2] = 99
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(strange); err != nil {
		t.Fatal(err)
	}
	body := rowtest.RowsEvent(t, insert, 5, []string{"int", "int"}, []any{1, 2})
	rows, err := d.Rows(insert, body, func(got *rowevent.Table) bool { return got.Name != "strange" })
	if err != nil || rows.Images != nil || rows.Table.Name != "strange" || rows.Missing != -1 {
		t.Errorf("%+v, %v", rows, err)
	}
	_, err = d.Rows(insert, body, everything)
	if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "column number 2 of d.strange") || !strings.Contains(err.Error(), "99") {
		t.Errorf("%v", err)
	}
}

func TestRowsThatCannotBeRead(t *testing.T) {
	columns := []string{"int", "varchar(9)"}
	tableMap := rowtest.TableMap(t, 5, "d", "t", columns)
	body := rowtest.RowsEvent(t, insert, 5, columns, []any{1, "a"})
	for _, c := range []struct {
		typ  replication.EventType
		body []byte
		says string
	}{
		{replication.WRITE_ROWS_EVENTv2, rowtest.RowsEvent(t, insert, 6, columns, []any{1, "a"}), "id 6"},
		{replication.WRITE_ROWS_EVENTv2, rowtest.RowsEvent(t, insert, 5, columns[:1], []any{1}), "1 columns, but its table map event 2"},
		{replication.WRITE_ROWS_EVENTv0, body, "type number 20"}, {replication.QUERY_EVENT, body, "type number 2 "},
		{replication.WRITE_ROWS_EVENTv2, body[:7], "7 bytes"}, {replication.WRITE_ROWS_EVENTv2, append(bytes.Clone(body), 1), "d.t ends too early"},
		{replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1, rowtest.RowsEvent(t, byte(replication.WRITE_ROWS_EVENTv1), 5, columns, []any{1, "a"}), "d.t: packed rows begin with"},
	} {
		d := rowevent.NewDecoder()
		if _, err := d.TableMap(tableMap); err != nil {
			t.Fatal(err)
		}
		rows, err := d.Rows(byte(c.typ), c.body, everything)
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), c.says) || rows.Images != nil {
			t.Errorf("%s: %+v, %v", c.typ, rows, err)
		}
	}
	if d := rowevent.NewDecoder(); d.IsRows(byte(replication.QUERY_EVENT)) || !d.IsRows(insert) || !d.IsRows(byte(replication.MARIADB_DELETE_ROWS_COMPRESSED_EVENT_V1)) {
		t.Error("types of rows events")
	}
}

// everyType has a column of each type, with a value.
func everyType() (columns []string, row []any) {
	for _, c := range []struct {
		declared string
		v        any
	}{
		{"tinyint", -1}, {"smallint", -2}, {"mediumint", -3}, {"int", -4}, {"bigint", -5}, {"year", 2024}, {"bit(17)", 1 << 16},
		{"float", 0.5}, {"double", -0.25}, {"decimal(20,10)", "-1234567890.0123456789"}, {"date", "2024-02-29"}, {"time(3)", "-838:59:58.999"},
		{"datetime(6)", "2024-02-29 12:34:56.123456"}, {"timestamp(1)", "2024-02-29 12:34:56.7"}, {"old time", "-01:02:03"}, {"old datetime", "2024-02-29 12:34:56"},
		{"old timestamp", "2024-02-29 12:34:56"}, {"char(100)", "char"}, {"varchar(20)", "varchar"}, {"varchar(2000)", "long"}, {"tinyblob", "t"}, {"blob", "b"},
		{"mediumblob", "m"}, {"longblob", "l"}, {"geometry", "g"}, {"json", "\x04\x00"}, {"vector", "\x00\x00\x80\x3f"}, {"enum('a','b')", 2}, {"set('a','b')", 3},
		{"text compressed", "\x00stored"}, {"varchar(20) compressed", "\x00stored"}, {"uuid", strings.Repeat("u", 16)}, {"int", nil},
	} {
		columns, row = append(columns, c.declared), append(row, c.v)
	}
	return columns, row
}

// TestTruncatedEvents: wherever an event ends too early, it is an error.
func TestTruncatedEvents(t *testing.T) {
	columns, row := everyType()
	tableMap := rowtest.TableMap(t, 5, "d", "t", columns)
	for end := range tableMap {
		if got, err := rowevent.NewDecoder().TableMap(tableMap[:end:end]); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%d bytes of a table map: %d columns, %v", end, got.Columns(), err)
		}
	}
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(tableMap); err != nil {
		t.Fatal(err)
	}
	const update = byte(replication.UPDATE_ROWS_EVENTv1)
	body := rowtest.RowsEvent(t, update, 5, columns, row, row)
	head := 6 + 2 + 1 + 2*((len(columns)+7)/8)
	for end := range body {
		got, err := d.Rows(update, body[:end:end], everything)
		if !fault.Is(err, fault.Corrupt) && (end != head || len(got.Images) > 0) { // no rows is what an event may have
			t.Errorf("%d bytes of %d: %d rows, %v", end, len(body), len(got.Images), err)
		}
	}
	packed := rowtest.Compressed(len(columns), body, true)
	for end := range packed {
		if _, err := d.Rows(byte(packedType(replication.UPDATE_ROWS_EVENTv1)), packed[:end:end], everything); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%d bytes of %d packed ones: %v", end, len(packed), err)
		}
	}
}

// TestLargestDecimals: 65 digits, anywhere; more are none of a server's.
func TestLargestDecimals(t *testing.T) {
	nines := strings.Repeat("9", 65)
	columns := []string{"decimal(65,0)", "decimal(65,38)", "decimal(38,38)"}
	values := []any{"-" + nines, nines[:27] + "." + nines[:38], "-0." + nines[:38]}
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(rowtest.TableMap(t, 5, "d", "t", columns)); err != nil {
		t.Fatal(err)
	}
	rows, err := d.Rows(insert, rowtest.RowsEvent(t, insert, 5, columns, values), everything)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range values {
		if got := rows.Images[0].Value(i).String(); got != want {
			t.Errorf("%s: %s, want %s", columns[i], got, want)
		}
	}
	columns = []string{"decimal(66,0)"}
	if _, err := d.TableMap(rowtest.TableMap(t, 6, "d", "u", columns)); err != nil {
		t.Fatal(err)
	}
	if rows, err := d.Rows(insert, rowtest.RowsEvent(t, insert, 6, columns, []any{"1"}), everything); err == nil || rows.Images != nil {
		t.Errorf("66 digits: %v", err)
	}
}

// TestPartialUpdates: behind options, which may be none, the documents of the
// image after come as text, wherever they stand; all else is as it is.
func TestPartialUpdates(t *testing.T) {
	const typ = byte(replication.PARTIAL_UPDATE_ROWS_EVENT)
	columns := []string{"json", "int", "json", "varchar(9)", "json"}
	before := []any{"\x04\x00", 1, "\x0c\x01a", "x", "\x04\x01"}
	after := []any{"\x04\x01", 2, nil, "y", "\x0c\x02it"}
	got := rowtest.Rows(t, rowtest.TableMap(t, 5, "d", "t", columns), typ, rowtest.RowsEvent(t, typ, 5, columns, before, after, after, before))
	if !got.PartialJSON || got.Kind != rowevent.Update || len(got.Images) != 4 {
		t.Fatalf("%+v", got)
	}
	for i, want := range [][]string{
		{`JSON "\x04\x00"`, "INT 1", `JSON "\f\x01a"`, `VARCHAR "x"`, `JSON "\x04\x01"`}, {`BLOB "true"`, "INT 2", "BLOB NULL", `VARCHAR "y"`, `BLOB "\"it\""`},
		{`JSON "\x04\x01"`, "INT 2", "JSON NULL", `VARCHAR "y"`, `JSON "\f\x02it"`}, {`BLOB "null"`, "INT 1", `BLOB "\"a\""`, `VARCHAR "x"`, `BLOB "true"`},
	} {
		for c := range want {
			if v := got.Images[i].Value(c); v.TypeName()+" "+v.String() != want[c] {
				t.Errorf("image %d column %d: %s %s, want %s", i, c, v.TypeName(), v, want[c])
			}
		}
	}
}

// FuzzDecoder: no bytes make the decoder panic, nor any value that it gives.
func FuzzDecoder(f *testing.F) {
	columns, row := everyType()
	tableMap := rowtest.TableMap(f, 5, "d", "t", columns)
	for _, typ := range append(plainTypes(), replication.PARTIAL_UPDATE_ROWS_EVENT) {
		rows := [][]any{row, row}
		body := rowtest.RowsEvent(f, byte(typ), 5, columns, rows...)
		f.Add(tableMap, byte(typ), body)
		if typ <= replication.DELETE_ROWS_EVENTv1 {
			f.Add(tableMap, byte(packedType(typ)), rowtest.Compressed(len(columns), body, kindOf(typ) == rowevent.Update))
		}
	}
	f.Fuzz(func(_ *testing.T, tableMap []byte, typ byte, body []byte) {
		d := rowevent.NewDecoder()
		if _, err := d.TableMap(tableMap); err != nil {
			return
		}
		rows, err := d.Rows(typ, body, everything)
		if err != nil {
			return
		}
		for _, im := range rows.Images {
			for i := range im.Len() {
				v := im.Value(i)
				_, _ = v.String(), v.TypeName()
				if !v.IsNull() {
					_, _ = v.Uint(), v.Int()
					_, _ = v.AppendText(nil)
					_, _, _ = v.Bytes()
				}
			}
		}
	})
}
