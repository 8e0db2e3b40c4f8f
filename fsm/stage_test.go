package fsm_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// TestWantedStageFollowsAModel: what is wanted of a subtask is what the last
// command about it said, whatever came in between and however the expansion and
// an operator raced. There is one record of it, and the worker's orders are read
// from that record; what the worker does is reported and never stored.
func TestWantedStageFollowsAModel(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		store, err := fsm.Open(filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			rt.Fatal(err)
		}
		defer store.Close()
		m := &machine{t: t, store: store}
		m.do(fsm.PutSource{ID: "s1"}, fsm.PutSource{ID: "s2"}, fsm.RegisterWorker{Name: "w1", Addr: "h"},
			fsm.OpenSession{Worker: "w1", TTLSeconds: 60}, fsm.BindSource{Source: "s1", Worker: "w1"})
		type key struct {
			task   fsm.TaskName
			source fsm.SourceID
		}
		tasks, want := map[key]bool{}, map[key]status.Stage{}
		for range rapid.IntRange(1, 30).Draw(rt, "commands") {
			task := fsm.TaskName(rapid.SampledFrom([]string{"t", "u"}).Draw(rt, "task"))
			source := fsm.SourceID(rapid.SampledFrom([]string{"s1", "s2"}).Draw(rt, "source"))
			k, one := key{task, source}, []fsm.SourceID{source}
			_, expanded := want[k]
			var cmd fsm.Command
			switch rapid.IntRange(0, 5).Draw(rt, "command") {
			case 0:
				cmd, tasks[k] = fsm.StartTask{Name: task, Sources: map[fsm.SourceID]string{source: ""}}, true
			case 1:
				cmd = fsm.StopTask{Name: task, Sources: one}
				delete(tasks, k)
				delete(want, k)
			case 2:
				cmd = fsm.PutSubtask{Task: task, Source: source}
				if tasks[k] && !expanded {
					want[k] = status.StageRunning
				}
			case 3:
				cmd = fsm.OpenSession{Worker: "w1", TTLSeconds: 60} // moves nothing
			default:
				stage := rapid.SampledFrom([]status.Stage{status.StageRunning, status.StagePaused}).Draw(rt, "stage")
				cmd = fsm.SetStage{Task: task, Sources: one, Stage: stage}
				if tasks[k] {
					want[k] = stage
				}
			}
			m.request("", cmd)
			got, orders := map[key]status.Stage{}, map[key]status.Stage{}
			m.view(func(v *fsm.View) {
				for _, st := range v.Subtasks() {
					got[key{st.Task, st.Source}] = st.Stage
				}
				for _, st := range v.Assignment("w1").Subtasks {
					orders[key{st.Task, st.Source}] = st.Stage
				}
			})
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("after %T %+v:\n%s", cmd, cmd, diff)
			}
			for k, stage := range want {
				if k.source == "s1" && orders[k] != stage {
					rt.Fatalf("the worker is told %v of %v, wanted is %v", orders[k], k, stage)
				}
			}
		}
	})
}
