package rpc

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

func drawAssignment(t *rapid.T, index fsm.Index) fsm.Assignment {
	a := fsm.Assignment{Index: index}
	if !rapid.Bool().Draw(t, "bound") {
		return a
	}
	a.Source = &fsm.Source{ID: fsm.SourceID(rapid.SampledFrom([]string{"s1", "s2"}).Draw(t, "source")), Config: "c", Created: 3}
	a.Epoch = fsm.Epoch(rapid.IntRange(1, 2).Draw(t, "epoch"))
	for _, task := range []fsm.TaskName{"a", "b", "c", "d"} {
		if rapid.Bool().Draw(t, "has") {
			a.Subtasks = append(a.Subtasks, fsm.Subtask{Task: task, Source: a.Source.ID, Config: "y",
				Stage:    rapid.SampledFrom([]status.Stage{status.StageRunning, status.StagePaused}).Draw(t, "stage"),
				Revision: fsm.Index(rapid.IntRange(1, 3).Draw(t, "revision"))})
		}
	}
	return a
}

// TestStepsLeadToTheState: whatever the worker had, the message that step picks
// leads it to what it should have, and to nothing else.
func TestStepsLeadToTheState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		has, now := drawAssignment(t, 10), drawAssignment(t, 20)
		base := &has
		if rapid.Bool().Draw(t, "nothing yet") {
			base = nil
		}
		m := step(base, now)
		var got fsm.Assignment
		switch x := m.GetMessage().(type) {
		case nil:
			if base == nil || !same(has, now) {
				t.Fatal("nothing was sent although the assignment differs")
			}
			return
		case *clusterpb.SessionResponse_Assign:
			got = decodeAssign(overTheWire(t, x.Assign))
		case *clusterpb.SessionResponse_Update:
			var err error
			if got, err = applyUpdate(base, overTheWire(t, x.Update)); err != nil {
				t.Fatal(err)
			}
			other := has
			other.Index++
			if _, err := applyUpdate(&other, x.Update); !errors.Is(err, errChain) {
				t.Fatalf("an update was applied to another assignment: %v", err)
			}
			if _, err := applyUpdate(nil, x.Update); !errors.Is(err, errChain) {
				t.Fatalf("an update was applied to nothing: %v", err)
			}
		}
		if diff := cmp.Diff(now, got); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func overTheWire[M proto.Message](t *rapid.T, m M) M {
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
	return out.(M)
}

func TestReportSurvivesTheSession(t *testing.T) {
	want := status.Report{Source: "s", Epoch: 5, Subtasks: []status.Subtask{
		{Task: "d", Stage: status.StageRunning, Unit: status.UnitDump, Revision: 9, Dump: &status.Dump{TotalTables: 1, CompletedTables: 0.5,
			FinishedBytes: 2, FinishedRows: 3, EstimateRows: 4, BytesPerSecond: 5, Progress: "6 %", ETALow: 7, ETAHigh: 8, Held: "9"}},
		{Task: "l", Stage: status.StagePaused, Unit: status.UnitLoad, Load: &status.Load{ETALow: 8, ETAHigh: 9, Conflicts: 10, LastConflict: "c", Held: "h", FinishedBytes: 1, TotalBytes: 2, Progress: "3 %",
			MetaBinlog: "4", MetaBinlogGTID: "5", BytesPerSecond: 6, FinishedRows: 7}},
		{Task: "s", Stage: status.StageRunning, Unit: status.UnitSync, Sync: &status.Sync{TotalEvents: 1, TotalTPS: 2, RecentTPS: 3, TotalRows: 4,
			TotalRPS: 5, RecentRPS: 6, MasterBinlog: "7", MasterBinlogGTID: "8", SyncerBinlog: "9", SyncerBinlogGTID: "10",
			BlockingDDLs: []string{"11"}, Synced: true, BinlogType: "remote", SecondsBehindMaster: 12, IOTotalBytes: 13,
			UnmatchedRows: 14, LastUnmatched: "15", Cascades: []string{"18", "19"}, Lanes: 20, LanesApplying: 21, LanesWaiting: 22,
			QueuedRows: 23, Held: "24", At: time.Unix(16, 17).UTC()}},
	}}
	if diff := cmp.Diff(want, decodeReport(encodeReport(want))); diff != "" {
		t.Errorf("(-sent +received):\n%s", diff)
	}
}
