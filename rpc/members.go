package rpc

import (
	"context"
	"fmt"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// The methods of Members that only the leader answers.
const (
	methodJoin     = "/raftdm.cluster.v1.Members/Join"
	methodPromote  = "/raftdm.cluster.v1.Members/Promote"
	methodAnnounce = "/raftdm.cluster.v1.Members/Announce"
)

// promoteBehind is how many entries a non-voter may lack to be given its vote:
// what a busy cluster agrees on in a fraction of a second.
const promoteBehind = 64

// DM's numbers for trouble with members.
const (
	codeNoMember    = 38048
	codeOfflineType = 38049
	codeJoin        = 38040
)

// memberServer serves what masters ask each other.
type memberServer struct {
	clusterpb.UnimplementedMembersServer
	m *Master
}

// Join makes a master known and lets it receive the log. The record comes
// first: it is what refuses a name or an address that is taken, and with it a
// request that is repeated goes on where the first one ended.
func (s *memberServer) Join(ctx context.Context, req *clusterpb.JoinRequest) (*clusterpb.JoinResponse, error) {
	rec := fsm.PutMember{Name: fsm.MasterName(req.GetName()), Peer: req.GetPeerAddr(), Client: req.GetClientAddr(), Instance: req.GetInstance()}
	var recorded bool
	if err := s.m.read(ctx, func(v *fsm.View) { _, recorded = v.Member(rec.Name) }); err != nil {
		return nil, err
	}
	var listed *Member
	for _, x := range s.m.cfg.Cluster.Members() {
		switch {
		case x.Name == req.GetName():
			listed = &x
		case x.Peer == req.GetPeerAddr():
			return nil, &fault.Error{Kind: fault.Exists, Code: codeJoin, Hint: "give it another peer address, or remove the other one with offline-member --master first",
				Msg: fmt.Sprintf("master %s cannot have the peer address %s, which is that of master %s", req.GetName(), x.Peer, x.Name)}
		}
	}
	// A member without a record is a founder that has not told its data
	// directory yet; whoever asks to join has forgotten whom it voted for.
	if listed != nil && (listed.Peer != req.GetPeerAddr() || !recorded) {
		return nil, &fault.Error{Kind: fault.Exists, Code: codeJoin, Hint: "give it another name, or remove the other one with offline-member --master first",
			Msg: fmt.Sprintf("master %s is a member already, at %s", listed.Name, listed.Peer)}
	}
	if _, err := s.m.propose(ctx, s.m.meta(ctx, "member"), rec); err != nil {
		return nil, err
	}
	if listed == nil {
		if err := s.m.cfg.Group.AddNonvoter(ctx, req.GetName(), req.GetPeerAddr()); err != nil {
			return nil, err
		}
		s.m.cfg.Log.Info("a master has joined and receives the log", "member", req.GetName(), "peer", req.GetPeerAddr(),
			"client", req.GetClientAddr(), "version", req.GetVersion())
	}
	return &clusterpb.JoinResponse{ClusterId: s.m.clusterID()}, nil
}

// Promote gives a master that has caught up its vote.
func (s *memberServer) Promote(ctx context.Context, req *clusterpb.PromoteRequest) (*clusterpb.PromoteResponse, error) {
	member, err := s.own(ctx, req.GetName(), req.GetInstance())
	if err != nil {
		return nil, err
	}
	_, commit := s.m.cfg.Group.Progress()
	out := &clusterpb.PromoteResponse{Voter: member.Voter, Commit: commit}
	if member.Voter || req.GetApplied()+promoteBehind < commit {
		return out, nil
	}
	if err := s.m.cfg.Group.AddVoter(ctx, member.Name, member.Peer); err != nil {
		return nil, err
	}
	s.m.cfg.Log.Info("a master has caught up and votes from now on", "member", member.Name)
	out.Voter = true
	return out, nil
}

// Announce records where a member is reached. To a master that is none it says
// so, which is how one learns that it was removed while it was away.
func (s *memberServer) Announce(ctx context.Context, req *clusterpb.AnnounceRequest) (*clusterpb.AnnounceResponse, error) {
	if _, err := s.own(ctx, req.GetName(), ""); err != nil {
		return nil, err
	}
	c := fsm.PutMember{Name: fsm.MasterName(req.GetName()), Peer: req.GetPeerAddr(), Client: req.GetClientAddr(), Instance: req.GetInstance()}
	if _, err := s.m.propose(ctx, s.m.meta(ctx, "announce"), c); err != nil {
		return nil, err
	}
	return &clusterpb.AnnounceResponse{}, nil
}

// Ping tells how this master is.
func (s *memberServer) Ping(ctx context.Context, _ *clusterpb.PingRequest) (*clusterpb.PingResponse, error) {
	if err := s.m.noteDone(ctx); err != nil {
		return nil, err
	}
	leader, _ := s.m.cfg.Cluster.Leader()
	applied, _ := s.m.cfg.Group.Progress()
	return &clusterpb.PingResponse{Name: s.m.cfg.Name, ClusterId: s.m.clusterID(), Leader: leader, Applied: applied}, nil
}

// own gives the member that a request is about, as it is now; instance, if
// given, must be its data directory.
func (s *memberServer) own(ctx context.Context, name, instance string) (Member, error) {
	var rec fsm.Member
	var recorded bool
	if err := s.m.read(ctx, func(v *fsm.View) { rec, recorded = v.Member(fsm.MasterName(name)) }); err != nil {
		return Member{}, err
	}
	member, ok, err := s.m.member(name)
	switch {
	case err != nil:
		return Member{}, err
	case !ok:
		return Member{}, noMember(name) // whoever asks about itself ends
	}
	if instance != "" && recorded && rec.Instance != instance {
		return Member{}, &fault.Error{Kind: fault.Exists, Code: codeJoin, Msg: fmt.Sprintf("master %s joined before with another data directory", name),
			Hint: "start it with its former data-dir, or remove it with offline-member --master first"}
	}
	return member, nil
}

// member gives a master of the group. A list without anybody, when the group
// cannot be read, does not say that somebody is missing.
func (m *Master) member(name string) (Member, bool, error) {
	list := m.cfg.Cluster.Members()
	if len(list) == 0 {
		return Member{}, false, fault.New(fault.Unavailable, "the members of the group cannot be read")
	}
	for _, x := range list {
		if x.Name == name {
			return x, true, nil
		}
	}
	return Member{}, false, nil
}

func noMember(name string) error {
	return &fault.Error{Kind: fault.NotFound, Code: codeNoMember, Msg: fmt.Sprintf("master %s does not exist", name),
		Hint: "list-member --master shows the masters"}
}
