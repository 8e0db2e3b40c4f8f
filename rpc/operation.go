package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
)

const (
	headerEpoch  = "raftdm-epoch"      // the binding under which a master asks a worker
	headerSource = "raftdm-source-bin" // and the source that it binds
	// askWorkerIn bounds one request to a worker, which itself gives up before.
	askWorkerIn = 30 * time.Second
	// askWorkerTimes is how often a worker is asked whose answer was lost: under the
	// same request id it carries a request out once.
	askWorkerTimes = 3
)

// codeNoWorkerClient: a source has no worker.
const codeNoWorkerClient = 38021

// HandleError has the workers of a task's sources deal with DDL that cannot be
// executed, now or when it comes.
func (m *Master) HandleError(ctx context.Context, req *pb.HandleErrorRequest) (*pb.HandleErrorResponse, error) {
	if _, known := ddlKind(req.GetOp()); !known {
		return nil, &fault.Error{Kind: fault.Invalid, Code: codeInvalidOperate, Msg: fmt.Sprintf("op %s not supported", req.GetOp()),
			Hint: "it is skip, replace, inject, revert or list"}
	}
	lines, err := m.askWorkers(ctx, req.GetTask(), req.GetSources(), func(ctx context.Context, c pb.WorkerClient, _ string) (*pb.CommonWorkerResponse, error) {
		return c.HandleError(ctx, &pb.HandleWorkerErrorRequest{Op: req.GetOp(), Task: req.GetTask(), BinlogPos: req.GetBinlogPos(), Sqls: req.GetSqls()})
	})
	if err != nil {
		return nil, err
	}
	return &pb.HandleErrorResponse{Result: true, Sources: lines}, nil
}

// OperateSchema has the workers of sources show or change the structure that rows
// of a table are read with.
func (m *Master) OperateSchema(ctx context.Context, req *pb.OperateSchemaRequest) (*pb.OperateSchemaResponse, error) {
	if _, known := structureVerb(req.GetOp()); !known {
		return nil, &fault.Error{Kind: fault.Unsupported, Code: codeInvalidOperate, Msg: fmt.Sprintf("not supported yet: %s", req.GetOp()),
			Hint: "it is get, set or remove"}
	}
	lines, err := m.askWorkers(ctx, req.GetTask(), req.GetSources(), func(ctx context.Context, c pb.WorkerClient, source string) (*pb.CommonWorkerResponse, error) {
		return c.OperateSchema(ctx, &pb.OperateWorkerSchemaRequest{Op: req.GetOp(), Task: req.GetTask(), Source: source, Database: req.GetDatabase(),
			Table: req.GetTable(), Schema: req.GetSchema(), Flush: req.GetFlush(), Sync: req.GetSync(), FromSource: req.GetFromSource(), FromTarget: req.GetFromTarget()})
	})
	if err != nil {
		return nil, err
	}
	return &pb.OperateSchemaResponse{Result: true, Sources: lines}, nil
}

// served is where a source is served.
type served struct {
	source fsm.SourceID
	worker fsm.Worker
	epoch  fsm.Epoch
	err    error // it has no worker, or no part in the task
}

// askWorkers asks the worker of each source given, or of all that the task has, at
// the same time, and gives a line for each.
func (m *Master) askWorkers(ctx context.Context, task string, sources []string,
	call func(context.Context, pb.WorkerClient, string) (*pb.CommonWorkerResponse, error)) ([]*pb.CommonWorkerResponse, error) {
	var places []served
	var refused error
	err := m.read(ctx, func(v *fsm.View) { places, refused = m.placesOf(v, fsm.TaskName(task), sources) })
	if err = errors.Join(err, refused); err != nil {
		return nil, err
	}
	lines := make([]*pb.CommonWorkerResponse, len(places))
	var wg sync.WaitGroup
	for i, p := range places {
		wg.Go(func() {
			line, err := m.askWorker(ctx, p, func(ctx context.Context, c pb.WorkerClient) (*pb.CommonWorkerResponse, error) {
				return call(ctx, c, string(p.source))
			})
			if err != nil {
				line = &pb.CommonWorkerResponse{Msg: Message(err)}
			}
			line.Source, line.Worker = string(p.source), string(p.worker.Name)
			lines[i] = line
		})
	}
	wg.Wait()
	return lines, nil
}

// placesOf finds the workers of a task's sources.
func (m *Master) placesOf(v *fsm.View, task fsm.TaskName, sources []string) ([]served, error) {
	known, ok := v.Task(task)
	if !ok {
		return nil, noTask(task)
	}
	var ids []fsm.SourceID
	for _, s := range sources {
		ids = append(ids, fsm.SourceID(s))
	}
	if len(ids) == 0 {
		for id := range known.Sources {
			ids = append(ids, id)
		}
		slices.Sort(ids)
	}
	out := make([]served, len(ids))
	for i, id := range ids {
		p := served{source: id}
		if _, has := known.Sources[id]; !has {
			p.err = fault.New(fault.NotFound, "source not found in task's config")
		} else if b, bound := v.Binding(id); bound {
			p.epoch = b.Epoch
			p.worker, _ = v.Worker(b.Worker)
		} else {
			p.err = &fault.Error{Kind: fault.Conflict, Code: codeNoWorkerClient, Hint: "start a dm-worker, or see list-member",
				Msg: fmt.Sprintf("source %s relevant worker-client not found: %s", id, m.cfg.Explain(v, id))}
		}
		out[i] = p
	}
	return out, nil
}

// askWorker asks one worker, again when its answer was lost.
func (m *Master) askWorker(ctx context.Context, p served, call func(context.Context, pb.WorkerClient) (*pb.CommonWorkerResponse, error)) (*pb.CommonWorkerResponse, error) {
	if p.err != nil {
		return nil, p.err
	}
	conn, err := m.dial(p.worker.Addr, connectWithin(reachIn))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, askWorkerIn)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, m.workerHeaders(ctx, p))
	asked := false
	for n := 1; ; n++ {
		if connected(ctx, conn, reachIn) {
			asked = true
			line, err := call(ctx, pb.NewWorkerClient(conn))
			if err == nil || !lost(err) {
				return line, err
			}
		}
		if n == askWorkerTimes || !pause(ctx, proposeAgain) {
			return nil, notAnswered(p, asked)
		}
	}
}

// notAnswered says what is known of a request that a worker has not answered.
func notAnswered(p served, asked bool) error {
	out := &fault.Error{Kind: fault.Unavailable, Code: codeGRPCRequest, Msg: fmt.Sprintf("worker %s at %s cannot be reached", p.worker.Name, p.worker.Addr),
		Hint: "check whether it runs; a free worker gets its source when its lease has ended"}
	if asked {
		out.Msg = fmt.Sprintf("worker %s at %s did not answer; the request may or may not have been carried out", p.worker.Name, p.worker.Addr)
		out.Hint = "look with query-status or binlog list before repeating it"
	}
	return out
}

// workerHeaders says under which binding, and for which request, a worker is asked.
func (m *Master) workerHeaders(ctx context.Context, p served) metadata.MD {
	out := metadata.Pairs(headerEpoch, strconv.FormatUint(uint64(p.epoch), 10), headerSource, string(p.source))
	if id := m.meta(ctx, string(p.source)).RequestID; id != "" {
		out.Set(headerRequestID, string(id))
	}
	return out
}
