package raftnode

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/raftdm/raftdm/internal/fault"
)

// A process that was stopped for a while, a machine that slept: the time that
// went by meanwhile was nobody's, and the disk has not hung.
func TestTimeThatTheProcessSleptThroughIsNotTheDisks(t *testing.T) {
	const most = 200 * time.Millisecond
	o := newOperations()
	now := time.Now()
	end := o.begin("append to the log")
	if _, age := o.oldest(now.Add(time.Hour), most); age > most {
		t.Errorf("a write that an hour's sleep interrupted is %s old", age)
	}
	// A disk that does not answer while the process looks on does hang.
	for i := range 20 {
		o.oldest(now.Add(time.Hour+time.Duration(i+1)*100*time.Millisecond), most)
	}
	what, age := o.oldest(now.Add(time.Hour+2*time.Second), most)
	if what != "append to the log" || age < 2*time.Second || age > 2*time.Second+most {
		t.Errorf("%q is %s old, want 2s", what, age)
	}
	end()
	if what, age := o.oldest(now.Add(2*time.Hour), most); age != 0 {
		t.Errorf("%q is still there, %s old", what, age)
	}
}

// A process that dies between the two writes of a vote: whom it voted for in an
// earlier term must not become its vote in the later one, in which raft would
// give it without looking at that one's log.
func TestATornVoteIsNobodys(t *testing.T) {
	path := filepath.Join(t.TempDir(), logFile)
	open := func() (*raftboltdb.BoltStore, *guard) {
		t.Helper()
		bolt, err := raftboltdb.NewBoltStore(path)
		if err != nil {
			t.Fatal(err)
		}
		return bolt, newGuard(bolt, path, newOperations())
	}
	bolt, g := open()
	if err := errors.Join(g.SetUint64([]byte(voteTerm), 4), g.Set([]byte(voteCandidate), []byte("m1:1")), g.SetUint64([]byte(voteTerm), 5), bolt.Close()); err != nil {
		t.Fatal(err)
	}
	bolt, g = open()
	defer bolt.Close()
	term, err := g.GetUint64([]byte(voteTerm))
	if err != nil || term != 5 {
		t.Errorf("term %d, %v", term, err)
	}
	if who, err := g.Get([]byte(voteCandidate)); err == nil && who != nil {
		t.Errorf("in term 5 it voted for %q", who)
	}
}

// The last entry of a snapshot stands in for one that is gone only where the
// state has it. A state that was put back behind it, by a snapshot that arrived
// late, would be given raft's idle entry for the command, and miss that for ever.
func TestNothingStandsInForAnEntryThatTheStateLacks(t *testing.T) {
	for _, applied := range []uint64{99, 100} {
		failed := make(chan error, 1)
		g := newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())
		g.fail = func(err error) { failed <- err }
		g.applied = func() uint64 { return applied }
		g.start(func() bool { return false })
		if err := g.settle(100, 3); err != nil {
			t.Fatal(err)
		}
		got := make(chan *raft.Log, 1)
		go func() { // die ends it
			defer close(got)
			var l raft.Log
			if err := g.GetLog(100, &l); err == nil {
				got <- &l
			}
		}()
		l := <-got
		if applied == 100 && (l == nil || l.Term != 3 || l.Type != raft.LogNoop) {
			t.Errorf("the snapshot's last entry is %+v", l)
		}
		if applied == 99 {
			if l != nil {
				t.Errorf("%+v stands in for an entry that was not applied", l)
			} else if err := <-failed; fault.HintOf(err) == "" {
				t.Errorf("it stops because of %v, with no hint", err)
			}
		}
	}
}

// What stands in for an entry is never sent as one: the other member would keep
// it in place of the command.
func TestWhatStandsInIsNotSent(t *testing.T) {
	g := newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())
	g.applied = func() uint64 { return 100 }
	if err := g.settle(100, 3); err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := g.GetLog(100, &l); err != nil {
		t.Fatal(err)
	}
	_, trans := raft.NewInmemTransport("m1:1")
	w, err := newWire(trans, g, func(string, int) {}, func() (uint64, uint64) { return 0, 0 })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	q := &raft.AppendEntriesRequest{PrevLogEntry: 99, Entries: []*raft.Log{&l}}
	if err := w.AppendEntries("m2", "m2:1", q, &raft.AppendEntriesResponse{}); !errors.Is(err, errStandsIn) {
		t.Errorf("it was sent: %v", err)
	}
}
