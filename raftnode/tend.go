package raftnode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/fault"
)

// lonely is for how many heartbeat time-outs a member without a leader keeps
// its connections.
const lonely = 6

// refusedFor is for how many heartbeat time-outs a refused connection that
// nobody tries again stays a trouble. Who is refused tries several times in one.
const refusedFor = 20

// tendParts of a DiskTimeout pass between two looks at the member, and no more
// than tendEvery.
const (
	tendParts = 8
	tendEvery = 100 * time.Millisecond
)

// tend looks after the member: whether its disk hangs, whether it is still one.
func (n *Node) tend(ctx context.Context) {
	every := min(max(n.cfg.DiskTimeout/tendParts, time.Millisecond), tendEvery)
	tick := time.NewTicker(every)
	defer tick.Stop()
	led := time.Now()
	for {
		select {
		case <-tick.C:
			n.tendDisk(ctx, 2*every)
			n.tendFullState(ctx)
			n.tendMembership()
			n.trouble.fade(troubleRefused, refusedFor*n.cfg.HeartbeatTimeout)
			if _, id := n.raft.LeaderWithID(); id != "" {
				led = time.Now()
			} else if time.Since(led) > lonely*n.cfg.HeartbeatTimeout {
				// Whoever still has connections from better days would not be
				// told that it was removed.
				n.wire.refresh()
				led = time.Now()
			}
		case <-n.done:
			return
		}
	}
}

// tendDisk gives up leadership when a write does not end. raft's heartbeats do
// not wait for the disk, so nobody else would notice. A look counts for most.
func (n *Node) tendDisk(ctx context.Context, most time.Duration) {
	what, age := n.ops.oldest(time.Now(), most)
	if age <= n.cfg.DiskTimeout {
		n.trouble.over(troubleHang)
		return
	}
	n.trouble.is(troubleHang, "a write to data-dir "+n.cfg.DataDir+" does not end: the disk hangs")
	if n.raft.State() != raft.Leader || len(n.otherVoters()) == 0 {
		// A follower holds up nobody, and without others to lead it is best to wait.
		return
	}
	// While the log is stuck raft can not even be asked; while only the state
	// is, it can.
	if what == applying {
		bounded, cancel := context.WithTimeout(ctx, n.cfg.HeartbeatTimeout+n.cfg.ElectionTimeout)
		defer cancel()
		if err := n.TransferLeadership(bounded, ""); err == nil || n.raft.State() != raft.Leader {
			return
		}
	}
	err := diskHangs(n.cfg.DataDir, what, age)
	// Silence makes the others elect; raft itself has not even noticed.
	if cutErr := n.wire.cut(); cutErr != nil {
		n.log.Warn("the transport could not be closed", "err", cutErr)
	}
	n.fail(err)
}

// tendFullState gives up leadership while the state can not be written: a log
// that is full makes raft step down by itself, but a state that waits for room
// holds up everybody who proposes.
func (n *Node) tendFullState(ctx context.Context) {
	if !n.trouble.has(troubleStateFull) || n.raft.State() != raft.Leader || len(n.otherVoters()) == 0 {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, n.cfg.HeartbeatTimeout+n.cfg.ElectionTimeout)
	defer cancel()
	if err := n.TransferLeadership(bounded, ""); err != nil {
		n.log.Debug("nobody takes over from a dm-master with a full disk", "err", err)
	}
}

// tendMembership notices that this member is one no more.
func (n *Node) tendMembership() {
	members := n.configuration()
	self := slices.ContainsFunc(members, func(m Member) bool { return m.Name == n.cfg.Name })
	switch {
	case len(members) > 0 && !self:
		n.trouble.is(troubleRemoved, removedSentence(n.cfg.Name))
	default:
		n.trouble.over(troubleRemoved)
	}
	_, id := n.raft.LeaderWithID()
	n.tendKeys(members, string(id))
	if id != "" && time.Since(n.raft.LastContact()) < n.cfg.HeartbeatTimeout {
		n.trouble.over(troubleStranger)
	}
}

// tendKeys tells of members with other keys. A leader meets all of them, again
// whenever one was restarted; a follower is sure to meet the leader only, and what it
// knows of others may be old.
func (n *Node) tendKeys(members []Member, leader string) {
	n.mu.Lock()
	others := maps.Clone(n.otherKeys)
	n.mu.Unlock()
	told := func(name string) bool {
		return others[name] != "" && (leader == n.cfg.Name || leader == name) &&
			slices.ContainsFunc(members, func(m Member) bool { return m.Name == name })
	}
	for name, sentence := range others {
		if told(name) {
			n.trouble.is(troubleKeys+name, sentence)
		}
	}
	if leader != "" {
		n.trouble.only(troubleKeys, told)
	}
}

// noteTransfer hears how raft answered. While it hands leadership over it
// refuses everything, which it can go on doing after it failed to (a target
// that hung, then a lost leadership); only a new start helps against that.
func (n *Node) noteTransfer(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case !errors.Is(err, raft.ErrLeadershipTransferInProgress):
		n.refusing = time.Time{}
	case n.refusing.IsZero():
		n.refusing = time.Now()
	case time.Since(n.refusing) > n.transferPatience() && !n.stopped:
		stuck := &fault.Error{Kind: fault.Unavailable, Err: ErrTransferStuck,
			Msg:  fmt.Sprintf("raft has refused every request for %s", time.Since(n.refusing).Round(time.Millisecond)),
			Hint: "start this dm-master again"}
		n.wg.Go(func() { n.fail(stuck) }) // fail needs the lock
	}
}

// transferPatience is above what a transfer can take that raft will not forget:
// one exchange with its target, and the wait for it to be elected.
func (n *Node) transferPatience() time.Duration {
	return 3*n.cfg.RPCTimeout + 2*n.cfg.ElectionTimeout
}
