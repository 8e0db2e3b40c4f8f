package rpc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// partUpdate tells an update's command from the others of its request.
const partUpdate = "update"

// partRest tells the commands by which an update pauses what has stopped.
const partRest = "rest "

// UpdateTask replaces the file of a task that is paused or has stopped on an
// error, as far as that is possible without starting anew.
func (m *Master) UpdateTask(ctx context.Context, req *pb.UpdateTaskRequest) (*pb.UpdateTaskResponse, error) {
	t, _, err := m.cfg.Key.DecodeTask(fileName(ctx, 0, "task file"), []byte(req.GetTask()))
	if err != nil {
		return nil, err
	}
	release, err := m.hold(ctx, t.Name)
	if err != nil {
		return nil, err
	}
	defer release()
	var task fsm.Task
	if err := m.read(ctx, func(v *fsm.View) { task, _ = v.Task(fsm.TaskName(t.Name)) }); err != nil {
		return nil, err
	}
	picked := req.GetSources()
	if len(picked) == 0 {
		for _, id := range slices.Sorted(maps.Keys(task.Sources)) {
			picked = append(picked, string(id))
		}
	}
	if len(picked) == 0 {
		return nil, noTask(fsm.TaskName(t.Name))
	}
	p, err := m.planTask(ctx, req.GetTask(), picked)
	if err != nil {
		return nil, err
	}
	if len(p.strangers) > 0 {
		return &pb.UpdateTaskResponse{Msg: "not every source belongs to the task", Sources: p.strangers}, nil
	}
	again, err := m.repeated(ctx, partUpdate)
	if err != nil {
		return nil, err
	}
	if !again {
		if err := m.mayUpdate(ctx, t, task, picked); err != nil {
			return nil, err
		}
		if err := m.cfg.Checker.CheckTask(ctx, p.subtasks, p.task.IgnoreChecks, shownFindings, shownFindings); err != nil {
			return nil, err
		}
		stopped, err := m.rest(ctx, []fsm.TaskName{fsm.TaskName(t.Name)}, picked)
		if err != nil {
			return nil, err
		}
		p.warnings = append(p.warnings, stopped...)
	}
	c := fsm.UpdateTask{Name: fsm.TaskName(t.Name), Sources: map[fsm.SourceID]string{}}
	text := m.cfg.Key.StoredTask(req.GetTask(), securityFiles(ctx))
	for _, id := range picked {
		c.Sources[fsm.SourceID(id)] = text
	}
	res, err := m.propose(ctx, m.meta(ctx, partUpdate), c)
	if err != nil {
		return nil, m.taskMissing(ctx, fsm.TaskName(t.Name), err)
	}
	changed, ok := res.Value.([]fsm.SourceID)
	if !ok {
		return nil, fault.New(fault.Internal, fmt.Sprintf("updating a task answered %T", res.Value))
	}
	out := &pb.UpdateTaskResponse{Result: true, Msg: strings.Join(p.warnings, "; ")}
	out.Sources, err = m.settle(ctx, t.Name, changed, becomesPaused)
	return out, err
}

// mayUpdate refuses what cannot change, or not yet.
func (m *Master) mayUpdate(ctx context.Context, next config.Task, task fsm.Task, picked []string) error {
	for _, id := range picked {
		text, ok := task.Sources[fsm.SourceID(id)]
		if !ok {
			return &fault.Error{Kind: fault.NotFound, Code: 46017, Msg: fmt.Sprintf("task %s has no source %s", next.Name, id),
				Hint: "add it with start-task -s " + id}
		}
		old, _, err := m.cfg.Key.DecodeTask("the task's present file", []byte(text))
		if err != nil {
			return err
		}
		changes, err := config.TaskUpdates(old, next, id)
		if err != nil {
			return err
		}
		inSync, err := m.inSync(ctx, fsm.TaskName(next.Name), fsm.SourceID(id))
		if err != nil {
			return err
		}
		for _, u := range changes {
			if f := refuseUpdate(u, "task "+next.Name, inSync); f != nil {
				f.Hint = strings.ReplaceAll(f.Hint, "TASK", next.Name)
				return f
			}
		}
	}
	return nil
}

func refuseUpdate(u config.Update, what string, inSync bool) *fault.Error {
	switch {
	case u.When == config.Never:
		return &fault.Error{Kind: fault.Conflict, Msg: fmt.Sprintf("%s cannot change in %s while it exists", u.Key, what),
			Hint: "stop-task TASK and start-task it with the new file"}
	case u.When == config.InSync && !inSync:
		return &fault.Error{Kind: fault.Conflict, Hint: "resume-task TASK until query-status shows the unit Sync, then pause it and try again",
			Msg: fmt.Sprintf("%s can change in %s only once its full data is loaded, and it is not known to be", u.Key, what)}
	default:
		return nil
	}
}

// rest pauses those subtasks that have stopped on an error: they are Paused to
// whoever looks, and what they stopped on is often what the new file mends. Else
// they would be resumed by themselves, so it takes the masters' word that they
// rest. While one of all runs, nothing is paused, and the update is refused. It
// gives a sentence about each task that it has paused.
func (m *Master) rest(ctx context.Context, tasks []fsm.TaskName, sources []string) ([]string, error) {
	stopped := map[fsm.TaskName][]fsm.SourceID{}
	for _, task := range tasks {
		for _, id := range sources {
			s, err := m.see(string(task), fsm.SourceID(id), time.Time{})
			switch {
			case err != nil:
				return nil, err
			case s.wanted != nil && s.wanted.Stage == status.StagePaused:
			case s.answered() && s.is.Stage == status.StagePaused && s.is.Err != nil:
				stopped[task] = append(stopped[task], fsm.SourceID(id))
			default:
				return nil, nil
			}
		}
	}
	var out []string
	for _, task := range slices.Sorted(maps.Keys(stopped)) {
		c := fsm.SetStage{Task: task, Sources: stopped[task], Stage: status.StagePaused}
		if _, err := m.propose(ctx, m.meta(ctx, partRest+string(task)), c); err != nil {
			return nil, err
		}
		out = append(out, fmt.Sprintf("task %s had stopped on an error for the sources %v and is paused now; resume-task lets it go on", task, stopped[task]))
	}
	return out, nil
}

// inSync tells whether a worker has said that a subtask replicates.
func (m *Master) inSync(_ context.Context, task fsm.TaskName, id fsm.SourceID) (bool, error) {
	s, err := m.see(string(task), id, time.Time{})
	return err == nil && s.is != nil && s.is.Unit == status.UnitSync, err
}

// UpdateSource replaces the file of a source none of whose tasks runs.
func (o *operatorServer) UpdateSource(ctx context.Context, req *clusterpb.UpdateSourceRequest) (*clusterpb.UpdateSourceResponse, error) {
	m := o.m
	next, warnings, err := m.cfg.Key.DecodeSource(fileName(ctx, 0, "source file"), []byte(req.GetConfig()))
	if err != nil {
		return nil, err
	}
	config.FillSecurity(&next.From.Security, securityFiles(ctx))
	id := fsm.SourceID(next.SourceID)
	again, err := m.repeated(ctx, partUpdate)
	if err != nil {
		return nil, err
	}
	if !again {
		var tasks []fsm.TaskName
		if next, tasks, err = m.checkSourceUpdate(ctx, next); err != nil {
			return nil, err
		}
		stopped, err := m.rest(ctx, tasks, []string{next.SourceID})
		if err != nil {
			return nil, err
		}
		warnings = append(warnings, stopped...)
	}
	if _, err := m.propose(ctx, m.meta(ctx, partUpdate), fsm.UpdateSource{ID: id, Config: m.cfg.Key.EncodeSource(next)}); err != nil {
		return nil, err
	}
	out := &clusterpb.UpdateSourceResponse{Result: true, Msg: strings.Join(warnings, "; "), Source: next.SourceID}
	err = m.read(ctx, func(v *fsm.View) {
		b, _ := v.Binding(id)
		out.Worker = string(b.Worker)
	})
	return out, err
}

// checkSourceUpdate refuses what cannot change under the source's tasks, and
// fills in what the file leaves open with what is known or detected.
// It gives the source's tasks, too.
func (m *Master) checkSourceUpdate(ctx context.Context, next config.Source) (config.Source, []fsm.TaskName, error) {
	id := fsm.SourceID(next.SourceID)
	var have fsm.Source
	var known bool
	var tasks []fsm.TaskName
	if err := m.read(ctx, func(v *fsm.View) {
		have, known = v.Source(id)
		for _, task := range v.Tasks() {
			if _, ok := task.Sources[id]; ok {
				tasks = append(tasks, task.Name)
			}
		}
	}); err != nil {
		return next, nil, err
	}
	if !known {
		return next, nil, &fault.Error{Kind: fault.NotFound, Code: 46008, Msg: fmt.Sprintf("source %s does not exist", id),
			Hint: "create it with operate-source create"}
	}
	old, _, err := m.cfg.Key.DecodeSource("source "+next.SourceID, []byte(have.Config))
	if err != nil {
		return next, nil, err
	}
	if next.ServerID == 0 {
		next.ServerID = old.ServerID
	}
	if next, err = m.cfg.Checker.CheckSource(ctx, next); err != nil {
		return next, nil, err
	}
	for _, u := range config.SourceUpdates(old, next) {
		for _, task := range tasks {
			inSync, err := m.inSync(ctx, task, id)
			if err != nil {
				return next, nil, err
			}
			if f := refuseUpdate(u, fmt.Sprintf("source %s under task %s", id, task), inSync); f != nil {
				f.Hint = strings.ReplaceAll(f.Hint, "TASK", string(task))
				if u.When == config.Never {
					f.Hint = fmt.Sprintf("stop-task %s first; it goes on where it was once it is started again", task)
				}
				return next, nil, f
			}
		}
	}
	return next, tasks, nil
}
