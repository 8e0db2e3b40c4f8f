package rpc

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/pb"
)

// staleAfter is the age from which a report is shown with its age: workers
// report every second.
const staleAfter = 5 * time.Second

// Sentences of DM.
const (
	msgNoSubtask       = "no sub task started"
	msgNoSubtaskByName = "no sub task with name %s has started"
)

// QueryStatus shows the workers' latest reports, by source. dmctl makes its
// summary of tasks from the same answer.
func (m *Master) QueryStatus(ctx context.Context, req *pb.QueryStatusListRequest) (*pb.QueryStatusListResponse, error) {
	out := &pb.QueryStatusListResponse{Result: true}
	var refused error
	err := m.read(ctx, func(v *fsm.View) {
		var ids []fsm.SourceID
		if ids, refused = m.pickSources(v, req); refused != nil {
			return
		}
		for _, id := range ids {
			out.Sources = append(out.Sources, m.sourceStatus(v, id, req.GetName()))
		}
	})
	if err != nil {
		return nil, err
	}
	return out, refused
}

// pickSources gives the sources that a query is about.
func (m *Master) pickSources(v *fsm.View, req *pb.QueryStatusListRequest) ([]fsm.SourceID, error) {
	var ids []fsm.SourceID
	var missing []string
	for _, s := range req.GetSources() {
		if _, ok := v.Source(fsm.SourceID(s)); !ok {
			missing = append(missing, s)
		}
		ids = append(ids, fsm.SourceID(s))
	}
	switch {
	case len(missing) > 0:
		return nil, unknownSources(missing)
	case len(ids) > 0:
		return ids, nil
	case req.GetName() == "":
		return m.wishesAt(v).sources, nil
	}
	task, ok := v.Task(fsm.TaskName(req.GetName()))
	if !ok {
		return nil, fault.New(fault.NotFound, fmt.Sprintf("task %s has no source or not exist", req.GetName()))
	}
	for id := range task.Sources {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids, nil
}

// sourceStatus renders one source, with all its subtasks or the one named.
func (m *Master) sourceStatus(v *fsm.View, id fsm.SourceID, task string) *pb.QueryStatusResponse {
	out := &pb.QueryStatusResponse{SourceStatus: &pb.SourceStatus{Source: string(id)}}
	b, bound := v.Binding(id)
	if !bound {
		out.Msg = Message(&fault.Error{Kind: fault.Unavailable, Code: 38021,
			Msg: fmt.Sprintf("source %s relevant worker-client not found: %s", id, m.cfg.Explain(v, id))})
		return out
	}
	out.SourceStatus.Worker = string(b.Worker)
	w, _ := v.Worker(b.Worker)
	h, ok := m.reports.of(w, b)
	if !ok {
		out.Msg = fmt.Sprintf("worker %s has not reported about source %s yet; it reports every second%s", b.Worker, id, untilLease(w))
		return out
	}
	out.Result = true
	age := time.Since(h.at)
	if age > staleAfter {
		out.Msg = fmt.Sprintf("worker %s reported this %d s ago and nothing since%s", b.Worker, age/time.Second, untilLease(w))
	}
	wanted := m.wishesAt(v).of[id]
	paused := map[string]bool{}
	for _, want := range wanted {
		paused[want.task] = want.stage == status.StagePaused
	}
	reported := map[string]bool{}
	for _, row := range h.report.Subtasks {
		reported[row.Task] = true
		if task != "" && row.Task != task {
			continue
		}
		line := subtaskRow(row)
		if paused[row.Task] && line.GetStage() == pb.Stage_Paused {
			line.Result.IsCanceled = true // an operator paused what had stopped on an error: it is not resumed by itself
		}
		if sync := line.GetSync(); sync != nil && age > staleAfter {
			sync.Synced = false // people cut over by it, and what the source has written since is not known
		}
		out.SubTaskStatus = append(out.SubTaskStatus, line)
	}
	for _, want := range wanted {
		if name := want.task; !reported[name] && (task == "" || name == task) {
			out.SubTaskStatus = append(out.SubTaskStatus, &pb.SubTaskStatus{Name: name, Stage: pb.Stage_New,
				Status: &pb.SubTaskStatus_Msg{Msg: fmt.Sprintf("worker %s has not begun with it yet", b.Worker)}})
		}
	}
	if len(out.SubTaskStatus) == 0 {
		out.SubTaskStatus = []*pb.SubTaskStatus{noSubtask(task)}
	}
	return out
}

// untilLease says how long a worker's silence lasts at most.
func untilLease(w fsm.Worker) string {
	return fmt.Sprintf("; when it is silent for its lease of %d s (keepalive-ttl), a free worker gets the source", w.TTLSeconds)
}

// noSubtask is the row that says that there is none.
func noSubtask(task string) *pb.SubTaskStatus {
	msg := msgNoSubtask
	if task != "" {
		msg = fmt.Sprintf(msgNoSubtaskByName, task)
	}
	return &pb.SubTaskStatus{Name: task, Status: &pb.SubTaskStatus_Msg{Msg: msg}}
}
