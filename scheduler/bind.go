package scheduler

import (
	"slices"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// bind gives sources to workers; the rules are in the package's documentation.
func bind(v *fsm.View) []fsm.Command {
	b := newBoard(v)
	// A source that is settled frees a worker, which may be what another waits for.
	for again := true; again; {
		again = false
		for _, s := range b.sources {
			again = b.settle(s) || again
		}
	}
	for _, fits := range []func(fsm.SourceID, fsm.Worker) bool{
		func(s fsm.SourceID, w fsm.Worker) bool { _, has := b.files[held{s, w.Name}]; return has },
		func(s fsm.SourceID, w fsm.Worker) bool { return w.LastSource == s },
		func(fsm.SourceID, fsm.Worker) bool { return true },
	} {
		// One rule for all sources before the next: else an early source could
		// take the worker that a later one has more right to.
		for _, s := range b.sources {
			b.take(s, fits)
		}
	}
	return b.out
}

// board is the bindings as they will be once out is carried out.
type board struct {
	sources []fsm.SourceID
	workers []fsm.Worker // online
	bound   map[fsm.SourceID]fsm.Binding
	serves  map[fsm.WorkerName]fsm.SourceID
	// files says where unfinished load files are; true: they are needed now.
	files map[held]bool
	out   []fsm.Command
}

type held struct {
	source fsm.SourceID
	worker fsm.WorkerName
}

func newBoard(v *fsm.View) *board {
	b := &board{bound: map[fsm.SourceID]fsm.Binding{}, serves: map[fsm.WorkerName]fsm.SourceID{}, files: map[held]bool{}}
	for _, s := range v.Sources() {
		b.sources = append(b.sources, s.ID)
	}
	for _, w := range v.Workers() {
		if w.Session != 0 {
			b.workers = append(b.workers, w)
		}
	}
	for _, x := range v.Bindings() {
		b.bound[x.Source], b.serves[x.Worker] = x, x.Source
	}
	for _, f := range v.LoadFiles() {
		k := held{f.Source, f.Worker}
		b.files[k] = b.files[k] || wantedRunning(v, f)
	}
	return b
}

// wantedRunning tells whether the task of the files is to run. One that is not
// expanded yet will be.
func wantedRunning(v *fsm.View, f fsm.LoadFiles) bool {
	st, expanded := v.Subtask(f.Task, f.Source)
	return !expanded || st.Stage == status.StageRunning
}

// settle moves a source to a worker that has load files it needs, even from
// another worker, and even if that worker has to give up a source whose needed
// files are not there. It tells whether it did.
func (b *board) settle(s fsm.SourceID) bool {
	if now, bound := b.bound[s]; bound && b.files[held{s, now.Worker}] {
		return false
	}
	may := func(free bool) func(fsm.Worker) bool {
		return func(w fsm.Worker) bool {
			other, busy := b.serves[w.Name]
			return b.files[held{s, w.Name}] && busy != free && !b.files[held{other, w.Name}]
		}
	}
	i := slices.IndexFunc(b.workers, may(true))
	if i < 0 {
		i = slices.IndexFunc(b.workers, may(false))
	}
	if i < 0 {
		return false
	}
	w := b.workers[i].Name
	b.unbind(s)
	if other, busy := b.serves[w]; busy {
		b.unbind(other)
	}
	b.bind(s, w)
	return true
}

// take binds a source without worker to the first free one that fits.
func (b *board) take(s fsm.SourceID, fits func(fsm.SourceID, fsm.Worker) bool) {
	if _, bound := b.bound[s]; bound {
		return
	}
	for _, w := range b.workers {
		if _, busy := b.serves[w.Name]; !busy && fits(s, w) {
			b.bind(s, w.Name)
			return
		}
	}
}

func (b *board) bind(s fsm.SourceID, w fsm.WorkerName) {
	b.bound[s], b.serves[w] = fsm.Binding{Source: s, Worker: w}, s
	b.out = append(b.out, fsm.BindSource{Source: s, Worker: w})
}

// unbind names the epoch: what an operator did meanwhile is not undone.
func (b *board) unbind(s fsm.SourceID) {
	if x, bound := b.bound[s]; bound {
		delete(b.bound, s)
		delete(b.serves, x.Worker)
		b.out = append(b.out, fsm.UnbindSource{Source: s, Epoch: x.Epoch})
	}
}
