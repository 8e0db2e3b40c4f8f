package rpc

import (
	"context"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// noteFiles keeps the cluster's knowledge of who has load files on its disk in
// step with a worker's reports: whenever newsC says that there is a newer one,
// until ctx ends. It runs beside the stream, because a renewal must not wait
// until a command is agreed on.
func (v *visit) noteFiles(ctx context.Context, newsC <-chan struct{}) error {
	for {
		select {
		case <-newsC:
		case <-ctx.Done():
			return ctx.Err()
		}
		todo, err := v.filesToNote()
		if err != nil {
			return err
		}
		for _, c := range todo {
			// What is refused or fails now is found to differ again by the next report.
			_, err := v.s.m.propose(ctx, fsm.Meta{Actor: "worker " + string(v.worker)}, c)
			if err != nil && ctx.Err() == nil && !fault.Is(err, fault.NotLeader) {
				v.s.count("handle", err)
				v.s.m.cfg.Log.Warn("it could not be noted which worker has load files", "worker", string(v.worker), "err", err)
			}
		}
	}
}

// filesToNote compares the worker's latest report with what is agreed on.
func (v *visit) filesToNote() (todo []fsm.Command, err error) {
	err = v.s.m.cfg.Reader.View(func(view *fsm.View) error {
		b, bound := view.BindingOf(v.worker)
		w, known := view.Worker(v.worker)
		if !bound || !known {
			return nil
		}
		if h, ok := v.s.m.reports.of(w, b); ok {
			todo = filesChanged(view, b, h.report.Subtasks)
		}
		return nil
	})
	return todo, err
}

// filesChanged gives the commands that bring the notes about load files up to
// date: files exist from when a dump begins until they are loaded.
func filesChanged(view *fsm.View, b fsm.Binding, rows []status.Subtask) []fsm.Command {
	holder := map[fsm.TaskName]fsm.WorkerName{}
	for _, f := range view.LoadFilesOf(b.Source) {
		holder[f.Task] = f.Worker
	}
	var out []fsm.Command
	for _, row := range rows {
		task := fsm.TaskName(row.Task)
		has := holder[task]
		full := row.Unit == status.UnitDump || row.Unit == status.UnitLoad
		switch {
		case full && row.Stage != status.StageFinished && has != b.Worker && onDisk(row):
			out = append(out, fsm.HoldLoadFiles{Task: task, Source: b.Source, Worker: b.Worker})
		case has != "" && (row.Unit == status.UnitSync || (full && row.Stage == status.StageFinished)):
			out = append(out, fsm.DropLoadFiles{Task: task, Source: b.Source, Worker: has})
		}
	}
	return out
}

// onDisk tells whether the files of a row are on the reporting worker's disk. A
// load that took over from a worker that died looks in vain for them: it must
// not claim them, or they would not be found where they are. It names the
// dump's position once it has read the files' manifest.
func onDisk(row status.Subtask) bool {
	return row.Unit == status.UnitDump || (row.Load != nil && row.Load.MetaBinlog != "")
}
