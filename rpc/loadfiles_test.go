package rpc

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// A worker that took over a load claims its files only when it has them.
func TestFilesAreClaimedByWhoHasThem(t *testing.T) {
	load := func(s status.Stage, l *status.Load) status.Subtask {
		return status.Subtask{Task: "t", Stage: s, Unit: status.UnitLoad, Load: l}
	}
	for _, c := range []struct {
		name, holder string
		row          status.Subtask
		want         string
	}{
		{"looks for files that another has", "w1", load(status.StageRunning, &status.Load{}), "[]"},
		{"stopped because they are elsewhere", "w1", load(status.StagePaused, &status.Load{}), "[]"},
		{"says nothing of its load yet", "w1", load(status.StageRunning, nil), "[]"},
		{"loads files of its own", "w1", load(status.StageRunning, &status.Load{MetaBinlog: "(b.1, 4)"}), "[fsm.HoldLoadFiles{t s w2}]"},
		{"dumps anew", "w1", status.Subtask{Task: "t", Stage: status.StageRunning, Unit: status.UnitDump}, "[fsm.HoldLoadFiles{t s w2}]"},
		{"knows its own", "w2", load(status.StagePaused, &status.Load{}), "[]"},
		{"syncs", "w1", status.Subtask{Task: "t", Stage: status.StageRunning, Unit: status.UnitSync}, "[fsm.DropLoadFiles{t s w1}]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := fsm.Open(filepath.Join(t.TempDir(), "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			var log []fsm.Entry
			for _, cmd := range []fsm.Command{
				fsm.PutSource{ID: "s"}, fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s": ""}},
				fsm.RegisterWorker{Name: "w1", Addr: "1"}, fsm.RegisterWorker{Name: "w2", Addr: "2"},
				fsm.OpenSession{Worker: "w1", TTLSeconds: 60}, fsm.OpenSession{Worker: "w2", TTLSeconds: 60},
				fsm.BindSource{Source: "s", Worker: fsm.WorkerName(c.holder)},
				fsm.HoldLoadFiles{Task: "t", Source: "s", Worker: fsm.WorkerName(c.holder)},
				fsm.UnbindSource{Source: "s"}, fsm.BindSource{Source: "s", Worker: "w2"},
			} {
				data, err := fsm.Encode(fsm.Meta{}, cmd)
				if err != nil {
					t.Fatal(err)
				}
				log = append(log, fsm.Entry{Index: fsm.Index(len(log) + 1), Data: data})
			}
			if _, err := store.Apply(log); err != nil {
				t.Fatal(err)
			}
			var got []string
			if err := store.View(func(v *fsm.View) error {
				b, _ := v.Binding("s")
				for _, cmd := range filesChanged(v, b, []status.Subtask{c.row}) {
					got = append(got, fmt.Sprintf("%T%v", cmd, cmd))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("got %v, want %s", got, c.want)
			}
		})
	}
}
