package raftnode

import (
	"context"
	"fmt"

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

// Remove takes a member out of the cluster. Only the leader can.
func (n *Node) Remove(ctx context.Context, name string) error {
	members, err := n.Members()
	if err != nil {
		return fault.Wrap("remove member "+name, err)
	}
	known := false
	for _, m := range members {
		known = known || m.Name == name
	}
	if !known {
		return &fault.Error{Op: "remove member " + name, Kind: fault.NotFound, Code: 38048,
			Msg: fmt.Sprintf("dm-master %s does not exist", name), Hint: "list-member --master shows the members"}
	}
	return n.change(ctx, "remove member "+name, func() raft.Future {
		return n.raft.RemoveServer(raft.ServerID(name), 0, n.cfg.ProposeTimeout)
	})
}

func (n *Node) change(ctx context.Context, op string, fn func() raft.Future) error {
	return fault.Wrap(op, outcome(n.await(ctx, fn)))
}

// TransferLeadership hands leadership to another voter; an empty name lets
// raft choose. It is bounded by TransferTimeout, because raft alone waits for
// ever for a receiver that hangs; after that the present leader goes on.
func (n *Node) TransferLeadership(ctx context.Context, to string) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.TransferTimeout)
	defer cancel()
	op := "transfer leadership to " + to
	if to == "" {
		op = "transfer leadership"
		return n.change(ctx, op, n.raft.LeadershipTransfer)
	}
	members, err := n.Members()
	if err != nil {
		return fault.Wrap(op, err)
	}
	for _, m := range members {
		if m.Name == to && m.Voter {
			return n.change(ctx, op, func() raft.Future {
				return n.raft.LeadershipTransferToServer(raft.ServerID(m.Name), raft.ServerAddress(m.Addr))
			})
		}
	}
	return &fault.Error{Op: op, Kind: fault.NotFound, Code: 38048, Msg: "it is not a voting member",
		Hint: "list-member --master shows the members"}
}
