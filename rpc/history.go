package rpc

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// operatorServer serves what dmctl asks beside DM's service.
type operatorServer struct {
	clusterpb.UnimplementedOperatorServer
	m *Master
}

// History reads the audit trail: the change log with operators' words.
func (o *operatorServer) History(ctx context.Context, req *clusterpb.HistoryRequest) (*clusterpb.HistoryResponse, error) {
	out := &clusterpb.HistoryResponse{Result: true}
	err := o.m.read(ctx, func(v *fsm.View) {
		out.Trimmed = v.ChangesFloor() > 0
		expanded := map[fsm.TaskName][]string{} // sources that got their subtask after what is read next
		v.ChangesBack(func(c fsm.Change) bool {
			e := historyEntry(c, expanded)
			if wantedEntry(req, e, operatorKind(c.Kind)) {
				out.Entries = append(out.Entries, e)
			}
			return req.GetLimit() == 0 || len(out.Entries) < int(req.GetLimit())
		})
	})
	slices.Reverse(out.Entries)
	return out, err
}

func wantedEntry(req *clusterpb.HistoryRequest, e *clusterpb.HistoryEntry, operator bool) bool {
	return (operator || req.GetCluster()) &&
		(req.GetTask() == "" || req.GetTask() == e.GetTask()) &&
		(req.GetSource() == "" || slices.Contains(e.GetSources(), req.GetSource()))
}

// operatorKind tells whether operators ask for a command, as opposed to the
// cluster itself.
func operatorKind(kind string) bool {
	switch kind {
	case "StartTask", "StopTask", "SetStage", "UpdateTask", "PutSource", "UpdateSource", "RemoveSource", "TransferSource",
		"RemoveWorker", "RemoveMember", "Note":
		return true
	default:
		return false
	}
}

// historyEntry says what a change was. expanded is what is known of tasks' later
// expansions: a change does not repeat the sources of a task that was started.
func historyEntry(c fsm.Change, expanded map[fsm.TaskName][]string) *clusterpb.HistoryEntry {
	e := &clusterpb.HistoryEntry{Index: uint64(c.Index), AtUnixMilli: c.Meta.UnixMilli, Actor: c.Meta.Actor, Addr: c.Meta.Addr,
		Action: actionOf(c)}
	if n := c.Note; n != nil {
		e.Task, e.Member, e.Refused, e.Msg = string(n.Task), n.Member, n.Refused, n.Msg
		for _, s := range n.Sources {
			e.Sources = append(e.Sources, string(s))
		}
		return e
	}
	for _, t := range c.Touched {
		if t.Task != "" {
			e.Task = string(t.Task)
		}
		if t.Source != "" && !slices.Contains(e.Sources, string(t.Source)) {
			e.Sources = append(e.Sources, string(t.Source))
		}
		if name := string(t.Worker) + string(t.Member); name != "" {
			e.Member = name
		}
	}
	task := fsm.TaskName(e.GetTask())
	switch c.Kind {
	case "PutSubtask":
		expanded[task] = append(expanded[task], e.GetSources()...)
	case "StartTask":
		e.Sources = expanded[task]
		delete(expanded, task)
	case "RegisterWorker", "OpenSession", "ExpireSession":
		e.Sources = nil // what follows for a source is an entry of its own
	}
	slices.Sort(e.Sources)
	return e
}

// actionOf names a change in dmctl's words, or, where dmctl has none, in the
// words of its command.
func actionOf(c fsm.Change) string {
	switch c.Kind {
	case "Note":
		if c.Note != nil {
			return c.Note.Action
		}
	case "SetStage":
		for _, t := range c.Touched {
			if t.Stage == status.StagePaused {
				return "pause-task"
			}
		}
		return "resume-task"
	case "PutSource":
		return "operate-source create"
	case "RemoveSource":
		if strings.Contains(string(c.Meta.RequestID), "/"+partUndo) {
			return "operate-source create, taken back"
		}
		return "operate-source stop"
	case "UpdateTask":
		return "config task update"
	case "UpdateSource":
		return "config source update"
	case "RemoveWorker", "RemoveMember":
		return "offline-member"
	}
	return kebab(c.Kind)
}

// kebab writes PutSubtask as put-subtask.
func kebab(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
