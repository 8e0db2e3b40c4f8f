package rpc

import (
	"context"
	"fmt"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/pb"
)

// settleWithin is how long an operation waits for the workers' word, as DM does.
const settleWithin = 10 * time.Second

// seen is what is known about one subtask at one moment.
type seen struct {
	wanted *fsm.Subtask    // nil: it is not wanted (any more, or yet)
	worker fsm.WorkerName  // "" when the source has none
	why    string          // why it has none
	heard  bool            // the worker has reported in this binding
	fresh  bool            // and since the operation was agreed on
	is     *status.Subtask // nil: the worker does not have it
}

// verdict is what an operation came to for one subtask.
type verdict uint8

const (
	pending verdict = iota
	done
	failed
)

// wanted judges whether a subtask reached what an operation asked for; err is
// why it failed.
type wanted func(s seen) (verdict, error)

// answered tells whether the report is newer than the last command about the
// subtask: an older one says nothing about it.
func (s seen) answered() bool {
	return s.wanted != nil && s.is != nil && s.is.Revision >= uint64(s.wanted.Revision)
}

func becomesRunning(s seen) (verdict, error) {
	switch {
	case !s.answered():
		return pending, nil
	case s.is.Err != nil:
		return failed, s.is.Err
	case s.is.Stage == status.StageRunning || s.is.Stage == status.StageFinished:
		return done, nil
	default:
		return pending, nil
	}
}

func becomesPaused(s seen) (verdict, error) {
	switch {
	case s.worker == "":
		return done, nil // nobody runs it, and whoever will finds it Paused
	case !s.answered():
		return pending, nil
	case s.is.Stage == status.StagePaused:
		return done, nil
	case s.is.Stage == status.StageFinished:
		return failed, fault.New(fault.Conflict, "current stage is Finished but not running, invalid")
	default:
		return pending, nil
	}
}

// becomesGone asks for a fresh report: a row that is missing has no revision to
// tell by, and a report of a former term may be from before the task was started.
func becomesGone(s seen) (verdict, error) {
	if s.worker == "" || (s.fresh && s.is == nil) {
		return done, nil
	}
	return pending, nil
}

// settle waits until every subtask reached what was asked for or failed to, and
// says which. One that did neither in time is answered with DM's 38045; the
// operation itself stays agreed on. The error is that this master no longer leads.
func (m *Master) settle(ctx context.Context, task string, sources []fsm.SourceID, until wanted) ([]*pb.CommonWorkerResponse, error) {
	since := time.Now()
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	again := time.NewTicker(time.Second) // a binding may change without any report
	defer again.Stop()
	for {
		news := m.reports.news()
		lines, open := m.judge(task, sources, since, until)
		if err := m.stillLeads(); err != nil {
			return nil, err
		}
		if !open || ctx.Err() != nil {
			return lines, nil
		}
		select {
		case <-news:
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

// judge gives the line of every source as of now, and whether any is pending.
func (m *Master) judge(task string, sources []fsm.SourceID, since time.Time, until wanted) ([]*pb.CommonWorkerResponse, bool) {
	var lines []*pb.CommonWorkerResponse
	open := false
	for _, id := range sources {
		s, err := m.see(task, id, since)
		v := failed
		if err == nil {
			v, err = until(s)
		}
		line := &pb.CommonWorkerResponse{Result: v == done, Source: string(id), Worker: string(s.worker)}
		switch v {
		case failed:
			line.Msg = Message(err)
		case pending:
			open = true
			line.Msg = Message(unsettled(s))
		}
		lines = append(lines, line)
	}
	return lines, open
}

func (m *Master) see(task string, id fsm.SourceID, since time.Time) (seen, error) {
	var s seen
	err := m.cfg.Reader.View(func(v *fsm.View) error {
		if st, ok := v.Subtask(fsm.TaskName(task), id); ok {
			s.wanted = &st
		}
		b, ok := v.Binding(id)
		if !ok {
			s.why = m.cfg.Explain(v, id)
			return nil
		}
		s.worker = b.Worker
		w, _ := v.Worker(b.Worker)
		h, ok := m.reports.of(w, b)
		s.heard, s.fresh = ok, ok && h.at.After(since)
		for _, row := range h.report.Subtasks {
			if ok && row.Task == task {
				s.is = &row
			}
		}
		return nil
	})
	return s, err
}

// unsettled says what is known about a subtask that did not get there in time.
func unsettled(s seen) error {
	out := &fault.Error{Kind: fault.Unavailable, Code: codeNoExpected, Hint: "query-status shows how it goes on"}
	switch {
	case s.worker == "":
		out.Msg = "the source has no worker: " + s.why
		out.Hint = "start a dm-worker; the operation is recorded and takes effect then"
	case !s.heard:
		out.Msg = fmt.Sprintf("worker %s has not reported about the source yet", s.worker)
	case s.wanted == nil && !s.fresh:
		out.Msg = fmt.Sprintf("worker %s is silent and may go on with the subtask until its lease ends", s.worker)
	case !s.fresh:
		out.Msg = fmt.Sprintf("worker %s is silent, and nobody knows whether it has heard of the operation", s.worker)
	case s.is == nil:
		out.Msg = fmt.Sprintf("worker %s has not begun with the subtask yet", s.worker)
	default:
		out.Msg = fmt.Sprintf("the subtask is %s on worker %s and did not get to the expected stage in time", s.is.Stage, s.worker)
	}
	return out
}
