package main

import (
	"context"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/version"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

const (
	// joinEach bounds asking one master to be let in; it may have to wait for
	// an election and for the membership to be agreed on.
	joinEach = 8 * time.Second
	// joinFirst and joinLast are the pauses between two rounds through the
	// masters when none of them answers.
	joinFirst, joinLast = 500 * time.Millisecond, 5 * time.Second
)

// joinCluster makes a master on an empty data directory a member. As long as no
// master can be reached it tries on, because the others may be starting, too; a
// refusal is final. A master that has data is a member already, and is only
// kept from joining a second cluster.
func (m *master) joinCluster(ctx context.Context) error {
	op := "join a cluster as dm-master " + m.cfg.Name
	switch {
	case !m.node.Fresh():
		return fault.Wrap(op, m.checkJoined(ctx))
	case len(m.cfg.Join) == 0:
		return &fault.Error{Op: "start dm-master " + m.cfg.Name, Kind: fault.Invalid, Msg: "the data-dir " + m.cfg.DataDir + " is empty, and neither initial-cluster nor join is given",
			Hint: "give initial-cluster to found a cluster, or join to become a member of one"}
	}
	wait := joinFirst
	for {
		var id string
		err := rpc.AskMasters(ctx, m.cfg.Join, "", joinEach, func(ctx context.Context, c clusterpb.MembersClient) error {
			resp, err := c.Join(ctx, &clusterpb.JoinRequest{Name: m.cfg.Name, PeerAddr: m.cfg.AdvertisePeer,
				ClientAddr: m.cfg.AdvertiseAddr, Instance: m.node.Instance(), Version: version.Release})
			id = resp.GetClusterId()
			return err
		}, rpc.WithTLS(m.tls, nil))
		switch {
		case err == nil:
			m.log.Info("this master has joined", "cluster", id)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !fault.Is(err, fault.Unavailable):
			return fault.Wrap(op, err)
		}
		m.log.Error("this master could not join yet and tries again", "join", m.cfg.Join, "err", err, "after", wait)
		if !pause(ctx, wait) {
			return ctx.Err()
		}
		wait = min(2*wait, joinLast)
	}
}

// checkJoined refuses to run when the masters of join belong to another cluster
// than the data directory. Masters that do not answer prove nothing.
func (m *master) checkJoined(ctx context.Context) error {
	own := m.clusterID()
	if len(m.cfg.Join) == 0 || own == "" {
		return nil
	}
	err := rpc.AskMasters(ctx, m.cfg.Join, own, pingWithin, func(ctx context.Context, c clusterpb.MembersClient) error {
		_, err := c.Ping(ctx, &clusterpb.PingRequest{})
		return err
	}, rpc.WithTLS(m.tls, nil))
	if fault.Is(err, fault.Conflict) {
		return &fault.Error{Kind: fault.Conflict, Msg: "the data-dir " + m.cfg.DataDir + " belongs to another cluster: " + err.Error(),
			Hint: "remove join to go on with the cluster of the data-dir, or give an empty data-dir to join the other one"}
	}
	return ctx.Err()
}

// pause waits; false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
