package rpc

import (
	"context"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/rpc/pb"
)

// Worker serves pb.Worker on a worker's own port.
type Worker struct {
	pb.UnimplementedWorkerServer
	name   string
	live   Reporter
	ops    Operations
	config string // see WithConfig
}

// NewWorker makes the handlers of a worker.
func NewWorker(name string, live Reporter, ops Operations) *Worker {
	return &Worker{name: name, live: live, ops: ops}
}

// Register adds the service to a server.
func (w *Worker) Register(s grpc.ServiceRegistrar) { pb.RegisterWorkerServer(s, w) }

// QueryStatus shows the worker's subtasks as they are now.
func (w *Worker) QueryStatus(_ context.Context, req *pb.QueryStatusRequest) (*pb.QueryStatusResponse, error) {
	r := w.live.Report()
	out := &pb.QueryStatusResponse{Result: true, SourceStatus: &pb.SourceStatus{Source: r.Source, Worker: w.name}}
	for _, s := range r.Subtasks {
		if req.GetName() == "" || req.GetName() == s.Task {
			out.SubTaskStatus = append(out.SubTaskStatus, subtaskRow(s))
		}
	}
	if len(out.SubTaskStatus) == 0 {
		out.SubTaskStatus = []*pb.SubTaskStatus{noSubtask(req.GetName())}
	}
	return out, nil
}
