package rpc

import (
	"context"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// What operate-leader does, in the words of the history.
const (
	partEvict         = "evict"
	partNotEvicted    = "not-evicted"
	actionEvict       = "operate-leader evict"
	actionCancelEvict = "operate-leader cancel-evict"
)

// noteLook is how often a master looks for a leader that can write a note.
const noteLook = 20 * time.Millisecond

// OperateLeader makes the contacted master give leadership up, or allows it to
// lead again. What came of it is written down once it is known: the leader that
// gave up has the next one do it.
func (m *Master) OperateLeader(ctx context.Context, req *pb.OperateLeaderRequest) (*pb.OperateLeaderResponse, error) {
	note := fsm.Note{Action: actionEvict, Member: m.cfg.Name}
	switch req.GetOp() {
	case pb.LeaderOp_EvictLeaderOp:
		if err := m.cfg.Group.Evict(ctx); err != nil {
			note.Refused, note.Msg = true, firstLine(Message(err))
			m.noteAtLeader(ctx, partNotEvicted, note)
			return nil, err
		}
	case pb.LeaderOp_CancelEvictLeaderOp:
		m.cfg.Group.CancelEvict()
		note.Action = actionCancelEvict
	default:
		return nil, fault.New(fault.Invalid, "operate-leader knows evict and cancel-evict, not operation "+req.GetOp().String())
	}
	m.noteAtLeader(ctx, partEvict, note)
	return &pb.OperateLeaderResponse{Result: true}, nil
}

// noteAtLeader has the leader, which may be this master, write down what became of
// a request about this master. Behind an eviction there is none for a moment. That
// nobody can be told is no reason to answer something else.
func (m *Master) noteAtLeader(ctx context.Context, part string, n fsm.Note) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(withRequestID(ctx)), noteWithin)
	defer cancel()
	look := time.NewTicker(noteLook)
	defer look.Stop()
	for {
		err := m.tryNoteAtLeader(ctx, part, n)
		if err == nil {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			m.cfg.Log.Warn("the history lacks an entry", "action", n.Action, "err", err)
			return
		}
	}
}

// tryNoteAtLeader is one attempt. Repeated ones have the same request id, so that
// one whose answer was lost leaves one entry.
func (m *Master) tryNoteAtLeader(ctx context.Context, part string, n fsm.Note) error {
	if m.cfg.Cluster.IsLeader() {
		return m.writeNote(ctx, part, n)
	}
	name, addr := m.cfg.Cluster.Leader()
	if addr == "" || name == m.cfg.Name { // the one that gave up may still be taken for it
		return notLeader("no master leads", "")
	}
	conn, err := m.dial(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	md := m.forwardHeaders(ctx)
	md.Set(headerDoneBy, m.cfg.Name)
	if n.Refused {
		md.Set(headerNotDone, n.Action, n.Msg)
	} else {
		md.Set(headerDone, n.Action)
	}
	_, err = clusterpb.NewMembersClient(conn).Ping(metadata.NewOutgoingContext(ctx, md), &clusterpb.PingRequest{})
	return fault.Wrap("tell master "+name, err)
}

// noteDone writes down what another master has told of with a ping.
func (m *Master) noteDone(ctx context.Context) error {
	part, n := partEvict, fsm.Note{Action: header(ctx, headerDone), Member: clip(header(ctx, headerDoneBy), maxHeader)}
	md, _ := metadata.FromIncomingContext(ctx)
	if why := md.Get(headerNotDone); len(why) == 2 {
		part, n.Action, n.Refused, n.Msg = partNotEvicted, why[0], true, firstLine(why[1])
	}
	if n.Member == "" || n.Action != actionEvict && n.Action != actionCancelEvict {
		return nil
	}
	if !m.cfg.Cluster.IsLeader() {
		return notLeader("it does not lead", "")
	}
	return m.writeNote(ctx, part, n)
}
