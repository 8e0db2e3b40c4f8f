package rpc

import (
	"context"
	"fmt"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
)

// TransferSource moves a source to a worker and waits until that worker has
// taken it, so that the next query-status has something to show.
func (m *Master) TransferSource(ctx context.Context, req *pb.TransferSourceRequest) (*pb.TransferSourceResponse, error) {
	c := fsm.TransferSource{Source: fsm.SourceID(req.GetSource()), Worker: fsm.WorkerName(req.GetWorker())}
	if _, err := m.propose(ctx, m.meta(ctx, "transfer"), c); err != nil {
		return nil, err
	}
	heard, err := m.awaitReport(ctx, c.Source, settleWithin)
	if err != nil {
		return nil, err
	}
	if !heard {
		return nil, &fault.Error{Kind: fault.Unavailable, Code: codeNoExpected, Hint: "query-status shows how it goes on",
			Msg: fmt.Sprintf("source %s is transferred, but worker %s has not begun with it yet", c.Source, c.Worker)}
	}
	return &pb.TransferSourceResponse{Result: true}, nil
}
