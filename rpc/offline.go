package rpc

import (
	"context"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
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
