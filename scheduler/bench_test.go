package scheduler

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/fsm"
)

// BenchmarkPlan plans on a cluster of a thousand tasks that has nothing to do,
// as the leader does after every change.
func BenchmarkPlan(b *testing.B) {
	store, err := fsm.Open(filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	var log []fsm.Entry
	add := func(c fsm.Command) {
		data, err := fsm.Encode(fsm.Meta{}, c)
		if err != nil {
			b.Fatal(err)
		}
		log = append(log, fsm.Entry{Index: fsm.Index(len(log) + 1), Data: data})
	}
	config := strings.Repeat("some: configuration\n", 200)
	for i := range 100 {
		s, w := fsm.SourceID(fmt.Sprint("s", i)), fsm.WorkerName(fmt.Sprint("w", i))
		add(fsm.PutSource{ID: s, Config: config})
		add(fsm.RegisterWorker{Name: w, Addr: string(w)})
		add(fsm.OpenSession{Worker: w, TTLSeconds: 60})
		add(fsm.BindSource{Source: s, Worker: w})
	}
	for i := range 1000 {
		t, s := fsm.TaskName(fmt.Sprint("t", i)), fsm.SourceID(fmt.Sprint("s", i%100))
		add(fsm.StartTask{Name: t, Sources: map[fsm.SourceID]string{s: config}})
		add(fsm.PutSubtask{Task: t, Source: s})
		if i < 100 {
			add(fsm.HoldLoadFiles{Task: t, Source: s, Worker: fsm.WorkerName(fmt.Sprint("w", i))})
		}
	}
	if _, err := store.Apply(log); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := store.View(func(v *fsm.View) error {
			if todo := plan(v); len(todo) > 0 {
				return fmt.Errorf("there is something to do: %v", todo)
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}
