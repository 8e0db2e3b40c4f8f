package syncer

import (
	"testing"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

func place(t *testing.T, pos uint32, gtid string) binlog.Location {
	t.Helper()
	set, err := binlog.ParseGTIDSet(binlog.MariaDB, gtid)
	if err != nil {
		t.Fatal(err)
	}
	return binlog.Location{Position: binlog.Position{Name: "b.000001", Pos: pos}, GTID: set}
}

// TestSyncedIsNeverTooEarly: synced is what people cut over by. An answer of
// the source that is older than the watermark proves nothing.
func TestSyncedIsNeverTooEarly(t *testing.T) {
	for _, byGTID := range []bool{false, true} {
		begin, end, beyond := place(t, 100, "0-1-1"), place(t, 200, "0-1-2"), place(t, 300, "0-1-3")
		s := newStats()
		s.begin(newMetrics(nil, "t", "s", "w"))
		w := newWindow(begin, checkpoint.Applied{})
		s.watch(w, &reader{byGTID: byGTID})
		want := func(step string, synced bool) {
			t.Helper()
			if got := s.snapshot().Synced; got != synced {
				t.Errorf("by GTID %t, %s: synced %t", byGTID, step, got)
			}
		}
		want("before the first answer", false)
		s.sample(begin, end, true)
		want("behind", false)

		txn := &Txn{GTID: "0-1-2", End: end, Last: true}
		if err := w.add(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
		w.finish(txn)
		want("at the end that the source had before", false)
		s.sample(end, end, true)
		want("asked after it was reached", true)

		txn = &Txn{GTID: "0-1-3", End: beyond, Last: true}
		if err := w.add(t.Context(), txn); err != nil {
			t.Fatal(err)
		}
		want("more is in flight", false)
		w.finish(txn)
		want("beyond the last answer", false)
		s.sample(beyond, beyond, true)
		want("asked again", true)
		s.sample(beyond, binlog.Location{}, false)
		want("the source does not answer", false)
	}
}
