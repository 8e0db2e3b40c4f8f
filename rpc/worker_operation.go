package rpc

import (
	"context"
	"strconv"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/rpc/pb"
)

// codeInvalidOperate is DM's number for an operation that does not exist.
const codeInvalidOperate = 38041

// HandleError carries out a master's request about DDL of the source.
func (w *Worker) HandleError(ctx context.Context, req *pb.HandleWorkerErrorRequest) (*pb.CommonWorkerResponse, error) {
	whom, err := whomOf(ctx, req.GetTask())
	if err != nil {
		return nil, err
	}
	kind, _ := ddlKind(req.GetOp())
	msg, err := w.ops.HandleError(ctx, whom, operation.Operator{Kind: kind, Position: req.GetBinlogPos(), Statements: req.GetSqls()})
	return w.answer(whom, msg), err
}

// OperateSchema carries out a master's request about a table's structure.
func (w *Worker) OperateSchema(ctx context.Context, req *pb.OperateWorkerSchemaRequest) (*pb.CommonWorkerResponse, error) {
	whom, err := whomOf(ctx, req.GetTask())
	if err != nil {
		return nil, err
	}
	verb, _ := structureVerb(req.GetOp())
	msg, err := w.ops.OperateSchema(ctx, whom, operation.Structure{Verb: verb, Table: schema.Name{Schema: req.GetDatabase(), Table: req.GetTable()},
		Text: req.GetSchema(), FromSource: req.GetFromSource(), FromTarget: req.GetFromTarget(), NoFlush: !req.GetFlush(), Sync: req.GetSync()})
	return w.answer(whom, msg), err
}

func (w *Worker) answer(whom operation.Whom, msg string) *pb.CommonWorkerResponse {
	return &pb.CommonWorkerResponse{Result: true, Msg: msg, Source: whom.Source, Worker: w.name}
}

// whomOf tells which subtask a master means. Its headers say under which binding:
// a worker that has another one must not act.
func whomOf(ctx context.Context, task string) (operation.Whom, error) {
	epoch, err := strconv.ParseUint(header(ctx, headerEpoch), 10, 64)
	if err != nil {
		return operation.Whom{}, &fault.Error{Kind: fault.Invalid, Msg: "a worker is asked by the leader of the masters only",
			Hint: "send the request to a dm-master"}
	}
	return operation.Whom{Task: task, Source: header(ctx, headerSource), Epoch: epoch, ID: header(ctx, headerRequestID)}, nil
}

// ddlKind reads DM's number of what to do about a DDL.
func ddlKind(op pb.ErrorOp) (operation.Kind, bool) {
	kind, ok := map[pb.ErrorOp]operation.Kind{pb.ErrorOp_Skip: operation.Skip, pb.ErrorOp_Replace: operation.Replace, pb.ErrorOp_Revert: operation.Revert,
		pb.ErrorOp_Inject: operation.Inject, pb.ErrorOp_List: operation.List}[op]
	return kind, ok
}

// structureVerb reads DM's number of what to do about a structure.
func structureVerb(op pb.SchemaOp) (operation.Verb, bool) {
	verb, ok := map[pb.SchemaOp]operation.Verb{pb.SchemaOp_GetSchema: operation.Get, pb.SchemaOp_SetSchema: operation.Set,
		pb.SchemaOp_RemoveSchema: operation.Remove}[op]
	return verb, ok
}
