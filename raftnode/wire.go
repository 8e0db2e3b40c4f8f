package raftnode

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// errOff is what raft gets once a node is to be heard of no more.
var errOff = errors.New("this dm-master has cut itself off")

// errStandsIn is what raft gets when it is about to send what only stands in for
// an entry that was compacted meanwhile; it then sends the snapshot.
var errStandsIn = errors.New("the entry to send was compacted")

// wire is raft's transport with a memory: which member answers, how far it has
// come, and how often it was sent a snapshot in vain. It can be cut, for a
// leader that can not step down because its disk holds it.
//
// It pipelines nothing: replication then is one request at a time, which a
// follower whose disk hung for a while comes back from.
type wire struct {
	raft.Transport
	pre  raft.WithPreVote
	log  *guard
	loop func(peer string, sent int) // a snapshot was sent again; 0: it is over
	// known is how far raft has come; begin is closed when it runs.
	known func() progress
	begin <-chan struct{}

	rpcs   chan raft.RPC
	closed chan struct{}
	once   sync.Once

	mu    sync.Mutex // guards the fields below
	off   bool
	peers map[raft.ServerID]*peer
	taken int    // snapshots that were installed here
	seen  uint64 // log.stores when the last of them came
}

// peer is what is known of another member.
type peer struct {
	acked     uint64    // the last entry it is known to have
	heard     time.Time // when it was asked what it answered last
	heardTerm uint64    // and the term in which it followed then
	asked     time.Time // when the entries under way were sent, zero when none are
	snapshots int       // sent since it last took entries
}

// manySnapshots in a row, with no entry taken in between, are a loop.
const manySnapshots = 3

func newWire(t raft.Transport, log *guard, loop func(string, int), known func() progress, begin <-chan struct{}) (*wire, error) {
	pre, ok := t.(raft.WithPreVote)
	if !ok {
		return nil, errors.New("the transport does not know pre-votes")
	}
	w := &wire{Transport: t, pre: pre, log: log, loop: loop, known: known, begin: begin, rpcs: make(chan raft.RPC), closed: make(chan struct{}),
		peers: map[raft.ServerID]*peer{}}
	go w.receive()
	return w, nil
}

// peer needs w.mu.
func (w *wire) peer(id raft.ServerID) *peer {
	p := w.peers[id]
	if p == nil {
		p = &peer{}
		w.peers[id] = p
	}
	return p
}

// Consumer gives what other members ask.
func (w *wire) Consumer() <-chan raft.RPC { return w.rpcs }

// receive passes on what comes in, until the wire is closed. The next one is
// looked at when raft is done with the one before, so that what incoming goes by
// is still so when raft has it.
func (w *wire) receive() {
	select {
	case <-w.begin:
	case <-w.closed:
		return
	}
	for {
		select {
		case r := <-w.Transport.Consumer():
			if !w.incoming(&r) && !w.pass(r) {
				return
			}
		case <-w.closed:
			return
		}
	}
}

// pass has raft answer; ok is false when the wire was closed meanwhile.
func (w *wire) pass(r raft.RPC) (ok bool) {
	answers, done := r.RespChan, make(chan raft.RPCResponse, 1)
	r.RespChan = done
	if c, ok := r.Command.(*raft.InstallSnapshotRequest); ok {
		w.log.expect(c.LastLogIndex)
		defer w.log.expect(0)
	}
	select {
	case w.rpcs <- r:
	case <-w.closed:
		return false
	}
	select {
	case a := <-done:
		answers <- a // has room for the one answer, as raft itself counts on
		return true
	case <-w.closed:
		return false
	}
}

// incoming looks at what comes in; answered tells that raft need not see it.
func (w *wire) incoming(r *raft.RPC) (answered bool) {
	switch c := r.Command.(type) {
	case *raft.AppendEntriesRequest:
		r.Command = w.log.told(c)
	case *raft.InstallSnapshotRequest:
		if k := w.known(); c.Term >= k.term && c.LastLogIndex <= min(k.applied, k.last) {
			// One that was under way for long, or from a leader that asked in vain
			// for entries which are compacted here: raft would put the state back
			// to it, behind entries that the log may not have any more.
			_, err := io.Copy(io.Discard, r.Reader)
			r.Respond(&raft.InstallSnapshotResponse{Term: k.term, Success: err == nil}, err)
			return true
		}
		stores := w.log.storesSoFar()
		w.mu.Lock()
		if stores != w.seen {
			w.seen, w.taken = stores, 0
		}
		w.taken++
		n := w.taken
		w.mu.Unlock()
		w.loop("", n)
	}
	return false
}

func (w *wire) isOff() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.off {
		return errOff
	}
	return nil
}

// AppendEntries sends entries or a heartbeat.
func (w *wire) AppendEntries(id raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	if err := w.isOff(); err != nil {
		return err
	}
	if slices.ContainsFunc(q.Entries, stoodIn) {
		return errStandsIn
	}
	begin := time.Now()
	if q.PrevLogEntry == 0 && len(q.Entries) == 0 && q.LeaderCommitIndex == 0 { // a heartbeat
		err := w.Transport.AppendEntries(id, to, q, a)
		w.mu.Lock()
		w.peer(id).note(begin, q, a, err)
		w.mu.Unlock()
		return err
	}
	w.mu.Lock()
	w.peer(id).asked = begin
	w.mu.Unlock()
	err := w.Transport.AppendEntries(id, to, q, a)
	w.mu.Lock()
	p := w.peer(id)
	p.note(begin, q, a, err)
	p.asked = time.Time{}
	over := false
	if err == nil && a.Success {
		p.acked = q.PrevLogEntry + uint64(len(q.Entries))
		over = p.snapshots > 0
		p.snapshots = 0
	}
	w.mu.Unlock()
	if over {
		w.loop(string(id), 0)
	}
	return err
}

// note keeps that a member took what was asked of it as from its leader. Entries
// and heartbeats are under way side by side: the later begin counts.
func (p *peer) note(begin time.Time, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse, err error) {
	if err == nil && a.Success && a.Term == q.Term && begin.After(p.heard) {
		p.heard, p.heardTerm = begin, q.Term
	}
}

// followed counts those out of several that followed in a term when they were
// asked at some time or later.
func (w *wire) followed(of []Member, term uint64, since time.Time) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range of {
		if p := w.peer(raft.ServerID(m.Name)); p.heardTerm == term && !p.heard.Before(since) {
			n++
		}
	}
	return n
}

// AppendEntriesPipeline declines: see wire.
func (w *wire) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

// InstallSnapshot sends a snapshot.
func (w *wire) InstallSnapshot(id raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	if err := w.isOff(); err != nil {
		return err
	}
	err := w.Transport.InstallSnapshot(id, to, q, a, data)
	w.mu.Lock()
	p := w.peer(id)
	if err == nil && a.Success {
		p.snapshots++
	}
	n := p.snapshots
	w.mu.Unlock()
	if n > 0 {
		w.loop(string(id), n)
	}
	return err
}

// RequestVote asks for a vote.
func (w *wire) RequestVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	if err := w.isOff(); err != nil {
		return err
	}
	return w.Transport.RequestVote(id, to, q, a)
}

// RequestPreVote asks whether a vote would be given.
func (w *wire) RequestPreVote(id raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	if err := w.isOff(); err != nil {
		return err
	}
	return w.pre.RequestPreVote(id, to, q, a)
}

// TimeoutNow has another member take over.
func (w *wire) TimeoutNow(id raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	if err := w.isOff(); err != nil {
		return err
	}
	return w.Transport.TimeoutNow(id, to, q, a)
}

// fit gives the member out of several that has come farthest, passing over
// those that have left entries unanswered for longer than patience.
func (w *wire) fit(of []raft.ServerID, patience time.Duration) (best raft.ServerID, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	acked := uint64(0)
	for _, id := range of {
		p := w.peer(id)
		if !p.asked.IsZero() && time.Since(p.asked) > patience {
			continue
		}
		if !ok || p.acked > acked {
			best, acked, ok = id, p.acked, true
		}
	}
	return best, ok
}

// cut ends all exchange with the others, at once and for good.
func (w *wire) cut() error {
	w.mu.Lock()
	w.off = true
	w.mu.Unlock()
	err := w.Close()
	w.refresh()
	return err
}

// refresh drops the connections that are idle; the next ones begin with a handshake.
func (w *wire) refresh() {
	if pooled, ok := w.Transport.(interface{ CloseStreams() }); ok {
		pooled.CloseStreams()
	}
}

// Close closes the transport; it may be called again.
func (w *wire) Close() (err error) {
	w.once.Do(func() {
		close(w.closed)
		if c, ok := w.Transport.(raft.WithClose); ok {
			err = c.Close()
		}
	})
	return err
}
