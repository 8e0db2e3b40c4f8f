package raftnodetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// RPC is one request between members, as a hook sees it.
type RPC struct {
	Kind     string // append, heartbeat, vote, prevote, snapshot, timeoutnow
	From, To string // addresses
}

// Fate is what becomes of it. The zero Fate is to be delivered at once.
type Fate struct {
	// Lose loses the request, LoseReply the answer: the sender knows in
	// neither case. With LoseReply and Delay the request arrives long after
	// its sender gave up, behind newer ones.
	Lose, LoseReply bool
	Delay           time.Duration
}

// Errors of the network.
var (
	errLost = errors.New("the request or its answer was lost")
	errDown = errors.New("nobody listens at this address")
)

// Network connects members in one process. Requests pass a hook, which may
// lose, delay and by that reorder them; links can be cut one way.
type Network struct {
	mu      sync.Mutex // guards the fields below
	timeout time.Duration
	at      map[string]*port
	cut     map[[2]string]bool
	hook    func(RPC) Fate
}

// NewNetwork gives a network on which an unanswered request fails after timeout.
func NewNetwork(timeout time.Duration) *Network {
	return &Network{timeout: timeout, at: map[string]*port{}, cut: map[[2]string]bool{}}
}

// Patience sets after how long an unanswered request fails.
func (n *Network) Patience(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.timeout = d
}

// Hook decides about each request from now on; nil delivers all.
func (n *Network) Hook(fn func(RPC) Fate) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hook = fn
}

// Cut loses every request from one address to another; not the other way, and
// not the answers.
func (n *Network) Cut(from, to string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{from, to}] = true
}

// Isolate cuts an address off, both ways.
func (n *Network) Isolate(addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for other := range n.at {
		n.cut[[2]string{addr, other}], n.cut[[2]string{other, addr}] = true, true
	}
}

// Heal ends all cuts and the hook.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.cut)
	n.hook = nil
}

// Transport gives a member its place on the network; one that had the address
// before is gone.
func (n *Network) Transport(addr string) (raft.Transport, error) {
	p := &port{net: n, addr: addr, in: make(chan raft.RPC), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[addr] = p
	return p, nil
}

func (n *Network) fate(r RPC) (to *port, f Fate, patience time.Duration) {
	n.mu.Lock()
	to, hook := n.at[r.To], n.hook
	patience = n.timeout
	f.Lose = n.cut[[2]string{r.From, r.To}]
	// An answer takes the way back.
	f.LoseReply = n.cut[[2]string{r.To, r.From}]
	n.mu.Unlock()
	if hook != nil && !f.Lose {
		g := hook(r)
		f = Fate{Lose: g.Lose, LoseReply: f.LoseReply || g.LoseReply, Delay: g.Delay}
	}
	return to, f, patience
}

// port is one member's transport.
type port struct {
	net    *Network
	addr   string
	in     chan raft.RPC
	closed chan struct{}
	once   sync.Once

	mu        sync.Mutex // guards heartbeat
	heartbeat func(raft.RPC)
}

func (p *port) call(kind string, to raft.ServerAddress, command any, data io.Reader, size int64) (any, error) {
	select {
	case <-p.closed:
		return nil, errDown
	default:
	}
	var body []byte
	if data != nil {
		// The sender closes it when it gives up.
		var err error
		if body, err = io.ReadAll(io.LimitReader(data, size)); err != nil {
			return nil, err
		}
	}
	target, f, patience := p.net.fate(RPC{Kind: kind, From: p.addr, To: string(to)})
	late := time.NewTimer(patience)
	defer late.Stop()
	reply := make(chan raft.RPCResponse, 1)
	if target == nil {
		return nil, errDown
	}
	if !f.Lose {
		go target.deliver(kind, raft.RPC{Command: command, Reader: bytes.NewReader(body), RespChan: reply}, f.Delay)
	}
	if f.Lose || f.LoseReply {
		reply = nil
	}
	select {
	case r := <-reply:
		return r.Response, r.Error
	case <-target.closed:
		return nil, errDown
	case <-p.closed:
		return nil, errDown
	case <-late.C:
		return nil, errLost
	}
}

// deliver hands a request to the member. It may arrive after its sender gave up.
func (p *port) deliver(kind string, r raft.RPC, delay time.Duration) {
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-p.closed:
			return
		}
	}
	p.mu.Lock()
	heartbeat := p.heartbeat
	p.mu.Unlock()
	if kind == "heartbeat" && heartbeat != nil {
		heartbeat(r)
		return
	}
	select {
	case p.in <- r:
	case <-p.closed:
	}
}

// answer copies a response; a sender's own goroutine does it, so that a late
// one can not write into what raft has reused.
func answer[T any](into *T, got any, err error) error {
	if r, ok := got.(*T); ok && r != nil {
		*into = *r
	}
	return err
}

// Consumer, LocalAddr and the rest are raft.Transport.
func (p *port) Consumer() <-chan raft.RPC              { return p.in }
func (p *port) LocalAddr() raft.ServerAddress          { return raft.ServerAddress(p.addr) }
func (p *port) DecodePeer(b []byte) raft.ServerAddress { return raft.ServerAddress(b) }

func (p *port) EncodePeer(_ raft.ServerID, a raft.ServerAddress) []byte { return []byte(a) }

func (p *port) SetHeartbeatHandler(fn func(raft.RPC)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heartbeat = fn
}

func (p *port) AppendEntriesPipeline(raft.ServerID, raft.ServerAddress) (raft.AppendPipeline, error) {
	return nil, raft.ErrPipelineReplicationNotSupported
}

func (p *port) AppendEntries(_ raft.ServerID, to raft.ServerAddress, q *raft.AppendEntriesRequest, a *raft.AppendEntriesResponse) error {
	kind := "append"
	if q.PrevLogEntry == 0 && len(q.Entries) == 0 && q.LeaderCommitIndex == 0 {
		kind = "heartbeat"
	}
	c := *q
	c.Entries = slices.Clone(q.Entries)
	got, err := p.call(kind, to, &c, nil, 0)
	return answer(a, got, err)
}

func (p *port) RequestVote(_ raft.ServerID, to raft.ServerAddress, q *raft.RequestVoteRequest, a *raft.RequestVoteResponse) error {
	c := *q
	got, err := p.call("vote", to, &c, nil, 0)
	return answer(a, got, err)
}

func (p *port) RequestPreVote(_ raft.ServerID, to raft.ServerAddress, q *raft.RequestPreVoteRequest, a *raft.RequestPreVoteResponse) error {
	c := *q
	got, err := p.call("prevote", to, &c, nil, 0)
	return answer(a, got, err)
}

func (p *port) InstallSnapshot(_ raft.ServerID, to raft.ServerAddress, q *raft.InstallSnapshotRequest, a *raft.InstallSnapshotResponse, data io.Reader) error {
	c := *q
	got, err := p.call("snapshot", to, &c, data, q.Size)
	return answer(a, got, err)
}

func (p *port) TimeoutNow(_ raft.ServerID, to raft.ServerAddress, q *raft.TimeoutNowRequest, a *raft.TimeoutNowResponse) error {
	c := *q
	got, err := p.call("timeoutnow", to, &c, nil, 0)
	return answer(a, got, err)
}

// Close takes the member from the network.
func (p *port) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// String names it in logs.
func (p *port) String() string { return fmt.Sprintf("port %s", p.addr) }
