package rpc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// same tells whether two assignments ask for the same; their indexes may differ.
func same(a, b fsm.Assignment) bool {
	return sameSource(a, b) && slices.Equal(a.Subtasks, b.Subtasks)
}

func sameSource(a, b fsm.Assignment) bool {
	if a.Source == nil || b.Source == nil {
		return a.Source == b.Source
	}
	return *a.Source == *b.Source && a.Epoch == b.Epoch
}

// assignMessage encodes the complete set.
func assignMessage(a fsm.Assignment) *clusterpb.SessionResponse {
	out := &clusterpb.Assign{Index: uint64(a.Index), Epoch: uint64(a.Epoch)}
	if a.Source != nil {
		out.Source = &clusterpb.Source{Id: string(a.Source.ID), Config: a.Source.Config, Created: uint64(a.Source.Created)}
	}
	for _, s := range a.Subtasks {
		out.Subtasks = append(out.Subtasks, encodeSubtask(s))
	}
	return &clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Assign{Assign: out}}
}

// updateMessage encodes how to differs from from; both have the same source.
func updateMessage(from, to fsm.Assignment) *clusterpb.SessionResponse {
	out := &clusterpb.Update{AppliesTo: uint64(from.Index), ResultsIn: uint64(to.Index)}
	had := map[fsm.TaskName]fsm.Subtask{}
	for _, s := range from.Subtasks {
		had[s.Task] = s
	}
	for _, s := range to.Subtasks {
		if old, ok := had[s.Task]; !ok || old != s {
			out.Changed = append(out.Changed, encodeSubtask(s))
		}
		delete(had, s.Task)
	}
	for task := range had {
		out.Removed = append(out.Removed, string(task))
	}
	slices.Sort(out.Removed)
	return &clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Update{Update: out}}
}

// step picks the message that leads a worker from one assignment to another:
// none when nothing changed, a delta, or the complete set when the worker has
// nothing yet or another source.
func step(has *fsm.Assignment, now fsm.Assignment) *clusterpb.SessionResponse {
	switch {
	case has == nil || !sameSource(*has, now):
		return assignMessage(now)
	case same(*has, now):
		return nil
	default:
		return updateMessage(*has, now)
	}
}

// decodeAssign reads a complete set.
func decodeAssign(m *clusterpb.Assign) fsm.Assignment {
	a := fsm.Assignment{Index: fsm.Index(m.GetIndex()), Epoch: fsm.Epoch(m.GetEpoch())}
	if s := m.GetSource(); s != nil {
		a.Source = &fsm.Source{ID: fsm.SourceID(s.GetId()), Config: s.GetConfig(), Created: fsm.Index(s.GetCreated())}
	}
	for _, s := range m.GetSubtasks() {
		a.Subtasks = append(a.Subtasks, decodeSubtask(s))
	}
	return a
}

// errChain: an update does not continue what the worker has.
var errChain = fault.New(fault.Conflict, "the update does not continue the assignment")

// applyUpdate gives the assignment that an update results in. It answers
// errChain when the update applies to another one than has.
func applyUpdate(has *fsm.Assignment, m *clusterpb.Update) (fsm.Assignment, error) {
	if has == nil || uint64(has.Index) != m.GetAppliesTo() || m.GetResultsIn() <= m.GetAppliesTo() {
		return fsm.Assignment{}, errChain
	}
	byTask := map[fsm.TaskName]fsm.Subtask{}
	for _, s := range has.Subtasks {
		byTask[s.Task] = s
	}
	for _, s := range m.GetChanged() {
		byTask[fsm.TaskName(s.GetTask())] = decodeSubtask(s)
	}
	for _, task := range m.GetRemoved() {
		if _, ok := byTask[fsm.TaskName(task)]; !ok {
			return fsm.Assignment{}, fault.Wrap(fmt.Sprintf("remove task %s", task), errChain)
		}
		delete(byTask, fsm.TaskName(task))
	}
	out := fsm.Assignment{Index: fsm.Index(m.GetResultsIn()), Source: has.Source, Epoch: has.Epoch}
	for _, s := range byTask {
		out.Subtasks = append(out.Subtasks, s)
	}
	slices.SortFunc(out.Subtasks, func(a, b fsm.Subtask) int { return strings.Compare(string(a.Task), string(b.Task)) })
	return out, nil
}

func encodeSubtask(s fsm.Subtask) *clusterpb.Subtask {
	return &clusterpb.Subtask{Task: string(s.Task), Source: string(s.Source), Config: s.Config,
		Stage: uint32(s.Stage), Revision: uint64(s.Revision)}
}

func decodeSubtask(m *clusterpb.Subtask) fsm.Subtask {
	return fsm.Subtask{Task: fsm.TaskName(m.GetTask()), Source: fsm.SourceID(m.GetSource()), Config: m.GetConfig(),
		Stage: status.Stage(m.GetStage()), Revision: fsm.Index(m.GetRevision())}
}
