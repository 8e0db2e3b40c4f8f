package raftnode

import (
	"context"
	"fmt"
	"slices"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/fault"
)

// Members gives the members of the newest configuration, as this node knows it.
func (n *Node) Members() ([]Member, error) {
	f := n.raft.GetConfiguration()
	if err := f.Error(); err != nil {
		return nil, harmless(err)
	}
	var out []Member
	for _, s := range f.Configuration().Servers {
		out = append(out, Member{Name: string(s.ID), Addr: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return out, nil
}

// AddNonvoter adds a member that receives the log without having a say, or
// changes its address. Only the leader can.
func (n *Node) AddNonvoter(ctx context.Context, m Member) error {
	return n.change(ctx, "add member "+m.Name, func() raft.Future {
		return n.raft.AddNonvoter(raft.ServerID(m.Name), raft.ServerAddress(m.Addr), 0, n.cfg.ProposeTimeout)
	})
}

// AddVoter gives a member its vote, adding it if need be. Only the leader can.
// A member should have caught up as a non-voter before: one that is behind
// counts for the majority without being able to contribute to it.
func (n *Node) AddVoter(ctx context.Context, m Member) error {
	return n.change(ctx, "make member "+m.Name+" a voter", func() raft.Future {
		return n.raft.AddVoter(raft.ServerID(m.Name), raft.ServerAddress(m.Addr), 0, n.cfg.ProposeTimeout)
	})
}

// configuration is Members for whoever may ask before raft runs: nobody then.
func (n *Node) configuration() []Member {
	select {
	case <-n.running:
	default:
		return nil
	}
	members, err := n.Members()
	if err != nil {
		return nil
	}
	return members
}

// otherVoters gives those that could lead in this member's place.
func (n *Node) otherVoters() (out []Member) {
	for _, m := range n.configuration() {
		if m.Voter && m.Name != n.cfg.Name {
			out = append(out, m)
		}
	}
	return out
}

// Remove takes a member out of the cluster. Only the leader can, and not
// itself: it hands leadership over and answers ErrNotLeader, and the same
// request to the new leader removes it. A leader that removes itself goes on
// counting for majorities that it is no part of.
func (n *Node) Remove(ctx context.Context, name string) error {
	op := "remove member " + name
	members, err := n.Members()
	if err != nil {
		return fault.Wrap(op, err)
	}
	if !slices.ContainsFunc(members, func(m Member) bool { return m.Name == name }) {
		return &fault.Error{Op: op, Kind: fault.NotFound, Code: 38048,
			Msg: fmt.Sprintf("dm-master %s does not exist", name), Hint: "list-member --master shows the members"}
	}
	if name != n.cfg.Name {
		return n.change(ctx, op, func() raft.Future {
			return n.raft.RemoveServer(raft.ServerID(name), 0, n.cfg.ProposeTimeout)
		})
	}
	if len(n.otherVoters()) == 0 {
		return &fault.Error{Op: op, Kind: fault.Conflict, Msg: "it is the only voting member: the cluster would end",
			Hint: "let another dm-master join first, or stop this one"}
	}
	if n.raft.State() != raft.Leader {
		return fault.Wrap(op, notLeader())
	}
	if err := n.TransferLeadership(ctx, ""); err != nil {
		return fault.Wrap(op, err)
	}
	return &fault.Error{Op: op, Kind: fault.NotLeader, Err: ErrNotLeader,
		Msg: "it led and has handed leadership over; the new leader can remove it", Hint: "repeat the command"}
}

func (n *Node) change(ctx context.Context, op string, fn func() raft.Future) error {
	err := n.await(ctx, fn)
	n.noteTransfer(err)
	return fault.Wrap(op, outcome(err))
}

// TransferLeadership hands leadership to another voter; with an empty name to
// the one that has come farthest and answers. It is bounded by TransferTimeout,
// because raft alone waits for ever for a receiver that hangs; after that the
// present leader goes on.
func (n *Node) TransferLeadership(ctx context.Context, to string) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.TransferTimeout)
	defer cancel()
	op := "transfer leadership to " + to
	if to == "" {
		op = "transfer leadership"
	}
	addrs := map[raft.ServerID]string{}
	var candidates []raft.ServerID
	for _, m := range n.otherVoters() {
		if to == "" || to == m.Name {
			candidates = append(candidates, raft.ServerID(m.Name))
			addrs[raft.ServerID(m.Name)] = m.Addr
		}
	}
	if len(candidates) == 0 && to == n.cfg.Name {
		return &fault.Error{Op: op, Kind: fault.Conflict, Msg: "it is this dm-master"}
	}
	if len(candidates) == 0 {
		return &fault.Error{Op: op, Kind: fault.NotFound, Code: 38048, Msg: "there is no such voting member",
			Hint: "list-member --master shows the members"}
	}
	if n.raft.State() != raft.Leader {
		return fault.Wrap(op, notLeader())
	}
	// raft loses track of a transfer to a member that has left entries
	// unanswered, when another such transfer was given up before.
	id, ok := n.wire.fit(candidates, n.cfg.HeartbeatTimeout)
	if !ok {
		return &fault.Error{Op: op, Kind: fault.Unavailable, Msg: "no voting member that could take over answers in time",
			Hint: "see whether the other dm-masters run and can be reached"}
	}
	return n.change(ctx, op, func() raft.Future {
		return n.raft.LeadershipTransferToServer(id, raft.ServerAddress(addrs[id]))
	})
}
