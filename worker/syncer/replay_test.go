package syncer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestReplayed: up to a table's first place its rows are left out, up to its last
// one they are applied safely, and then exactly; tables that are not in the dump,
// and DDL, are left out up to the last place of all.
func TestReplayed(t *testing.T) {
	places := make([]binlog.Location, 3)
	for i := range places {
		set, err := binlog.ParseGTIDSet(binlog.MariaDB, fmt.Sprintf("0-1-%d", 10*(i+1)))
		if err != nil {
			t.Fatal(err)
		}
		places[i] = binlog.Location{Position: binlog.Position{Name: "bin.000001", Pos: uint32(1000 * (i + 1))}, GTID: set}
	}
	said := &checkpoint.Replay{Places: places, Tables: []checkpoint.ReplayTable{
		{Schema: "d", Table: "old", From: 0, To: 0}, {Schema: "d", Table: "mixed", From: 0, To: 2}, {Schema: "d", Table: "new", From: 2, To: 2}}}
	for _, byGTID := range []bool{false, true} {
		c := &coordinator{replay: newReplay(said, byGTID), byGTID: byGTID}
		var got []string
		for _, at := range []int{5, 10, 11, 20, 25, 30, 31} {
			tx := &Txn{GTID: fmt.Sprintf("0-1-%d", at), Begin: binlog.Position{Name: "bin.000001", Pos: uint32(100*at - 50)}}
			for _, name := range []string{"old", "mixed", "new", "gone"} {
				tx.Rows = append(tx.Rows, Row{Table: schema.Name{Schema: "d", Table: name}})
			}
			for range 2 { // again, as when more rows have come
				if err := c.replayed(tx); err != nil {
					t.Fatal(err)
				}
			}
			line := fmt.Sprintf("%d safe=%t left=%d:", at, tx.safe, tx.left)
			for _, r := range tx.Rows {
				line += " " + r.Table.Table
			}
			got = append(got, line)
		}
		want := []string{"5 safe=false left=4:", "10 safe=false left=4:", "11 safe=true left=2: old mixed", "20 safe=true left=2: old mixed",
			"25 safe=true left=2: old mixed", "30 safe=true left=2: old mixed", "31 safe=false left=0: old mixed new gone"}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("by GTID %t: %s", byGTID, d)
		}
		if c.replay != nil {
			t.Errorf("by GTID %t: it goes on behind its end", byGTID)
		}
	}
}
