package main

import (
	"context"
	"hash/fnv"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/rpc"
)

// members tells who the masters are: who votes is raft's to say, where clients
// reach them is recorded in the agreed state.
type members struct{ m *master }

// IsLeader tells whether this master leads.
func (c members) IsLeader() bool { return c.m.node.IsLeader() }

// Leader gives the leader's name and client address.
func (c members) Leader() (name, clientAddr string) {
	name, _ = c.m.node.Leader()
	switch name {
	case "":
		return "", ""
	case c.m.cfg.Name:
		return name, c.m.cfg.AdvertiseAddr
	}
	err := c.m.store.View(func(v *fsm.View) error {
		rec, _ := v.Member(fsm.MasterName(name))
		clientAddr = rec.Client
		return nil
	})
	if err != nil {
		c.m.log.Warn("the masters' records cannot be read", "err", err)
	}
	return name, clientAddr
}

// Members lists the masters of the raft group.
func (c members) Members() []rpc.Member {
	list, err := c.m.node.Members()
	client := map[string]string{}
	if err == nil {
		err = c.m.store.View(func(v *fsm.View) error {
			for _, rec := range v.Members() {
				client[string(rec.Name)] = rec.Client
			}
			return nil
		})
	}
	if err != nil {
		c.m.log.Warn("the members of the group cannot be read", "err", err)
		return nil
	}
	client[c.m.cfg.Name] = c.m.cfg.AdvertiseAddr
	out := make([]rpc.Member, 0, len(list))
	for _, x := range list {
		out = append(out, rpc.Member{Name: x.Name, ID: memberID(x.Name), Voter: x.Voter, Peer: x.Addr, Client: client[x.Name]})
	}
	return out
}

// memberID makes the number that DM's tools show for a member. A member is
// known by its name, so the number is a hash of it: the same on every master
// and after every restart.
func memberID(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// group changes the raft group.
type group struct{ m *master }

// AddNonvoter lets a master receive the log.
func (g group) AddNonvoter(ctx context.Context, name, peer string) error {
	return g.m.node.AddNonvoter(ctx, raftnode.Member{Name: name, Addr: peer})
}

// AddVoter gives a master its vote.
func (g group) AddVoter(ctx context.Context, name, peer string) error {
	return g.m.node.AddVoter(ctx, raftnode.Member{Name: name, Addr: peer})
}

// Remove takes a master out of the group.
func (g group) Remove(ctx context.Context, name string) error { return g.m.node.Remove(ctx, name) }

// Evict hands leadership over for good.
func (g group) Evict(ctx context.Context) error { return g.m.node.Evict(ctx) }

// CancelEvict lets this master lead again.
func (g group) CancelEvict() { g.m.node.CancelEvict() }

// Progress gives how far this master is.
func (g group) Progress() (applied, commit uint64) { return g.m.node.Progress() }
