package rowevent_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// plainTypes are the types of rows events with complete images.
func plainTypes() []replication.EventType {
	return []replication.EventType{
		replication.WRITE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv1,
		replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.DELETE_ROWS_EVENTv2,
	}
}

func kindOf(typ replication.EventType) rowevent.Kind {
	switch typ {
	case replication.UPDATE_ROWS_EVENTv1, replication.UPDATE_ROWS_EVENTv2:
		return rowevent.Update
	case replication.DELETE_ROWS_EVENTv1, replication.DELETE_ROWS_EVENTv2:
		return rowevent.Delete
	}
	return rowevent.Insert
}

// packedType is MariaDB's compressed event of the same kind as one of version 1.
func packedType(typ replication.EventType) replication.EventType {
	return typ - replication.WRITE_ROWS_EVENTv1 + replication.MARIADB_WRITE_ROWS_COMPRESSED_EVENT_V1
}

// TestRoundTrip: values that are stored come back, as they were and as go-mysql
// reads them, whatever the columns and the type of the event.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(drawColumn(), 1, 20).Draw(t, "columns")
		columns := make([]string, len(kinds))
		for i, k := range kinds {
			columns[i] = k.declared
		}
		typ := rapid.SampledFrom(plainTypes()).Draw(t, "event")
		n := rapid.IntRange(1, 4).Draw(t, "rows")
		if kindOf(typ) == rowevent.Update {
			n *= 2
		}
		rows := make([][]any, n)
		for r := range rows {
			rows[r] = make([]any, len(kinds))
			for i, k := range kinds {
				if rapid.IntRange(0, 4).Draw(t, "null") > 0 {
					rows[r][i] = k.value.Draw(t, k.declared)
				}
			}
		}
		const id = 1<<40 + 3
		tableMap := rowtest.TableMap(t, id, "schema", "table", columns)
		body := rowtest.RowsEvent(t, byte(typ), id, columns, rows...)
		if typ <= replication.DELETE_ROWS_EVENTv1 && rapid.Bool().Draw(t, "packed") {
			body = rowtest.Compressed(len(columns), body, kindOf(typ) == rowevent.Update)
			typ = packedType(typ)
		}
		got := rowtest.Rows(t, tableMap, byte(typ), body)
		if got.Table.Schema != "schema" || got.Table.Name != "table" || got.Table.ID != id || got.Missing != -1 || got.PartialJSON || got.Table.Columns() != len(columns) {
			t.Fatalf("%+v", got)
		}
		var theirs [][]any
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.alone }) {
			theirs = newOracle(t).rows(t, tableMap, byte(typ), body)
		}
		compare(t, got, rows, theirs)
	})
}

func compare(t rowtest.TB, got rowevent.Rows, rows, theirs [][]any) {
	t.Helper()
	if len(got.Images) != len(rows) || theirs != nil && len(theirs) != len(rows) {
		t.Fatalf("%d rows, go-mysql %d, want %d", len(got.Images), len(theirs), len(rows))
	}
	for r, im := range got.Images {
		if im.Len() != len(rows[r]) || im.IsZero() {
			t.Fatalf("a row of %d columns", im.Len())
		}
		for i, given := range rows[r] {
			v := im.Value(i)
			if v.IsNull() != (given == nil) || im.Null(i) != (given == nil) {
				t.Fatalf("row %d column %d: %s of %v", r, i, v, given)
			}
			if given != nil {
				if text, want := stored(v, given); text != want {
					t.Fatalf("row %d column %d: %s %s, want %s", r, i, v.TypeName(), text, want)
				}
			}
			if theirs == nil {
				continue
			}
			if diff := agrees(v, theirs[r][i]); diff != "" {
				t.Fatalf("row %d column %d: %s", r, i, diff)
			}
		}
	}
}

// TestManyColumns: maps of columns and NULLs of all lengths, up to more than a
// thousand columns.
func TestManyColumns(t *testing.T) {
	for _, n := range []int{1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 250, 251, 255, 256, 1017, 1024, 4096} {
		columns, row, other := make([]string, n), make([]any, n), make([]any, n)
		for i := range columns {
			columns[i] = "int"
			if i%3 != n%3 {
				row[i] = i
			}
			if i%5 != n%5 {
				other[i] = -i
			}
		}
		const typ = byte(replication.UPDATE_ROWS_EVENTv2)
		tableMap := rowtest.TableMap(t, 5, "d", "t", columns)
		body := rowtest.RowsEvent(t, typ, 5, columns, row, other)
		got := rowtest.Rows(t, tableMap, typ, body)
		compare(t, got, [][]any{row, other}, newOracle(t).rows(t, tableMap, typ, body))
		for _, head := range []int{1, n / 2, n} {
			if im := got.Images[0].Head(head); im.Len() != head || head > 0 && im.Null(head-1) != (row[head-1] == nil) {
				t.Errorf("the first %d of %d columns: %d", head, n, im.Len())
			}
		}
	}
}

// TestManyRows: images stay apart from those of rows and events before them.
func TestManyRows(t *testing.T) {
	columns := []string{"int", "varchar(20)"}
	const typ = byte(replication.WRITE_ROWS_EVENTv2)
	d := rowevent.NewDecoder()
	if _, err := d.TableMap(rowtest.TableMap(t, 5, "d", "t", columns)); err != nil {
		t.Fatal(err)
	}
	var all []rowevent.Image
	var want [][]any
	for event := range 30 {
		var rows [][]any
		for i := range 1 + event*event {
			rows = append(rows, []any{event*1000 + i, fmt.Appendf(nil, "%*d", i%20, event)})
		}
		got, err := d.Rows(typ, rowtest.RowsEvent(t, typ, 5, columns, rows...), everything)
		if err != nil {
			t.Fatal(err)
		}
		all, want = append(all, got.Images...), append(want, rows...)
	}
	compare(t, rowevent.Rows{Images: all}, want, nil)
}

func everything(*rowevent.Table) bool { return true }
