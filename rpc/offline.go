package rpc

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// OfflineMember makes the cluster forget a worker that is offline or a master.
func (m *Master) OfflineMember(ctx context.Context, req *pb.OfflineMemberRequest) (*pb.OfflineMemberResponse, error) {
	var err error
	switch req.GetType() {
	case "worker":
		_, err = m.propose(ctx, m.meta(ctx, "offline"), fsm.RemoveWorker{Name: fsm.WorkerName(req.GetName())})
	case "master":
		err = m.offlineMaster(ctx, req.GetName())
	default:
		err = &fault.Error{Kind: fault.Invalid, Code: codeOfflineType, Hint: "give --master or --worker",
			Msg: fmt.Sprintf("offline-member knows the types master and worker, not %q", req.GetType())}
	}
	if err != nil {
		return nil, err
	}
	return &pb.OfflineMemberResponse{Result: true}, nil
}

// offlineMaster takes a master out of the group and then forgets its record. A
// repetition finds it out of the group and goes on with the record, whose
// removal executes once under the request's id.
func (m *Master) offlineMaster(ctx context.Context, name string) error {
	if err := m.read(ctx, func(*fsm.View) {}); err != nil {
		return err
	}
	_, listed, err := m.member(name)
	if err != nil {
		return err
	}
	if listed {
		if err := m.leaveGroup(ctx, name); err != nil {
			return err
		}
	}
	_, err = m.propose(ctx, m.meta(ctx, "offline"), fsm.RemoveMember{Name: fsm.MasterName(name)})
	if listed && fault.Is(err, fault.NotFound) {
		return nil // it had not told its addresses yet
	}
	return err
}

// leaveGroup takes a master out of the raft group if the others can go on.
func (m *Master) leaveGroup(ctx context.Context, name string) error {
	if err := m.enoughRemain(ctx, name); err != nil {
		return err
	}
	return m.cfg.Group.Remove(ctx, name)
}

// enoughRemain refuses the removal of a master when those that remain could not
// agree on anything: the cluster would stand still, with no way back but files.
func (m *Master) enoughRemain(ctx context.Context, without string) error {
	members := m.cfg.Cluster.Members()
	alive := m.alive(ctx, members)
	voters, up := 0, 0
	var down []string
	for _, x := range members {
		if x.Name == without && !x.Voter {
			return nil // it does not count
		}
		switch {
		case x.Name == without || !x.Voter:
			continue
		case alive[x.Name]:
			up++
		default:
			down = append(down, x.Name)
		}
		voters++
	}
	switch {
	case voters == 0:
		return &fault.Error{Kind: fault.Conflict, Msg: "master " + without + " is the only one that votes and cannot be removed",
			Hint: "stop its process to end the cluster"}
	case up <= voters/2:
		return &fault.Error{Kind: fault.Conflict, Hint: "start those masters, or remove them first",
			Msg: fmt.Sprintf("without master %s the cluster would stand still: of the %d masters that would remain %d answers, and [%s] does not",
				without, voters, up, strings.Join(down, " "))}
	}
	return nil
}

// OperateLeader makes the contacted master give leadership up, or allows it to
// lead again.
func (m *Master) OperateLeader(ctx context.Context, req *pb.OperateLeaderRequest) (*pb.OperateLeaderResponse, error) {
	switch req.GetOp() {
	case pb.LeaderOp_EvictLeaderOp:
		led := m.cfg.Cluster.IsLeader()
		if led { // while it can
			m.note(ctx, partEvict, fsm.Note{Action: actionEvict, Member: m.cfg.Name})
		}
		if err := m.cfg.Group.Evict(ctx); err != nil {
			return nil, err
		}
		if !led {
			m.noteAtLeader(ctx, actionEvict)
		}
	case pb.LeaderOp_CancelEvictLeaderOp:
		m.cfg.Group.CancelEvict()
		m.noteAtLeader(ctx, actionCancelEvict)
	default:
		return nil, fault.New(fault.Invalid, "operate-leader knows evict and cancel-evict, not operation "+req.GetOp().String())
	}
	return &pb.OperateLeaderResponse{Result: true}, nil
}

// What operate-leader does, in the words of the history.
const (
	partEvict         = "evict"
	actionEvict       = "operate-leader evict"
	actionCancelEvict = "operate-leader cancel-evict"
)

// noteAtLeader has the leader write down what was done to this master, which may
// lead itself. That it cannot be told is no reason to answer something else.
func (m *Master) noteAtLeader(ctx context.Context, action string) {
	if m.cfg.Cluster.IsLeader() {
		m.note(ctx, partEvict, fsm.Note{Action: action, Member: m.cfg.Name})
		return
	}
	err := m.tellLeader(ctx, action)
	if err != nil {
		m.cfg.Log.Warn("the history lacks an entry", "action", action, "err", err)
	}
}

func (m *Master) tellLeader(ctx context.Context, action string) error {
	name, addr := m.cfg.Cluster.Leader()
	if addr == "" {
		return notLeader("no master leads", "")
	}
	conn, err := m.dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	md := m.forwardHeaders(ctx)
	md.Set(headerDone, action)
	md.Set(headerDoneBy, m.cfg.Name)
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(ctx, md), noteWithin)
	defer cancel()
	_, err = clusterpb.NewMembersClient(conn).Ping(ctx, &clusterpb.PingRequest{})
	return fault.Wrap("tell master "+name, err)
}

// noteDone writes down what another master has told of with a ping.
func (m *Master) noteDone(ctx context.Context) {
	action, by := header(ctx, headerDone), header(ctx, headerDoneBy)
	if by == "" || action != actionEvict && action != actionCancelEvict || !m.cfg.Cluster.IsLeader() {
		return
	}
	m.note(ctx, partEvict, fsm.Note{Action: action, Member: clip(by, maxHeader)})
}
