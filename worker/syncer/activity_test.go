package syncer

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/raftdm/raftdm/internal/status"
)

// What is shown of lanes is what they say of themselves, and what holds
// everything up goes away when it is over.
func TestActivityIsShown(t *testing.T) {
	s := newStats()
	lanes := []*lane{{}, {}, {}, {}}
	lanes[1].doing.now(laneApplies)
	lanes[2].doing.now(laneApplies)
	lanes[3].doing.now(laneWaits)
	s.watchLanes(lanes)
	s.hold("the DDL at %s is being executed", "(b.000001, 4)")
	s.heldSince = time.Now().Add(-90 * time.Second)
	want := &status.Sync{Lanes: 4, LanesApplying: 2, LanesWaiting: 1, Held: "the DDL at (b.000001, 4) is being executed, for 90 s"}
	only := cmpopts.IgnoreFields(status.Sync{}, "At", "MasterBinlog", "SyncerBinlog", "BinlogType")
	if diff := cmp.Diff(want, s.snapshot(), only); diff != "" {
		t.Error(diff)
	}
	s.hold("")
	lanes[1].doing.now(laneIdle)
	want = &status.Sync{Lanes: 4, LanesApplying: 1, LanesWaiting: 1}
	if diff := cmp.Diff(want, s.snapshot(), only); diff != "" {
		t.Error(diff)
	}
	if got := shortDDL(strings.Repeat("é", 500)); len([]rune(got)) != 121 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}
