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

// The last entry of a snapshot stands in for one that is gone only where that was
// applied. One that raft is about to apply would be lost for ever; and one that
// is not there at all would have raft end the process. The state itself tells
// nothing: it never sees raft's own entries, with which a snapshot may end.
func TestNothingStandsInForAnEntryToBeApplied(t *testing.T) {
	for _, applied := range []uint64{98, 99, 100} {
		failed := make(chan error, 1)
		g := newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())
		g.fail = func(err error) { failed <- err }
		g.known = func() progress { return progress{applied: applied, commit: 100, last: 100} }
		g.start(func() bool { return false })
		if err := g.settle(100, 3); err != nil {
			t.Fatal(err)
		}
		got := make(chan *raft.Log, 1)
		go func() { // die ends it
			defer close(got)
			var l raft.Log
			if err := g.GetLog(min(applied+1, 100), &l); err == nil {
				got <- &l
			}
		}()
		l := <-got
		if applied == 100 && (l == nil || l.Term != 3 || l.Type != raft.LogNoop) {
			t.Errorf("the snapshot's last entry is %+v", l)
		}
		if applied < 100 {
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
	g.known = func() progress { return progress{applied: 100, commit: 100, last: 100} }
	if err := g.settle(100, 3); err != nil {
		t.Fatal(err)
	}
	var l raft.Log
	if err := g.GetLog(100, &l); err != nil {
		t.Fatal(err)
	}
	_, trans := raft.NewInmemTransport("m1:1")
	w, err := newWire(trans, g, func(string, int) {}, g.known, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	q := &raft.AppendEntriesRequest{PrevLogEntry: 99, Entries: []*raft.Log{&l}}
	if err := w.AppendEntries("m2", "m2:1", q, &raft.AppendEntriesResponse{}); !errors.Is(err, errStandsIn) {
		t.Errorf("it was sent: %v", err)
	}
}

// A snapshot of its own that is ready only after the leader sent a newer one.
func TestAnOvertakenSnapshotIsNotKept(t *testing.T) {
	inner := raft.NewInmemSnapshotStore()
	g := newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())
	s := snapshots{inner, g}
	_, trans := raft.NewInmemTransport("m1:1")
	create := func(index uint64) raft.SnapshotSink {
		t.Helper()
		sink, err := s.Create(1, index, 3, raft.Configuration{}, 1, trans)
		if err != nil {
			t.Fatal(err)
		}
		return sink
	}
	own := create(100)
	g.expect(150)
	if err := create(150).Close(); err != nil {
		t.Fatal(err)
	}
	if err := own.Close(); !errors.Is(err, errOvertaken) {
		t.Errorf("raft believes that its snapshots end at 100: %v", err)
	}
	if err := g.restored(); err != nil || g.snapIndex != 150 {
		t.Errorf("the log goes by a snapshot that ends at %d, %v", g.snapIndex, err)
	}
	g.expect(0)
	if err := create(160).Close(); err != nil {
		t.Errorf("a newer one is refused: %v", err)
	}
}

// What raft is told of a leader's request.
func TestWhatIsToldOfALeadersRequest(t *testing.T) {
	g := newGuard(raft.NewInmemStore(), t.TempDir(), newOperations())
	if err := g.settle(100, 3); err != nil {
		t.Fatal(err)
	}
	entries := func(from, to uint64) (out []*raft.Log) {
		for i := from; i <= to; i++ {
			out = append(out, &raft.Log{Index: i, Term: 4})
		}
		return out
	}
	for name, c := range map[string]struct {
		prev, last, commit               uint64 // as sent
		toldPrev, toldFirst, toldCommits uint64
	}{
		"behind the snapshot":       {prev: 100, last: 105, commit: 103, toldPrev: 100, toldFirst: 101, toldCommits: 103},
		"begins before its end":     {prev: 90, last: 105, commit: 103, toldPrev: 100, toldFirst: 101, toldCommits: 103},
		"all covered by it":         {prev: 20, last: 30, commit: 103, toldPrev: 100, toldCommits: 30},
		"from the beginning":        {prev: 0, last: 64, commit: 103, toldPrev: 100, toldCommits: 64},
		"commits what it lacks":     {prev: 100, last: 105, commit: 300, toldPrev: 100, toldFirst: 101, toldCommits: 105},
		"a question with no answer": {prev: 110, last: 110, commit: 110, toldPrev: 110, toldCommits: 110},
	} {
		q := &raft.AppendEntriesRequest{PrevLogEntry: c.prev, PrevLogTerm: 2, Entries: entries(c.prev+1, c.last), LeaderCommitIndex: c.commit}
		got := g.told(q)
		first := uint64(0)
		if len(got.Entries) > 0 {
			first = got.Entries[0].Index
		}
		if got.PrevLogEntry != c.toldPrev || first != c.toldFirst || got.LeaderCommitIndex != c.toldCommits {
			t.Errorf("%s: after %d, first %d, committed %d", name, got.PrevLogEntry, first, got.LeaderCommitIndex)
		}
		if got.PrevLogEntry == 100 && c.prev < 100 && got.PrevLogTerm != 3 {
			t.Errorf("%s: the snapshot is of term %d", name, got.PrevLogTerm)
		}
		if len(q.Entries) != int(c.last-c.prev) || q.PrevLogEntry != c.prev {
			t.Errorf("%s: the request itself was changed", name)
		}
	}
	if q := (&raft.AppendEntriesRequest{}); g.told(q) != q {
		t.Error("a heartbeat was changed")
	}
}
