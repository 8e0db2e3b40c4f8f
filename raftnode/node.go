package raftnode

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

// connPool is how many connections are kept to each other member: one for
// heartbeats, one for entries, one for a snapshot.
const connPool = 3

// Node is a running member. All methods may be called from any goroutine.
type Node struct {
	cfg     Config
	id      identity
	fresh   bool // see Fresh
	log     *slog.Logger
	store   *fsm.Store
	state   State // the store, or what a test put in its place
	raft    *raft.Raft
	disk    *disk
	ops     *operations
	trouble *troubles
	wire    *wire
	notify  chan bool     // raft's news of leadership, taken by watch
	running chan struct{} // closed once raft runs

	wg   sync.WaitGroup
	done chan struct{} // closed when the node stops, by Close or by a failure

	mu        sync.Mutex // guards the fields below
	lead      Leadership
	leadMoved chan struct{} // closed and replaced when lead changes
	gen       uint64        // counts raft's news
	evicted   bool
	refusing  time.Time // since when raft refuses for a transfer, zero when it does not
	applied   fsm.Index
	moved     chan struct{} // closed and replaced when applied changes
	err       error
	stopped   bool
	ending    raft.Future // see shutdown
	// otherKeys has what to say of members whose keys were others when they were met last.
	otherKeys map[string]string
}

// Open starts the member on its data directory, with the store that OpenStore
// gave; ctx bounds only the start. The store stays the caller's to close,
// after the node. On a new directory the initial cluster is founded.
func Open(ctx context.Context, cfg Config, store *fsm.Store) (*Node, error) {
	op := "start dm-master " + cfg.Name
	if err := cfg.Validate(); err != nil {
		return nil, &fault.Error{Op: op, Kind: fault.Invalid, Err: err}
	}
	id, err := claim(cfg.DataDir, cfg.Name)
	if err != nil {
		return nil, fault.Wrap(op, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fault.Wrap(op, err)
	}
	ops := newOperations()
	d, err := openDisk(cfg, ops)
	if err != nil {
		return nil, fault.Wrap(op, err)
	}
	n := &Node{cfg: cfg, id: id, log: cfg.Logger, store: store, state: store, disk: d, ops: ops, trouble: newTroubles(cfg.Logger),
		notify: make(chan bool), running: make(chan struct{}), done: make(chan struct{}),
		leadMoved: make(chan struct{}), moved: make(chan struct{}), applied: store.Applied()}
	if err := n.open(); err != nil {
		return nil, fault.Wrap(op, errors.Join(err, d.bolt.Close()))
	}
	// Leading is not part of starting: it outlives ctx and ends with Close.
	rest := context.WithoutCancel(ctx)
	n.wg.Go(func() { n.watch(rest) })
	n.wg.Go(func() { n.tend(rest) })
	return n, nil
}

// open starts raft; what it leaves open when it fails is only the disk.
func (n *Node) open() error {
	st, err := n.disk.inspect(n.applied)
	if err != nil {
		return err
	}
	n.fresh = st.fresh && len(n.cfg.InitialCluster) == 0
	if founders := digest(n.cfg.InitialCluster); st.fresh && n.id.Founders != founders {
		n.id.Founders = founders
		if err := writeIdentity(n.cfg.DataDir, n.id); err != nil {
			return unusable(err)
		}
	}
	if wrap := n.cfg.Seams.State; wrap != nil {
		n.state = wrap(n.store)
	}
	n.disk.log.fail, n.disk.log.done, n.disk.log.full = n.fail, n.done, n.diskFull(troubleLogFull)
	n.disk.log.known = n.known
	if err := n.connect(); err != nil {
		return err
	}
	rc := n.raftConfig()
	rc.NoSnapshotRestoreOnStart = st.keepState
	snaps := snapshots{n.disk.snaps, n.disk.log}
	if st.fresh && len(n.cfg.InitialCluster) > 0 {
		if err := raft.BootstrapCluster(rc, n.disk.log, n.disk.log, snaps, n.wire, founders(n.cfg)); err != nil {
			return errors.Join(fmt.Errorf("found the cluster: %w", err), n.wire.Close())
		}
	}
	n.store.Observe(n.observe)
	b := &bridge{store: n.store, state: n.state, ops: n.ops, log: n.disk.log, fail: n.fail, full: n.diskFull(troubleStateFull), done: n.done}
	// raft panics on a log that it can not read while it starts.
	err = unharmed(n.disk.log.path, func() (err error) {
		n.raft, err = raft.NewRaft(rc, b, n.disk.log, n.disk.log, snaps, n.wire)
		return err
	})
	if err != nil {
		return errors.Join(err, n.wire.Close())
	}
	n.disk.log.start(func() bool { return n.raft.State() == raft.Leader })
	close(n.running)
	if err := n.checkAddress(); err != nil {
		n.stop(nil)
		return errors.Join(err, n.shutdown().Error())
	}
	return nil
}

// connect makes the transport.
func (n *Node) connect() error {
	if make := n.cfg.Seams.Transport; make != nil {
		t, err := make(n.cfg.advertise())
		if err != nil {
			return err
		}
		n.wire, err = newWire(t, n.disk.log, n.snapshotAgain, n.known, n.running)
		return err
	}
	s, err := listen(n.cfg.Listen, n.cfg.advertise(), n, n.cfg.TLS, n.cfg.RPCTimeout)
	if err != nil {
		return &fault.Error{Kind: fault.Unavailable, Msg: "cannot listen on " + n.cfg.Listen, Err: err,
			Hint: "stop the process that has the address, or change peer-urls"}
	}
	n.wire, err = newWire(raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: s, MaxPool: connPool, MaxRPCsInFlight: 1, Timeout: n.cfg.RPCTimeout, Logger: newLogger(n.cfg.Logger)}),
		n.disk.log, n.snapshotAgain, n.known, n.running)
	return err
}

// known is how far raft has come.
func (n *Node) known() progress {
	select {
	case <-n.running:
		return progress{term: n.raft.CurrentTerm(), applied: n.raft.AppliedIndex(), commit: n.raft.CommitIndex(), last: n.raft.LastIndex()}
	default:
		return progress{}
	}
}

func (n *Node) raftConfig() *raft.Config {
	rc := raft.DefaultConfig()
	rc.LocalID = raft.ServerID(n.cfg.Name)
	rc.HeartbeatTimeout = n.cfg.HeartbeatTimeout
	rc.ElectionTimeout = n.cfg.ElectionTimeout
	rc.LeaderLeaseTimeout = n.cfg.LeaseTimeout
	rc.SnapshotInterval = n.cfg.SnapshotInterval
	rc.SnapshotThreshold = n.cfg.SnapshotEntries
	rc.TrailingLogs = n.cfg.TrailingEntries
	rc.NotifyCh = n.notify
	rc.Logger = newLogger(n.cfg.Logger)
	// A member that was removed answers so until it is stopped, instead of
	// dying under the operator's hands.
	rc.ShutdownOnRemove = false
	return rc
}

func founders(cfg Config) raft.Configuration {
	var c raft.Configuration
	for _, m := range cfg.InitialCluster {
		c.Servers = append(c.Servers, raft.Server{ID: raft.ServerID(m.Name), Address: raft.ServerAddress(m.Addr)})
	}
	return c
}

// checkAddress refuses to run under an address at which the other members
// would not look for this one.
func (n *Node) checkAddress() error {
	members, err := n.Members()
	if err != nil || len(members) < 2 {
		return err
	}
	for _, m := range members {
		if m.Name == n.cfg.Name && m.Addr != n.cfg.advertise() {
			return badDir(fmt.Sprintf("the cluster knows member %s at %s, and this process advertises %s", m.Name, m.Addr, n.cfg.advertise()),
				"start it with its former address, or remove the member and let it join anew")
		}
	}
	return nil
}

func (n *Node) observe(a fsm.Applied) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.applied = a.To
	close(n.moved)
	n.moved = make(chan struct{})
}

// fail stops the node for good; raft's goroutine calls it when the store
// failed, so it must not wait for raft. watch shuts raft down.
func (n *Node) fail(err error) {
	n.log.Error("this dm-master can not go on and stops", "err", err)
	n.stop(err)
}

// stop closes done once.
func (n *Node) stop(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopped {
		n.stopped, n.err = true, err
		close(n.done)
	}
}

// Done is closed when the node has stopped, by Close or because it failed.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is why the node stopped by itself; nil while it runs and after Close.
func (n *Node) Err() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Leader gives the name and address of the leader as far as this node knows,
// empty when there is none.
func (n *Node) Leader() (name, addr string) {
	a, id := n.raft.LeaderWithID()
	return string(id), string(a)
}

// Propose puts a command to the cluster and gives its result once it is
// applied here. Refusals are in the result. Errors: ErrNotLeader, ErrBusy
// (nothing happened) and ErrUnknownOutcome (repeat with the same request id).
func (n *Node) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if !n.IsLeader() {
		return fsm.Result{}, notLeader()
	}
	return n.propose(ctx, m, c)
}

func (n *Node) propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if err := ctx.Err(); err != nil {
		return fsm.Result{}, harmless(err)
	}
	data, err := fsm.Encode(m, c)
	if err != nil {
		return fsm.Result{}, err
	}
	return n.disk.log.early.await(ctx, data, c, func(ctx context.Context) (fsm.Result, error) { return n.apply(ctx, data) })
}

// apply has raft apply an entry.
func (n *Node) apply(ctx context.Context, data []byte) (fsm.Result, error) {
	future := make(chan raft.ApplyFuture, 1)
	err := n.await(ctx, func() raft.Future {
		f := n.raft.Apply(data, n.cfg.ProposeTimeout)
		future <- f
		return f
	})
	n.noteTransfer(err)
	if err != nil {
		return fsm.Result{}, outcome(err)
	}
	switch r := (<-future).Response().(type) {
	case fsm.Result:
		return r, nil
	case error:
		// Committed, but this member could not apply it; others may.
		return fsm.Result{}, unknown(r)
	default:
		return fsm.Result{}, unknown(fmt.Errorf("the state machine answered %T", r))
	}
}

// await waits for one of raft's futures, for the context or for the node to
// stop. raft's futures can not be given up, and one that was committed but not
// applied when raft shut down is never answered; so the goroutine is left to
// raft, which answers all others.
func (n *Node) await(ctx context.Context, fn func() raft.Future) error {
	answer := make(chan error, 1)
	go func() { answer <- fn().Error() }()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return ErrClosed
	}
}

// Progress gives the last entry applied here and the last that is known to be
// committed; a member with both equal to the leader's has caught up. Entries
// of raft's own count as applied once everything before them is.
func (n *Node) Progress() (applied, commit uint64) {
	commit = n.raft.CommitIndex()
	want := n.lastForStore(commit)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.applied >= want {
		return commit, commit
	}
	return uint64(n.applied), commit
}

// Instance is the id of this member's data directory.
func (n *Node) Instance() string { return n.id.Instance }

// Fresh tells that the node was opened on an empty directory and without an
// initial cluster: it waits to be added to a cluster.
func (n *Node) Fresh() bool { return n.fresh }

// Trouble says what is wrong with this member, empty when nothing is: a full
// or hanging disk, a connection that is refused, a removal it was not told of.
func (n *Node) Trouble() string { return n.trouble.String() }

// shutdown begins to end raft; the answer, which raft has only for the first
// who asks, waits until it has ended.
func (n *Node) shutdown() raft.Future {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ending == nil {
		n.ending = n.raft.Shutdown()
	}
	return n.ending
}

// closeCheck is how often Close looks whether it waits in vain.
const closeCheck = 50 * time.Millisecond

// Close stops the member. Requests under way answer ErrUnknownOutcome. It
// gives up with ErrDiskHangs on a write that does not end, and on nothing else.
func (n *Node) Close() error {
	op := "stop dm-master " + n.cfg.Name
	n.stop(nil)
	down := make(chan error, 1)
	go func() {
		err := n.shutdown().Error()
		n.wg.Wait()
		down <- errors.Join(err, n.wire.Close(), n.disk.bolt.Close())
	}()
	tick := time.NewTicker(closeCheck)
	defer tick.Stop()
	for {
		select {
		case err := <-down:
			return fault.Wrap(op, err)
		case <-tick.C:
			if what, age := n.ops.oldest(time.Now(), 2*closeCheck); age > n.cfg.DiskTimeout {
				return fault.Wrap(op, diskHangs(n.cfg.DataDir, what, age))
			}
		}
	}
}

// leaderWait is how often WaitLeader looks: raft has no news of it to wait for
// on followers.
const leaderWait = 20 * time.Millisecond

// WaitLeader waits until this node knows of a leader.
func (n *Node) WaitLeader(ctx context.Context) (name, addr string, err error) {
	tick := time.NewTicker(leaderWait)
	defer tick.Stop()
	for {
		if name, addr := n.Leader(); name != "" {
			return name, addr, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", "", &fault.Error{Kind: fault.Unavailable, Msg: "the cluster has no leader", Err: ctx.Err(), Code: 38043}
		case <-n.done:
			return "", "", closed()
		}
	}
}
