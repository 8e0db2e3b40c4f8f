package syncer

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestOrderKeepsKeys runs random transactions through the order and a random
// interleaving of lanes that keep its rules: every key sees its transactions in
// source order, nothing blocks for ever, and the watermark passes only what is done.
func TestOrderKeepsKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lanes := rapid.IntRange(1, 5).Draw(t, "lanes")
		q, w := newQueues(t, lanes), newWindow(binlog.Location{}, checkpoint.Applied{})
		o := q.order
		n := rapid.IntRange(1, 40).Draw(t, "transactions")
		seen := map[uint64]uint64{}
		finished, added := 0, 0
		step := func(lane int) bool {
			j, ok := q.next(lane)
			if !ok {
				return false
			}
			for _, tx := range j.txns {
				for _, k := range tx.keys {
					if seen[k] >= tx.seq {
						t.Fatalf("key %d: transaction %d is applied after %d", k, tx.seq, seen[k])
					}
					seen[k] = tx.seq
				}
				finished++
			}
			w.finish(j.txns...)
			q.applied(lane, j.txns)
			if at, mark := w.watermark(); int(mark) > finished || at.Position.Pos != uint32(mark) {
				t.Fatalf("watermark %v, mark %d, finished %d", at, mark, finished)
			}
			return true
		}
		for added < n || finished < n {
			if added < n && rapid.Bool().Draw(t, "add") {
				added++
				keys := rapid.SliceOfNDistinct(rapid.IntRange(0, 6), 1, 3, rapid.ID[int]).Draw(t, "keys")
				tx := &Txn{End: binlog.Location{Position: binlog.Position{Name: "b.1", Pos: uint32(added)}}, Rows: make([]Row, 1), Last: true}
				for _, k := range keys {
					tx.keys = append(tx.keys, uint64(k))
				}
				q.put(w, tx)
				continue
			}
			q.some(added == n)
			first := rapid.IntRange(0, lanes-1).Draw(t, "lane")
			moved := false
			for i := range lanes {
				if moved = step((first + i) % lanes); moved {
					break
				}
			}
			if !moved && finished < added {
				t.Fatalf("%d of %d are finished and no lane can go on", finished, added)
			}
			if !moved && added == n {
				break
			}
		}
		if o.forget(w.takePassed()); len(o.holder) != 0 {
			t.Fatalf("keys are left behind: %v", slices.Sorted(maps.Keys(o.holder)))
		}
	})
}

// TestRecordRefusesTheFuture breaks the invariant watermark <= applied on
// purpose and expects the assertion to say so (peer-bugs 1).
func TestRecordRefusesTheFuture(t *testing.T) {
	w := newWindow(binlog.Location{}, checkpoint.Applied{})
	tx := &Txn{GTID: "0-1-1", Last: true}
	if err := w.add(t.Context(), tx); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.record(0, nil, []*Txn{tx}); err != nil {
		t.Fatalf("a transaction in hand is refused: %v", err)
	}
	w.finish(tx)
	if _, _, err := w.record(0, nil, []*Txn{tx}); err == nil {
		t.Fatal("a lane may record a transaction that the watermark has passed")
	}
}

// TestRecordNamesWhatIsAbove follows the rows that two lanes write.
func TestRecordNamesWhatIsAbove(t *testing.T) {
	var inherited checkpoint.Applied
	inherited.Add("0-1-9")
	w := newWindow(binlog.Location{}, inherited)
	txns := make([]*Txn, 3)
	for i := range txns {
		txns[i] = &Txn{GTID: fmt.Sprintf("0-1-%d", i+1), Last: true, Rows: make([]Row, 1),
			End: binlog.Location{Position: binlog.Position{Name: "b.1", Pos: uint32(i + 1)}}}
		if err := w.add(t.Context(), txns[i]); err != nil {
			t.Fatal(err)
		}
	}
	w.finish(txns[2]) // another lane was faster
	row, memory, err := w.record(1, []applied{{3, "0-1-3"}}, txns[1:2])
	if err != nil {
		t.Fatal(err)
	}
	if row.Watermark.Position.Pos != 0 || !row.Applied.Has("0-1-3") || !row.Applied.Has("0-1-2") || row.Applied.Has("0-1-9") || len(memory) != 1 {
		t.Errorf("row %+v, memory %v", row, memory)
	}
	w.finish(txns[0], txns[1])
	row, memory, err = w.record(1, memory, nil)
	if err != nil {
		t.Fatal(err)
	}
	if row.Watermark.Position.Pos != 3 || !row.Applied.Empty() || len(memory) != 0 {
		t.Errorf("behind the watermark: row %+v, memory %v", row, memory)
	}
	if row, _, _ = w.record(0, nil, nil); !row.Applied.Has("0-1-9") {
		t.Error("lane 0 has forgotten what an earlier run applied")
	}
}
