package check

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/jepsen/history"
)

var window = history.Window{Source: "s", Client: 0, Low: 0, High: 10}

func insert(seq, count int) history.Write {
	return history.Write{Source: "s", Op: history.Insert, Seq: seq, Count: count, Version: 1}
}

func update(seq, version int) history.Write {
	return history.Write{Source: "s", Op: history.Update, Seq: seq, Count: 1, Version: version}
}

func remove(seq int) history.Write {
	return history.Write{Source: "s", Op: history.Delete, Seq: seq, Count: 1}
}

func gtid(n int) history.Committed { return history.Committed{GTID: fmt.Sprintf("0-1-%d", n)} }

func row(seq, version int) history.Row { return history.Row{seq, version} }

// both is a snapshot with the same rows in both tables.
func both(rows ...history.Row) history.Rows { return history.Rows{Keyed: rows, Keyless: rows} }

// written is a history in which rows 1 and 2 were inserted, row 1 updated to
// version 3 and row 2 deleted.
func written() *tale {
	return newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)).
		ok("w", history.RowsWrite, update(1, 2), gtid(2)).
		ok("w", history.RowsWrite, update(1, 3), gtid(3)).
		ok("w", history.RowsWrite, remove(2), gtid(4))
}

func reads(t *tale, snapshots ...history.Rows) *tale {
	for _, s := range snapshots {
		t.ok("r", history.RowsRead, window, s)
	}
	return t
}

func TestTorn(t *testing.T) {
	judge(t, Torn, []verdict{
		{"each transaction as a whole", reads(written(), both(), both(row(1, 1), row(2, 1)), both(row(1, 3), row(2, 1)), both(row(1, 3))), nil},
		{"only in the table with a key", reads(written(), history.Rows{Keyed: []history.Row{{1, 3}}}), []error{ErrTornTxn}},
		{"only in the table without one", reads(written(), history.Rows{Keyless: []history.Row{{1, 3}}}), []error{ErrTornTxn}},
		{"two versions at once", reads(written(), history.Rows{Keyed: []history.Row{{1, 3}}, Keyless: []history.Row{{1, 2}}}), []error{ErrTornTxn}},
		{"half an insert of two rows", reads(newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)), both(row(2, 1))), []error{ErrTornTxn}},
		{"half an insert, whose other half is outside the window",
			newTale().ok("w", history.RowsWrite, insert(9, 2), gtid(1)).ok("r", history.RowsRead, window, both(row(9, 1))), nil},
		{"half an insert, whose other half may be deleted", reads(newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)).
			add("w", history.RowsWrite, history.Unknown, remove(2), nil), both(row(1, 1))), nil},
		{"half an insert, whose other half was not deleted", reads(newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)).
			add("w", history.RowsWrite, history.Failed, remove(2), nil), both(row(1, 1))), []error{ErrTornTxn}},
		{"half an insert, whose other half is deleted only later", reads(newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)), both(row(1, 1))).
			ok("w", history.RowsWrite, remove(2), gtid(2)), []error{ErrTornTxn}},
	})
}

func TestPhantom(t *testing.T) {
	undone := insert(5, 1)
	undone.Undone = true
	judge(t, Phantom, []verdict{
		{"what was written", reads(written(), both(row(1, 2), row(2, 1))), nil},
		{"an unknown outcome that happened", reads(newTale().add("w", history.RowsWrite, history.Unknown, insert(1, 1), nil), both(row(1, 1))), nil},
		{"a row of nobody", reads(written(), both(row(3, 1))), []error{ErrPhantomRow}},
		{"a version of nobody", reads(written(), both(row(1, 4))), []error{ErrPhantomRow}},
		{"a transaction that failed", reads(newTale().add("w", history.RowsWrite, history.Failed, insert(1, 1), nil), both(row(1, 1))), []error{ErrPhantomRow}},
		{"a transaction that was rolled back", reads(newTale().ok("w", history.RowsWrite, undone, nil), both(row(5, 1))), []error{ErrPhantomRow}},
		{"a row before it was written", reads(newTale(), both(row(1, 1))).ok("w", history.RowsWrite, insert(1, 1), gtid(1)), []error{ErrPhantomRow}},
		{"a row while it is written", newTale().ok("r", history.RowsRead, window, both(row(1, 1))).
			ok("w", history.RowsWrite, insert(1, 1), gtid(1)).during(1), nil},
		{"a row twice in the table without a key", reads(written(), history.Rows{Keyed: []history.Row{{1, 1}}, Keyless: []history.Row{{1, 1}, {1, 1}}}), []error{ErrPhantomRow}},
		{"another client's row", newTale().ok("w", history.RowsWrite, insert(1, 1), gtid(1)).
			ok("r", history.RowsRead, history.Window{Source: "s", Client: 1, High: 9}, both(row(1, 1))), []error{ErrPhantomRow}},
	})
}

func TestStale(t *testing.T) {
	half := func(keyed, keyless history.Row) history.Rows {
		return history.Rows{Keyed: []history.Row{keyed}, Keyless: []history.Row{keyless}}
	}
	judge(t, Stale, []verdict{
		{"versions rise and rows go", reads(written(), both(), both(row(1, 1), row(2, 1)), both(row(1, 3), row(2, 1)), both(row(1, 3)), both(row(1, 3))), nil},
		{"a version goes back", reads(written(), both(row(1, 3)), both(row(1, 2))), []error{ErrStaleWin}},
		{"a version goes back for another reader", reads(written(), both(row(1, 3))).ok("r2", history.RowsRead, window, both(row(1, 2))), []error{ErrStaleWin}},
		{"a version goes back after a while", reads(written(), both(row(1, 3)), both(row(1, 3)), both(row(1, 3)), both(row(1, 1))), []error{ErrStaleWin}},
		{"two readers at once", reads(written(), both(row(1, 3))).ok("r2", history.RowsRead, window, both(row(1, 2))).during(1), nil},
		{"a version goes back in the table without a key only", reads(written(), half(row(1, 3), row(1, 3)), half(row(1, 3), row(1, 2))), []error{ErrStaleWin}},
		{"a deleted row is back", reads(written(), both(row(1, 3), row(2, 1)), both(row(1, 3)), both(row(1, 3), row(2, 1))), []error{ErrStaleWin}},
		{"a row is gone that nobody deleted", reads(written(), both(row(1, 3)), both()), []error{ErrLostRow}},
		{"a row is gone and then deleted", reads(newTale().ok("w", history.RowsWrite, insert(1, 1), gtid(1)), both(row(1, 1)), both()).
			ok("w", history.RowsWrite, remove(1), gtid(2)), []error{ErrLostRow}},
		{"a row is gone whose deletion is unknown", reads(newTale().ok("w", history.RowsWrite, insert(1, 1), gtid(1)).
			add("w", history.RowsWrite, history.Unknown, remove(1), nil), both(row(1, 1)), both()), nil},
		{"outside the window nothing is gone", reads(written(), both(row(1, 3))).
			ok("r", history.RowsRead, history.Window{Source: "s", Low: 5, High: 9}, both()), nil},
	})
}

func TestRowsEnd(t *testing.T) {
	end := func(t *tale, up, down []history.OwnedRow) *tale {
		return t.ok("r", history.RowsFinal, history.Side{Source: "s"},
			history.RowsEnd{UpstreamKeyed: up, UpstreamKeyless: up, TargetKeyed: down, TargetKeyless: down})
	}
	rows := func(list ...history.OwnedRow) []history.OwnedRow { return list }
	unsure := func(w history.Write) *tale { return written().add("w", history.RowsWrite, history.Unknown, w, nil) }
	good := history.OwnedRow{0, 1, 3}
	keylessOnly := written().ok("r", history.RowsFinal, history.Side{Source: "s"}, history.RowsEnd{UpstreamKeyed: rows(good),
		UpstreamKeyless: rows(good), TargetKeyed: rows(good), TargetKeyless: rows(good, good)})
	judge(t, RowsEnd, []verdict{
		{"equal and as acknowledged", end(written(), rows(good), rows(good)), nil},
		{"missing on the target", end(written(), rows(good), nil), []error{ErrLostRow}},
		{"acknowledged and on neither side", end(written(), nil, nil), []error{ErrLostRow}},
		{"acknowledged as another version", end(written(), rows(history.OwnedRow{0, 1, 2}), rows(history.OwnedRow{0, 1, 2})), []error{ErrLostRow}},
		{"an older version won", end(written(), rows(good), rows(history.OwnedRow{0, 1, 2})), []error{ErrStaleWin}},
		{"a deletion did not arrive", end(written(), rows(good), rows(good, history.OwnedRow{0, 2, 1})), []error{ErrStaleWin}},
		{"a row of nobody", end(written(), rows(good), rows(good, history.OwnedRow{0, 7, 1})), []error{ErrPhantomRow}},
		{"a version of nobody", end(written(), rows(good), rows(history.OwnedRow{0, 1, 9})), []error{ErrPhantomRow}},
		{"twice in the table without a key", keylessOnly, []error{ErrPhantomRow}},
		{"unknown and done", end(unsure(update(1, 4)), rows(history.OwnedRow{0, 1, 4}), rows(history.OwnedRow{0, 1, 4})), nil},
		{"unknown and not done", end(unsure(update(1, 4)), rows(good), rows(good)), nil},
		{"unknown, done upstream only", end(unsure(update(1, 4)), rows(history.OwnedRow{0, 1, 4}), rows(good)), []error{ErrStaleWin}},
		{"unknown insert, not done", end(unsure(insert(5, 1)), rows(good), rows(good)), nil},
		{"unknown insert, on the target only", end(unsure(insert(5, 1)), rows(good), rows(good, history.OwnedRow{0, 5, 1})), []error{ErrPhantomRow}},
		{"unknown deletion, done", end(unsure(remove(1)), nil, nil), nil},
		{"unknown deletion, not done", end(unsure(remove(1)), rows(good), rows(good)), nil},
		{"another source is another matter", newTale().ok("r", history.RowsFinal, history.Side{Source: "other"}, history.RowsEnd{}), nil},
	})
}

func TestWatermark(t *testing.T) {
	at := func(published string, rows ...history.Row) history.Rows {
		r := both(rows...)
		r.Published = published
		return r
	}
	lane := func(l history.Lane, rows ...history.Row) history.Rows {
		r := both(rows...)
		r.Lanes = []history.Lane{{Lane: 0, Watermark: "0-1-0"}, l}
		return r
	}
	keylessLate := at("0-1-1", row(1, 1), row(2, 1))
	keylessLate.Keyless = nil
	judge(t, Watermark, []verdict{
		{"data and position agree", reads(written(), at(""), at("0-1-1", row(1, 1), row(2, 1)), at("0-1-3", row(1, 3), row(2, 1)), at("0-1-4", row(1, 3))), nil},
		{"data ahead of the position", reads(written(), at("0-1-1", row(1, 3))), nil},
		{"an insert is covered and not there", reads(written(), at("0-1-1", row(1, 1))), nil}, // row 2 may be deleted
		{"an insert that nobody deletes is covered and not there", reads(newTale().ok("w", history.RowsWrite, insert(1, 1), gtid(1)), at("0-1-1")), []error{ErrCheckpointAhead}},
		{"an update is covered and not there", reads(written(), at("0-1-3", row(1, 2))), []error{ErrCheckpointAhead}},
		{"a deletion is covered and the row is there", reads(written(), at("0-1-4", row(1, 3), row(2, 1))), []error{ErrCheckpointAhead}},
		{"only the table without a key is late", reads(newTale().ok("w", history.RowsWrite, insert(1, 2), gtid(1)), keylessLate), []error{ErrCheckpointAhead}},
		{"a lane's watermark is ahead", reads(written(), lane(history.Lane{Lane: 1, Watermark: "0-1-2,7-1-9"}, row(1, 1))), []error{ErrCheckpointAhead}},
		{"a lane's set is ahead", reads(written(), lane(history.Lane{Lane: 1, Applied: map[string]string{"0-1-": "1,3-4"}}, row(1, 2))), []error{ErrCheckpointAhead}},
		{"a lane's set has a hole there", reads(written(), lane(history.Lane{Lane: 1, Applied: map[string]string{"0-1-": "1,5-9"}}, row(1, 1), row(2, 1))), nil},
		{"another server's numbers", reads(written(), lane(history.Lane{Lane: 1, Applied: map[string]string{"0-2-": "1-9"}})), nil},
		{"another domain", reads(written(), at("1-1-100")), nil},
		{"an unknown outcome need not be there", reads(newTale().add("w", history.RowsWrite, history.Unknown, insert(1, 1), nil), at("0-1-9")), nil},
		{"a position that nobody can read", reads(written(), at("binlog.000001")), []error{ErrCheckpointAhead}},
		{"a set that nobody can read", reads(written(), lane(history.Lane{Applied: map[string]string{"0-1-": "x"}})), []error{ErrCheckpointAhead}},
	})
}
