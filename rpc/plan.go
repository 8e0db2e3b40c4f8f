package rpc

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/rpc/pb"
)

// AskPlan makes a CheckTask ask for the plan of the task in place of the checks'
// verdict: DM has no such request, and pb stays exactly DM's.
func AskPlan(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, headerPlan, "1")
}

// preview answers with the plan of a task as JSON in msg. The result says whether
// nothing stops the task.
func (m *Master) preview(ctx context.Context, p taskPlan) (*pb.CheckTaskResponse, error) {
	out, err := m.cfg.Checker.PlanTask(ctx, p.subtasks, p.task.IgnoreChecks)
	if err != nil {
		return nil, err
	}
	for _, w := range p.warnings {
		out.Remarks = append(out.Remarks, plan.Remark{Says: w})
	}
	if len(p.unbound) > 0 {
		out.Stops = append(out.Stops, plan.Remark{Says: fmt.Sprintf("sources %v have not bound", p.unbound),
			Help: p.why + "; start more workers or stop a source that is not needed"})
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, fault.Wrap("write the plan", err)
	}
	return &pb.CheckTaskResponse{Result: len(out.Stops) == 0, Msg: string(text)}, nil
}

// ReadPlan reads what a master has answered to AskPlan; false when that is no
// plan: it has refused, or it is older than plans are.
func ReadPlan(resp *pb.CheckTaskResponse) (*plan.Plan, bool) {
	out := &plan.Plan{}
	err := json.Unmarshal([]byte(resp.GetMsg()), out)
	return out, err == nil
}
