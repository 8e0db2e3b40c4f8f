package check

import (
	"bytes"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

var saved = flag.String("history", "", "a saved history to check")

// TestSaved checks the history that a run left:
// go test ./jepsen/check -run TestSaved -history FILE
func TestSaved(t *testing.T) {
	if *saved == "" {
		t.Skip("no -history is given")
	}
	f, err := os.Open(*saved)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h, err := history.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[history.Kind]int{}
	for _, op := range h.Ops {
		counts[op.Kind]++
	}
	t.Logf("%d operations and %d faults: %v", len(h.Ops), len(h.Faults), counts)
	for _, err := range All(h) {
		t.Error(err)
	}
}

// An hour of history, written to a file and read again, is checked well within
// two minutes.
func TestAnHourIsCheckedInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("half a million operations; not run with -short")
	}
	h := hour(500_000)
	var file bytes.Buffer
	if err := history.Save(&file, h); err != nil {
		t.Fatal(err)
	}
	size := file.Len()
	began := time.Now()
	read, err := history.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	loaded := time.Since(began)
	for _, err := range All(read) {
		t.Error(err)
	}
	took := time.Since(began)
	t.Logf("%d operations, %d MB: loaded in %s, checked in %s", len(read.Ops), size>>20, loaded, took-loaded)
	if took > 2*time.Minute {
		t.Errorf("an hour of history took %s to check", took)
	}
}

// hour makes a good history of n operations: four writers, of which every tenth
// transaction is an update, and a reader of their newest rows.
func hour(n int) history.History {
	tl := newTale()
	type made struct{ seq, version int }
	rows := make([][]made, 4)
	for i := 0; len(tl.h.Ops) < n; i++ {
		client := i % len(rows)
		mine := rows[client]
		switch {
		case i%5 == 4 && len(mine) > 0:
			in := history.Window{Source: "s", Client: client, Low: max(0, len(mine)-25), High: len(mine)}
			var seen []history.Row
			for _, m := range mine[in.Low:] {
				seen = append(seen, row(m.seq, m.version))
			}
			out := both(seen...)
			out.Published = gtid(i).GTID
			tl.ok("reader", history.RowsRead, in, out)
		case i%10 == 0 && len(mine) > 5:
			m := &mine[len(mine)-5]
			m.version++
			w := update(m.seq, m.version)
			w.Client = client
			tl.ok("writer", history.RowsWrite, w, gtid(i))
		case i%2 == 0:
			tl.ok("banker", history.BankRead, bank, balances(int64(i), 100-int64(i)))
		default:
			w := insert(len(mine), 1)
			w.Client = client
			rows[client] = append(mine, made{len(mine), 1})
			tl.ok("writer", history.RowsWrite, w, gtid(i))
		}
	}
	return tl.h
}
