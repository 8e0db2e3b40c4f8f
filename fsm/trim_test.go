package fsm_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
)

// at proposes a change with a clock in milliseconds.
func (m *machine) at(milli int64, c fsm.Command) {
	m.t.Helper()
	data, err := fsm.Encode(fsm.Meta{UnixMilli: milli}, c)
	if err != nil {
		m.t.Fatal(err)
	}
	m.raw(data)
}

func (m *machine) put(milli int64) {
	m.t.Helper()
	m.at(milli, fsm.PutSource{ID: fsm.SourceID(fmt.Sprint("s", m.index))})
}

func (m *machine) floor() (f fsm.Index) {
	m.t.Helper()
	m.view(func(v *fsm.View) {
		f = v.ChangesFloor()
		if got, to, err := v.ChangesAfter(f, 1000); err != nil || to != m.index || (len(got) > 0 && got[0].Index <= f) {
			m.t.Errorf("after the floor %d: %d changes up to %d, %v", f, len(got), to, err)
		}
	})
	return f
}

func TestChangesAreTrimmedByAge(t *testing.T) {
	m := newMachine(t, fsm.Limits{Changes: 100, ChangesAge: 10 * time.Second, Requests: 1})
	for i := range 6 {
		m.put(int64(i) * 1000)
	}
	m.put(10_000)
	if got := m.floor(); got != 0 {
		t.Errorf("floor %d although none is older than 10 s", got)
	}
	// Two per command, however many are too old.
	var floors []fsm.Index
	for range 5 {
		m.put(60_000)
		floors = append(floors, m.floor())
	}
	if diff := cmp.Diff([]fsm.Index{2, 4, 6, 7, 7}, floors); diff != "" {
		t.Error(diff)
	}
}

// A clock that is behind, or missing, makes no change old and does not turn
// time back.
func TestAgeIsMeasuredByTheNewestClock(t *testing.T) {
	m := newMachine(t, fsm.Limits{Changes: 100, ChangesAge: 10 * time.Second, Requests: 1})
	m.put(100_000)
	m.put(0)
	m.put(50_000)
	m.put(109_000)
	if got := m.floor(); got != 0 {
		t.Errorf("floor %d: a change was old at birth", got)
	}
	// A refused command brings the time as well.
	m.at(111_000, fsm.RemoveSource{ID: "unknown"})
	if got := m.floor(); got != 0 {
		t.Errorf("floor %d: a refusal trims nothing", got)
	}
	m.put(0)
	m.put(0)
	if got := m.floor(); got != 3 {
		t.Errorf("floor %d, want 3", got)
	}
}

// After a clock of years ahead the log goes on, bounded by its count.
func TestAClockOfYearsAheadDoesNotEmptyTheLog(t *testing.T) {
	m := newMachine(t, fsm.Limits{Changes: 100, ChangesAge: 10 * time.Second, Requests: 1})
	for i := range 8 {
		m.put(int64(i))
	}
	m.at(1e15, fsm.RemoveSource{ID: "unknown"})
	for range 20 {
		m.put(9)
	}
	if got := m.floor(); got != 8 {
		t.Errorf("floor %d, want 8: changes that came after the jump are not old", got)
	}
}
