package scheduler

import (
	"fmt"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// TestPlanReachesAFixedPoint: on any state that commands can make, a plan that
// is carried out in parts by successive leaders comes to rest within two steps
// per source, and then nothing is left undone.
func TestPlanReachesAFixedPoint(t *testing.T) {
	dir := t.TempDir()
	n, moved, split := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		store, err := fsm.Open(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			rt.Fatal(err)
		}
		defer store.Close()
		r := &random{rt: rt, store: store, workers: rapid.IntRange(1, 5).Draw(rt, "workers"), sources: rapid.IntRange(2, 5).Draw(rt, "sources")}
		r.found()
		for range rapid.IntRange(20, 150).Draw(rt, "events") {
			r.event()
		}
		steps := 0
		for todo := r.plan(); len(todo) > 0; todo = r.plan() {
			k := rapid.IntRange(1, len(todo)).Draw(rt, "carried out")
			if k < len(todo) {
				split++
			}
			for _, c := range todo[:k] {
				if res := r.apply(c); res.Err != nil {
					rt.Fatalf("%s: %v", describe(c), res.Err)
				} else if _, ok := c.(fsm.UnbindSource); ok {
					moved++
				} else if _, ok := c.(fsm.BindSource); ok {
					steps++
				}
			}
		}
		if steps > 2*r.sources {
			rt.Fatalf("%d bindings were made for %d sources", steps, r.sources)
		}
		r.atRest()
	})
	if moved < 3 || split < 20 {
		t.Errorf("%d sources moved and %d plans were split: the states are too tame to prove much", moved, split)
	}
}

// random brings a store into a random state.
type random struct {
	rt               *rapid.T
	store            *fsm.Store
	index            fsm.Index
	workers, sources int
}

func (r *random) apply(c fsm.Command) fsm.Result {
	data, err := fsm.Encode(fsm.Meta{}, c)
	if err != nil {
		r.rt.Fatal(err)
	}
	r.index++
	res, err := r.store.Apply([]fsm.Entry{{Index: r.index, Data: data}})
	if err != nil {
		r.rt.Fatal(err)
	}
	return res[0]
}

func (r *random) worker() fsm.WorkerName {
	return fsm.WorkerName(fmt.Sprint("w", rapid.IntRange(1, r.workers).Draw(r.rt, "worker")))
}

func (r *random) source() fsm.SourceID {
	return fsm.SourceID(fmt.Sprint("s", rapid.IntRange(1, r.sources).Draw(r.rt, "source")))
}

func (r *random) task() fsm.TaskName {
	return fsm.TaskName(fmt.Sprint("t", rapid.IntRange(1, 2).Draw(r.rt, "task")))
}

// found makes everything that events are about, all workers online.
func (r *random) found() {
	all := map[fsm.SourceID]string{}
	for i := range r.sources {
		id := fsm.SourceID(fmt.Sprint("s", i+1))
		all[id] = ""
		r.apply(fsm.PutSource{ID: id})
	}
	r.apply(fsm.StartTask{Name: "t1", Sources: all})
	r.apply(fsm.StartTask{Name: "t2", Sources: all})
	for i := range r.workers {
		w := fsm.WorkerName(fmt.Sprint("w", i+1))
		r.apply(fsm.RegisterWorker{Name: w, Addr: string(w)})
		r.apply(fsm.OpenSession{Worker: w, TTLSeconds: 1})
	}
}

// event is anything that may happen; what is refused did not.
func (r *random) event() {
	switch rapid.IntRange(0, 11).Draw(r.rt, "event") {
	case 0:
		r.apply(fsm.OpenSession{Worker: r.worker(), TTLSeconds: 1})
	case 1:
		w := r.worker()
		var have fsm.Worker
		r.view(func(v *fsm.View) { have, _ = v.Worker(w) })
		r.apply(fsm.ExpireSession{Worker: w, Session: have.Session})
	case 2, 3, 4, 5:
		r.apply(fsm.BindSource{Source: r.source(), Worker: r.worker()})
	case 6:
		r.apply(fsm.UnbindSource{Source: r.source()})
	case 7, 8:
		var bindings []fsm.Binding
		r.view(func(v *fsm.View) { bindings = v.Bindings() })
		if len(bindings) > 0 {
			b := rapid.SampledFrom(bindings).Draw(r.rt, "holder")
			r.apply(fsm.HoldLoadFiles{Task: r.task(), Source: b.Source, Worker: b.Worker})
			r.apply(fsm.UnbindSource{Source: b.Source}) // so that they part
		}
	case 9:
		r.apply(fsm.TransferSource{Source: r.source(), Worker: r.worker()})
	case 10:
		r.apply(fsm.PutSubtask{Task: r.task(), Source: r.source()})
	default:
		stage := status.StageRunning
		if rapid.Bool().Draw(r.rt, "pause") {
			stage = status.StagePaused
		}
		r.apply(fsm.SetStage{Task: r.task(), Sources: []fsm.SourceID{r.source()}, Stage: stage})
	}
}

func (r *random) view(fn func(*fsm.View)) {
	if err := r.store.View(func(v *fsm.View) error { fn(v); return nil }); err != nil {
		r.rt.Fatal(err)
	}
}

func (r *random) plan() (todo []fsm.Command) {
	r.view(func(v *fsm.View) { todo = plan(v) })
	return todo
}

// atRest checks what must hold when nothing more is planned.
func (r *random) atRest() {
	r.view(func(v *fsm.View) {
		b := newBoard(v)
		free := 0
		for _, w := range b.workers {
			if _, busy := b.serves[w.Name]; !busy {
				free++
			}
		}
		for _, s := range b.sources {
			now, bound := b.bound[s]
			if !bound && free > 0 {
				r.rt.Errorf("%s is unbound beside %d free workers", s, free)
			}
			for _, w := range b.workers {
				other, busy := b.serves[w.Name]
				if b.files[held{s, w.Name}] && !b.files[held{s, now.Worker}] && (!busy || !b.files[held{other, w.Name}]) {
					r.rt.Errorf("%s is not where its files are, although %s could serve it", s, w.Name)
				}
			}
		}
	})
}
