package raftnode

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/fault"
)

// spaceWait is how often a write is tried again while the disk is full.
const spaceWait = 100 * time.Millisecond

// guard stands between raft and its log. It measures every write for the
// watchdog, waits where raft could only panic, and keeps the log in agreement
// with the snapshots (settle).
type guard struct {
	inner Storage
	path  string
	ops   *operations

	// Set before raft starts: what a failure that raft can not bear does, when
	// the disk is full or has room again, and when the node stops.
	fail func(error)
	full func(bool)
	done <-chan struct{}
	// known is how far raft has come.
	known func() progress

	early early

	mu sync.Mutex // guards the fields below
	// leads: raft runs, which makes its goroutines such as can be ended, and
	// tells whether it leads; nil before.
	leads func() bool
	// snap is the newest snapshot's last entry: what the cluster agreed on,
	// whatever the log says.
	snapIndex, snapTerm uint64
	// shadow is the term that raft still believes snapIndex to have, 0 when
	// it believes what is true.
	shadow uint64
	stores uint64 // how often entries were stored
	// replacing: conflicting entries were removed, those that replace them
	// are not written yet.
	replacing bool
	// coming is the end of the snapshot that raft is being sent, 0 when it is
	// sent none.
	coming uint64
	// sent is the snapshot that the leader sent last, to settle with once the
	// state is replaced by it: until then the entries are still needed.
	sent *raft.Log
}

// progress is how far raft has come; all is 0 before it runs.
type progress struct {
	term            uint64
	applied, commit uint64 // the last entry handed to the state, the last agreed on
	last            uint64 // the last entry, of the log or of a snapshot
}

func newGuard(inner Storage, path string, ops *operations) *guard {
	return &guard{inner: inner, path: path, ops: ops, known: func() progress { return progress{} }}
}

// run calls a write, measured, with panics made errors.
func (g *guard) run(what string, fn func() error) error {
	defer g.ops.begin(what)()
	return unharmed(g.path, fn)
}

// die stops the node and ends the goroutine, which is raft's: going on with
// this error raft would panic, and the whole process with it.
func (g *guard) die(err error) error {
	g.mu.Lock()
	live := g.leads != nil
	g.mu.Unlock()
	if live {
		g.fail(err)
		runtime.Goexit()
	}
	return err
}

// must runs a write that raft can not do without; it waits for a full disk.
func (g *guard) must(what string, fn func() error) error {
	waited := false
	for {
		err := g.run(what, fn)
		if waited && err == nil {
			g.full(false)
		}
		if err == nil {
			return nil
		}
		if !diskFull(err) || g.done == nil {
			return g.die(fault.Wrap(what, err))
		}
		g.full(true)
		waited = true
		select {
		case <-time.After(spaceWait):
		case <-g.done:
			return g.die(fault.Wrap(what, err))
		}
	}
}

// Set keeps a value of raft's.
func (g *guard) Set(k, v []byte) error {
	return g.must("write a vote", func() error { return g.inner.Set(k, v) })
}

// Where raft keeps its term and its vote. It writes the vote's term first.
const (
	currentTerm   = "CurrentTerm"
	voteTerm      = "LastVoteTerm"
	voteCandidate = "LastVoteCand"
)

// SetUint64 keeps a number of raft's. Before the term of a vote it takes away
// whom the last one was for: a process that dies before raft has written the new
// one would otherwise come back with the old candidate in the new term, and raft
// gives a vote that it has given before without looking at the candidate's log.
// The old vote's term is over for good then, see CurrentTerm.
func (g *guard) SetUint64(k []byte, v uint64) error {
	if string(k) == voteTerm {
		if err := g.Set([]byte(voteCandidate), nil); err != nil {
			return err
		}
	}
	return g.must("write a term", func() error { return g.inner.SetUint64(k, v) })
}

// Get reads a value of raft's.
func (g *guard) Get(k []byte) (v []byte, err error) {
	err = unharmed(g.path, func() error { v, err = g.inner.Get(k); return err })
	return v, err
}

// GetUint64 reads a number of raft's.
func (g *guard) GetUint64(k []byte) (v uint64, err error) {
	err = unharmed(g.path, func() error { v, err = g.inner.GetUint64(k); return err })
	return v, err
}

// FirstIndex is the oldest entry's.
func (g *guard) FirstIndex() (i uint64, err error) {
	err = unharmed(g.path, func() error { i, err = g.inner.FirstIndex(); return err })
	return i, err
}

// LastIndex is the newest entry's.
func (g *guard) LastIndex() (i uint64, err error) {
	err = unharmed(g.path, func() error { i, err = g.inner.LastIndex(); return err })
	return i, err
}

// GetLog reads an entry. The last entry of the newest snapshot is known by its
// term even when the log has it no more: a follower asked whether it agrees up
// to there would otherwise say no, and be sent the snapshot again and again.
func (g *guard) GetLog(index uint64, l *raft.Log) error {
	// Asked for before the entry is looked for: from then on it can go only by
	// being compacted, which means that it was applied.
	commit := g.known().commit
	err := g.read(index, l)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, raft.ErrLogNotFound):
		return g.die(fault.Wrap("read the log", err))
	}
	// raft reads it to have it applied. It would panic, or apply as nothing at
	// all what stands in for it; a new start restores the state from a snapshot.
	if applied := g.known().applied; applied < index && index <= commit {
		return g.die(&fault.Error{Op: "read the log", Kind: fault.Unavailable, Hint: "start this dm-master again: it goes on from its newest snapshot",
			Msg: fmt.Sprintf("entries up to %d were applied, and entry %d is not in the log", applied, index)})
	}
	g.mu.Lock()
	at, term := g.snapIndex, g.snapTerm
	g.mu.Unlock()
	if index != at || index < 2 {
		return err
	}
	// Whoever reads it here sees only the term. To be sent to another member as
	// an entry takes the entry before it, and there is none; but raft may have
	// looked at that one just before both were compacted. So it is marked, and
	// the wire does not let it out.
	if before := g.read(index-1, new(raft.Log)); !errors.Is(before, raft.ErrLogNotFound) {
		return err
	}
	*l = raft.Log{Index: at, Term: term, Type: raft.LogNoop, Extensions: []byte(standsIn)}
	return nil
}

// standsIn marks what only stands in for an entry.
const standsIn = "raftdm: the end of a snapshot"

func stoodIn(l *raft.Log) bool { return string(l.Extensions) == standsIn }

func (g *guard) read(index uint64, l *raft.Log) error {
	return unharmed(g.path, func() error { return g.inner.GetLog(index, l) })
}

// StoreLog appends an entry.
func (g *guard) StoreLog(l *raft.Log) error { return g.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries. raft bears its failing: a leader steps down, a
// follower is sent them again. It does not after it had conflicting entries
// removed for these: it goes on believing that the log ends where it did, and
// takes no entry any more. These have to be written, whatever it takes. Nor does
// a leader when it is to change the membership: it goes by the new one though
// its log does not hold it, until it reads its log anew.
func (g *guard) StoreLogs(logs []*raft.Log) error {
	g.mu.Lock()
	must, leads := g.replacing, g.leads
	g.mu.Unlock()
	store := func() error { return g.inner.StoreLogs(logs) }
	var err error
	if must {
		err = g.must(appending, store)
	} else {
		err = g.run(appending, store)
		g.report(err)
	}
	if err != nil && leads != nil && leads() && slices.ContainsFunc(logs, func(l *raft.Log) bool { return l.Type == raft.LogConfiguration }) {
		return g.die(&fault.Error{Op: appending, Kind: fault.Unavailable, Msg: "a change of the membership could not be written", Err: err,
			Hint: "make room in the data-dir if it is full, start this dm-master again, then repeat the change"})
	}
	if err == nil {
		g.mu.Lock()
		g.shadow, g.replacing = 0, false
		g.stores++
		g.mu.Unlock()
		g.early.appended(logs)
	}
	return err
}

const appending = "append to the log"

// DeleteRange removes entries: compacted ones, which a snapshot covers, or
// conflicting ones, which are all beyond every snapshot.
func (g *guard) DeleteRange(first, last uint64) error {
	err := g.run("trim the log", func() error { return g.inner.DeleteRange(first, last) })
	g.report(err)
	if err == nil {
		g.mu.Lock()
		g.replacing = g.replacing || last > g.snapIndex
		g.mu.Unlock()
	}
	return err
}

func (g *guard) report(err error) {
	if g.full != nil && (err == nil || diskFull(err)) {
		g.full(err != nil)
	}
}

// expect says which snapshot raft is about to be sent, 0 when that is over.
func (g *guard) expect(index uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming = index
}

// overtaken tells whether a newer snapshot was sent since this one was begun.
// raft would take the older for its newest, and believe that its log ends there.
func (g *guard) overtaken(index uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return index != g.coming && (index < g.snapIndex || g.sent != nil && index < g.sent.Index)
}

// taken hears of a snapshot that is complete on disk. If the log agrees with
// it, which it does with every own one, nothing more is to be done.
func (g *guard) taken(index, term uint64) error {
	var l raft.Log
	err := g.read(index, &l)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	if g.overtaken(index) {
		return errOvertaken
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil && l.Term == term {
		g.snapIndex, g.snapTerm, g.sent = index, term, nil
	} else {
		g.sent = &raft.Log{Index: index, Term: term}
	}
	return nil
}

// restored is called when the state was replaced by a snapshot.
func (g *guard) restored() error {
	g.mu.Lock()
	sent := g.sent
	g.sent = nil
	g.mu.Unlock()
	if sent == nil {
		return nil
	}
	return g.settle(sent.Index, sent.Term)
}

// settle makes the log agree with a snapshot that ends at an entry: when the
// log has another entry there, or none, everything up to there goes. What
// follows stays; raft finds out about it by itself.
func (g *guard) settle(index, term uint64) error {
	var l raft.Log
	err := g.read(index, &l)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	agrees := err == nil && l.Term == term
	last, lastErr := g.LastIndex()
	first, firstErr := g.FirstIndex()
	if err := errors.Join(lastErr, firstErr); err != nil {
		return err
	}
	g.mu.Lock()
	g.snapIndex, g.snapTerm = index, term
	if err == nil && !agrees && last == index {
		g.shadow = l.Term
	}
	g.mu.Unlock()
	if agrees || first == 0 || first > index {
		return nil
	}
	return g.DeleteRange(first, index)
}

// told is a leader's request as raft is to see it.
func (g *guard) told(q *raft.AppendEntriesRequest) *raft.AppendEntriesRequest {
	if q.PrevLogEntry == 0 && len(q.Entries) == 0 {
		return q // a heartbeat
	}
	g.mu.Lock()
	at, term, shadow := g.snapIndex, g.snapTerm, g.shadow
	g.mu.Unlock()
	c := *q
	// A request vouches for the log up to its last entry. raft would take the
	// rest of its log, which the leader may not know, for agreed on as well.
	c.LeaderCommitIndex = min(c.LeaderCommitIndex, c.PrevLogEntry+uint64(len(c.Entries)))
	// What a snapshot covers every leader has. raft could not tell: where the
	// entries are compacted it would say no, and be sent older ones for ever.
	if c.PrevLogEntry < at && at > 1 {
		c.Entries = c.Entries[min(at-c.PrevLogEntry, uint64(len(c.Entries))):]
		c.PrevLogEntry, c.PrevLogTerm = at, term
	}
	// raft goes by the log it had in memory when the snapshot came. What it is
	// told agrees with that, and what the cluster agreed on replaces it.
	if shadow != 0 && c.PrevLogEntry == at && c.PrevLogTerm == term {
		c.PrevLogTerm = shadow
	}
	return &c
}

func (g *guard) storesSoFar() uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stores
}

// forget is called before raft reads the log anew.
func (g *guard) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shadow = 0
}

// start is called when raft runs: from then on it can be stopped.
func (g *guard) start(leads func() bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leads = leads
}

// diskFull tells whether a write failed for want of space.
func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// errOvertaken is what raft gets for an own snapshot that is not needed any more.
var errOvertaken = errors.New("the leader sent a newer snapshot meanwhile")

// snapshots is raft's snapshot store; it lets the guard know of each one.
type snapshots struct {
	raft.SnapshotStore
	log *guard
}

// Create begins a snapshot, own or sent by the leader.
func (s snapshots) Create(v raft.SnapshotVersion, index, term uint64, c raft.Configuration, at uint64, t raft.Transport) (raft.SnapshotSink, error) {
	sink, err := s.SnapshotStore.Create(v, index, term, c, at, t)
	if err != nil {
		return nil, err
	}
	return &settling{SnapshotSink: sink, log: s.log, index: index, term: term}, nil
}

type settling struct {
	raft.SnapshotSink
	log         *guard
	index, term uint64
}

// Close ends the snapshot.
func (s *settling) Close() error {
	if s.log.overtaken(s.index) {
		return errors.Join(errOvertaken, s.Cancel())
	}
	if err := s.SnapshotSink.Close(); err != nil {
		return err
	}
	return s.log.taken(s.index, s.term)
}

// operations are the writes under way.
type operations struct {
	mu    sync.Mutex
	next  uint64
	begun map[uint64]*operation
}

type operation struct {
	what string
	age  time.Duration
	seen time.Time // up to when age counts
}

func newOperations() *operations { return &operations{begun: map[uint64]*operation{}} }

// begin notes a write; end is to be called when it is done.
func (o *operations) begin(what string) (end func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	id := o.next
	o.next++
	o.begun[id] = &operation{what: what, seen: time.Now()}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.begun, id)
	}
}

// oldest gives the write that has been under way longest. It is to be asked
// often: of the time since it was last asked at most so much counts. A process
// that was stopped, or a machine that slept, would take its own sleep for the
// disk's.
func (o *operations) oldest(now time.Time, most time.Duration) (what string, age time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range o.begun {
		op.age += max(0, min(now.Sub(op.seen), most))
		op.seen = now
		if op.age > age {
			what, age = op.what, op.age
		}
	}
	return what, age
}
