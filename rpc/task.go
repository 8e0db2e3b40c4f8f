package rpc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/pb"
)

const msgCheckPass = "check pass!!!"

// partStart tells start-task's command from the others of its request.
const partStart = "start"

// shownFindings is how many failures and how many warnings start-task shows.
const shownFindings = 10

// StartTask checks a task file against the databases, has the task agreed on
// and waits for the workers' word about each of its subtasks.
func (m *Master) StartTask(ctx context.Context, req *pb.StartTaskRequest) (*pb.StartTaskResponse, error) {
	if req.GetStartTime() != "" {
		return nil, fault.New(fault.Unsupported, "not supported yet: start-task --start-time")
	}
	p, err := m.planTask(ctx, req.GetTask(), req.GetSources())
	if err != nil {
		return nil, err
	}
	if len(p.strangers) > 0 {
		return &pb.StartTaskResponse{Msg: "not every source belongs to the task", Sources: p.strangers}, nil
	}
	release, err := m.hold(ctx, p.task.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := m.prepareTask(ctx, p, req.GetRemoveMeta()); err != nil {
		return nil, err
	}
	started, err := m.startTask(ctx, p, req.GetTask())
	if err != nil {
		return nil, err
	}
	out := &pb.StartTaskResponse{Result: true, Msg: strings.Join(p.warnings, "; ")}
	if out.Sources, err = m.settle(ctx, p.task.Name, started.Added, becomesRunning); err != nil {
		return nil, err
	}
	for _, s := range started.Existed {
		out.Sources = append(out.Sources, &pb.CommonWorkerResponse{Result: true, Source: string(s),
			Msg: "the task has this source already; it was left as it is"})
	}
	return out, nil
}

// prepareTask does what comes before a task is agreed on, unless this very
// request has it agreed on already: then nothing may be removed under it, and no
// check can prevent it any more.
func (m *Master) prepareTask(ctx context.Context, p taskPlan, removeMeta bool) error {
	again, err := m.repeated(ctx, partStart)
	if err != nil || again {
		return err
	}
	if len(p.unbound) > 0 {
		return &fault.Error{Kind: fault.Conflict, Code: codeSourcesUnbound,
			Msg:  fmt.Sprintf("sources [%s] have not bound", strings.Join(p.unbound, " ")),
			Hint: p.why + "; start more workers or stop a source that is not needed"}
	}
	if err := m.cfg.Checker.CheckTask(ctx, p.subtasks, p.task.IgnoreChecks, shownFindings, shownFindings); err != nil {
		return err
	}
	if removeMeta {
		return m.removeMeta(ctx, p.task)
	}
	return nil
}

// CheckTask runs the pre-checks of a task file.
func (m *Master) CheckTask(ctx context.Context, req *pb.CheckTaskRequest) (*pb.CheckTaskResponse, error) {
	if req.GetStartTime() != "" {
		return nil, fault.New(fault.Unsupported, "not supported yet: check-task --start-time")
	}
	p, err := m.planTask(ctx, req.GetTask(), nil)
	if err != nil {
		return nil, err
	}
	if header(ctx, headerPlan) != "" {
		return m.preview(ctx, p)
	}
	if req.GetErrCnt() < 0 || req.GetWarnCnt() < 0 {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("--error and --warn are numbers from 0 on, not %d and %d", req.GetErrCnt(), req.GetWarnCnt()))
	}
	err = m.cfg.Checker.CheckTask(ctx, p.subtasks, p.task.IgnoreChecks, int(req.GetErrCnt()), int(req.GetWarnCnt()))
	if err != nil {
		return nil, err
	}
	return &pb.CheckTaskResponse{Result: true, Msg: strings.Join(append([]string{msgCheckPass}, p.warnings...), " ")}, nil
}

// taskPlan is a task file resolved against the sources it names.
type taskPlan struct {
	task      config.Task
	warnings  []string
	subtasks  []config.Subtask
	unbound   []string
	why       string                     // why the first of them has no worker
	strangers []*pb.CommonWorkerResponse // sources asked for that the file does not name
}

// planTask decodes a task file and resolves it for the sources picked, or for
// all that the file names.
func (m *Master) planTask(ctx context.Context, text string, picked []string) (taskPlan, error) {
	var p taskPlan
	var err error
	if p.task, p.warnings, err = m.cfg.Key.DecodeTask(fileName(ctx, 0, "task file"), []byte(text)); err != nil {
		return p, err
	}
	config.FillSecurity(&p.task.Target.Security, securityFiles(ctx))
	named := p.task.Sources()
	for _, s := range picked {
		if !slices.Contains(named, s) {
			p.strangers = append(p.strangers, &pb.CommonWorkerResponse{Source: s, Msg: "source not found in task's config"})
		}
	}
	if len(picked) == 0 {
		picked = named
	}
	records := map[string]fsm.Source{}
	err = m.read(ctx, func(v *fsm.View) {
		for _, s := range picked {
			if rec, ok := v.Source(fsm.SourceID(s)); ok {
				records[s] = rec
			}
			if _, ok := v.Binding(fsm.SourceID(s)); !ok {
				if len(p.unbound) == 0 {
					p.why = m.cfg.Explain(v, fsm.SourceID(s))
				}
				p.unbound = append(p.unbound, s)
			}
		}
	})
	if err != nil || len(p.strangers) > 0 {
		return p, err
	}
	for _, s := range picked {
		rec, ok := records[s]
		if !ok {
			return p, &fault.Error{Kind: fault.NotFound, Code: 46008, Msg: fmt.Sprintf("source %s does not exist", s),
				Hint: "create it with operate-source create, or correct mysql-instances in the task file"}
		}
		src, _, err := m.cfg.Key.DecodeSource("source "+s, []byte(rec.Config))
		if err != nil {
			return p, err
		}
		sub, err := p.task.Subtask(src)
		if err != nil {
			return p, err
		}
		p.subtasks = append(p.subtasks, sub)
	}
	return p, nil
}

// startTask has the task agreed on with the file's text for every source.
func (m *Master) startTask(ctx context.Context, p taskPlan, text string) (fsm.Started, error) {
	text = m.cfg.Key.StoredTask(text, securityFiles(ctx))
	c := fsm.StartTask{Name: fsm.TaskName(p.task.Name), Sources: map[fsm.SourceID]string{}}
	for _, sub := range p.subtasks {
		c.Sources[fsm.SourceID(sub.SourceID)] = text
	}
	res, err := m.propose(ctx, m.meta(ctx, partStart), c)
	if err != nil {
		return fsm.Started{}, err
	}
	started, ok := res.Value.(fsm.Started)
	if !ok {
		return started, fault.New(fault.Internal, fmt.Sprintf("starting a task answered %T", res.Value))
	}
	return started, nil
}

// removeMeta drops what an earlier run of the task left on the target. A task
// that still exists keeps its meta tables: dropping them under it loses data.
func (m *Master) removeMeta(ctx context.Context, t config.Task) error {
	var exists bool
	if err := m.read(ctx, func(v *fsm.View) { _, exists = v.Task(fsm.TaskName(t.Name)) }); err != nil {
		return err
	}
	if exists {
		return &fault.Error{Kind: fault.Conflict, Code: 46014, Msg: fmt.Sprintf("task %s still exists, its meta data cannot be removed", t.Name),
			Hint: "stop-task it first"}
	}
	if err := m.nobodyRuns(ctx, t); err != nil {
		return err
	}
	err := fault.Wrap("remove the meta data of task "+t.Name, m.cfg.Target.RemoveMeta(ctx, t.Target, t.MetaSchema, t.Name))
	if err == nil {
		m.note(ctx, "remove-meta", fsm.Note{Action: "start-task --remove-meta", Task: fsm.TaskName(t.Name)})
	}
	return err
}

// nobodyRuns waits until the workers of a task's sources say that they have nothing
// of it. One that has not heard of a stop-task yet would take the task for the
// former one, whose place in the binlog it knows, and go on with it.
func (m *Master) nobodyRuns(ctx context.Context, t config.Task) error {
	var sources []fsm.SourceID
	for _, s := range t.Sources() {
		sources = append(sources, fsm.SourceID(s))
	}
	lines, err := m.settle(ctx, t.Name, sources, becomesGone)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if !l.GetResult() {
			return &fault.Error{Kind: fault.Conflict, Code: 46014,
				Msg:  fmt.Sprintf("worker %s has not said that it does not run task %s any more, whose meta data cannot be removed meanwhile", l.GetWorker(), t.Name),
				Hint: "try again; query-status -s " + l.GetSource() + " shows what is known of the worker, and list-member whether it lives"}
		}
	}
	return nil
}

// OperateTask stops, pauses or resumes a task, or some sources of it.
func (m *Master) OperateTask(ctx context.Context, req *pb.OperateTaskRequest) (*pb.OperateTaskResponse, error) {
	name := fsm.TaskName(req.GetName())
	release, err := m.hold(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	defer release()
	var sources []fsm.SourceID
	for _, s := range req.GetSources() {
		sources = append(sources, fsm.SourceID(s))
	}
	var c fsm.Command
	var until wanted
	switch req.GetOp() {
	case pb.TaskOp_Stop, pb.TaskOp_Delete:
		c, until = fsm.StopTask{Name: name, Sources: sources}, becomesGone
	case pb.TaskOp_Pause:
		c, until = fsm.SetStage{Task: name, Sources: sources, Stage: status.StagePaused}, becomesPaused
	case pb.TaskOp_Resume:
		c, until = fsm.SetStage{Task: name, Sources: sources, Stage: status.StageRunning}, becomesRunning
	default:
		return nil, fault.New(fault.Invalid, "a task can be stopped, paused or resumed, not: "+req.GetOp().String())
	}
	// Whether the task exists is the state machine's to say: of a repeated
	// stop-task the first try may have been carried out.
	res, err := m.propose(ctx, m.meta(ctx, "operate"), c)
	if err != nil {
		return nil, m.taskMissing(ctx, name, err)
	}
	changed, ok := res.Value.([]fsm.SourceID)
	if !ok {
		return nil, fault.New(fault.Internal, fmt.Sprintf("operating a task answered %T", res.Value))
	}
	lines, err := m.settle(ctx, req.GetName(), changed, until)
	if err != nil {
		return nil, err
	}
	return &pb.OperateTaskResponse{Op: req.GetOp(), Result: true, Sources: lines}, nil
}

// taskMissing gives a refusal in DM's words when its reason is that there is no
// such task.
func (m *Master) taskMissing(ctx context.Context, name fsm.TaskName, refused error) error {
	if !fault.Is(refused, fault.NotFound) {
		return refused
	}
	var known bool
	if err := m.read(ctx, func(v *fsm.View) { _, known = v.Task(name) }); err != nil {
		return err
	}
	var f *fault.Error
	switch {
	case !known:
		return noTask(name)
	case errors.As(refused, &f) && f.Code == codeNoTask:
		return &fault.Error{Kind: fault.NotFound, Code: codeNoSource, Msg: fmt.Sprintf("task %s has none of the sources that are named", name),
			Hint: "query-status shows the sources of a task"}
	}
	return refused
}

func noTask(name fsm.TaskName) error {
	return fault.New(fault.NotFound, fmt.Sprintf("task %s has no source or not exist, please check the task name and status", name))
}
