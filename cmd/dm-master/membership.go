package main

import (
	"context"
	"slices"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

const (
	// pingWithin bounds a question that needs no agreement.
	pingWithin = time.Second
	// tellWithin bounds one that does.
	tellWithin = 5 * time.Second
	// lookEvery is how often a master looks whether the cluster knows it as it is.
	lookEvery = 250 * time.Millisecond
	// askAgain is the pause after a question that nobody answered.
	askAgain = time.Second
)

// standing is how the cluster sees this master, as far as it knows itself.
type standing struct {
	recorded bool // its record says where it is reached
	listed   bool // it is in the raft group
	voter    bool
}

func (m *master) standing() (s standing, err error) {
	err = m.store.View(func(v *fsm.View) error {
		have, _ := v.Member(fsm.MasterName(m.cfg.Name))
		s.recorded = have == m.record()
		return nil
	})
	if err != nil {
		return s, err
	}
	list, err := m.node.Members()
	for _, x := range list {
		if x.Name == m.cfg.Name {
			s.listed, s.voter = true, x.Voter
		}
	}
	return s, err
}

// record is what the cluster has to know of this master.
func (m *master) record() fsm.Member {
	return fsm.Member{Name: fsm.MasterName(m.cfg.Name), Peer: m.cfg.AdvertisePeer, Client: m.cfg.AdvertiseAddr, Instance: m.node.Instance()}
}

// belong sees to it that the cluster knows this master's addresses and gives it
// its vote, until ctx ends. Its error says that this master is no member any
// more, or must not be one.
func (m *master) belong(ctx context.Context) error {
	for {
		wait := lookEvery
		s, err := m.standing()
		switch {
		case err != nil:
			return err
		case !s.listed && m.node.Fresh() && m.clusterID() == "":
			// It was let in and nothing of the log has arrived yet.
		case !s.listed || !s.recorded:
			// Not listed: it was removed, or the log it has read so far does not
			// go up to where it was added. The leader knows.
			err = m.announce(ctx)
		case !s.voter:
			err = m.askForVote(ctx)
		}
		switch {
		case fault.Is(err, fault.NotFound):
			return &fault.Error{Op: "run dm-master " + m.cfg.Name, Kind: fault.Conflict, Msg: "this master was removed from the cluster",
				Hint: "to let it join again, empty its data-dir " + m.cfg.DataDir + " and start it with join"}
		case fault.Is(err, fault.Exists), fault.Is(err, fault.Conflict), fault.Is(err, fault.Invalid):
			return fault.Wrap("run dm-master "+m.cfg.Name, err)
		case err != nil:
			m.log.Debug("the masters could not be told about this one", "err", err)
			wait = askAgain
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
	}
}

func (m *master) announce(ctx context.Context) error {
	r := m.record()
	return m.tell(ctx, func(ctx context.Context, c clusterpb.MembersClient) error {
		_, err := c.Announce(ctx, &clusterpb.AnnounceRequest{Name: m.cfg.Name, PeerAddr: r.Peer, ClientAddr: r.Client, Instance: r.Instance})
		return err
	})
}

func (m *master) askForVote(ctx context.Context) error {
	applied, _ := m.node.Progress()
	return m.tell(ctx, func(ctx context.Context, c clusterpb.MembersClient) error {
		_, err := c.Promote(ctx, &clusterpb.PromoteRequest{Name: m.cfg.Name, Instance: m.node.Instance(), Applied: applied})
		return err
	})
}

// tell asks the leader if it is known where it is, else every other master. A
// leader asks itself over its own port, like everybody else.
func (m *master) tell(ctx context.Context, ask func(context.Context, clusterpb.MembersClient) error) error {
	var addrs []string
	switch name, leader := (members{m}).Leader(); {
	case name == m.cfg.Name:
		addrs = append(addrs, m.own)
	case leader != "":
		addrs = append(addrs, leader)
	}
	for _, x := range append(m.recorded(), m.cfg.Join...) {
		if x != m.cfg.AdvertiseAddr && !slices.Contains(addrs, x) {
			addrs = append(addrs, x)
		}
	}
	if len(addrs) == 0 {
		return nil // nobody is known yet; raft will tell who leads
	}
	return rpc.AskMasters(ctx, addrs, m.clusterID(), tellWithin, ask, rpc.WithTLS(m.tls, nil))
}

// recorded gives the client addresses of all masters with a record.
func (m *master) recorded() []string {
	var out []string
	err := m.store.View(func(v *fsm.View) error {
		for _, x := range v.Members() {
			out = append(out, x.Client)
		}
		return nil
	})
	if err != nil {
		m.log.Warn("the masters' records cannot be read", "err", err)
	}
	return out
}

// clusterID gives the id of the cluster, "" while it is not known here.
func (m *master) clusterID() (id string) {
	err := m.store.View(func(v *fsm.View) error { id = v.ClusterID(); return nil })
	if err != nil {
		m.log.Warn("the cluster's id cannot be read", "err", err)
	}
	return id
}
