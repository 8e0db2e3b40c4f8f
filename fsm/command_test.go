package fsm_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// machine applies commands one by one.
type machine struct {
	t     *testing.T
	store *fsm.Store
	index fsm.Index
}

func newMachine(t *testing.T, l fsm.Limits) *machine {
	t.Helper()
	s, err := fsm.OpenLimits(filepath.Join(t.TempDir(), "state.db"), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &machine{t: t, store: s}
}

func (m *machine) raw(data []byte) fsm.Result {
	m.t.Helper()
	m.index++
	res, err := m.store.Apply([]fsm.Entry{{Index: m.index, Data: data}})
	if err != nil {
		m.t.Fatal(err)
	}
	return res[0]
}

func (m *machine) request(id fsm.RequestID, c fsm.Command) fsm.Result {
	m.t.Helper()
	data, err := fsm.Encode(fsm.Meta{RequestID: id, Actor: "test", Addr: "127.0.0.1:1", UnixMilli: 42}, c)
	if err != nil {
		m.t.Fatal(err)
	}
	return m.raw(data)
}

func (m *machine) do(cs ...fsm.Command) fsm.Result {
	m.t.Helper()
	var res fsm.Result
	for _, c := range cs {
		if res = m.request("", c); res.Err != nil {
			m.t.Fatalf("%T: %v", c, res.Err)
		}
	}
	return res
}

func (m *machine) view(fn func(*fsm.View)) {
	m.t.Helper()
	if err := m.store.View(func(v *fsm.View) error { fn(v); return nil }); err != nil {
		m.t.Fatal(err)
	}
}

// world is where every refusal is tried: w1 serves s1, w2 is free, w3 is
// offline; s2 has no worker; task t has s1 (expanded, with load files on w1)
// and s2 (not yet). m1 and m2 are masters.
func world(m *machine) {
	m.do(
		fsm.RegisterWorker{Name: "w1", Addr: "h1:8262"}, fsm.RegisterWorker{Name: "w2", Addr: "h2:8262"},
		fsm.RegisterWorker{Name: "w3", Addr: "h3:8262"},
		fsm.OpenSession{Worker: "w1", TTLSeconds: 60}, fsm.OpenSession{Worker: "w2", TTLSeconds: 60},
		fsm.PutSource{ID: "s1", Config: "password: secret1"}, fsm.PutSource{ID: "s2", Config: "password: secret2"},
		fsm.PutSource{ID: "s3", Config: "free"},
		fsm.BindSource{Source: "s1", Worker: "w1"},
		fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "cfg1 secret3", "s2": "cfg2"}},
		fsm.PutSubtask{Task: "t", Source: "s1"},
		fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w1"},
		fsm.PutMember{Name: "m1", Peer: "h1:8291", Client: "h1:8261", Instance: "dir1"},
		fsm.PutMember{Name: "m2", Peer: "h2:8291", Client: "h2:8261", Instance: "dir2"},
	)
}

func TestRefusals(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		name string
		cmd  fsm.Command
		kind fault.Kind
		code int
		msg  string
	}{
		{"worker of another address", fsm.RegisterWorker{Name: "w1", Addr: "other:1"}, fault.Exists, 46003, "worker w1 is registered with address h1:8262, not other:1"},
		{"offline worker of another address", fsm.RegisterWorker{Name: "w3", Addr: "other:1"}, fault.Exists, 46003, "worker w3 is registered with address h3:8262, not other:1"},
		{"worker without name", fsm.RegisterWorker{Addr: "a:1"}, fault.Invalid, 0, "the worker name is empty"},
		{"worker without address", fsm.RegisterWorker{Name: "w9"}, fault.Invalid, 0, "the worker address is empty"},
		{"remove unknown worker", fsm.RemoveWorker{Name: "w9"}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"remove online worker", fsm.RemoveWorker{Name: "w2"}, fault.Conflict, 46005, "worker w2 is still online"},
		{"session of unknown worker", fsm.OpenSession{Worker: "w9", TTLSeconds: 1}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"session without lease", fsm.OpenSession{Worker: "w2"}, fault.Invalid, 0, "the session of worker w2 asks for a lease of 0 s; it must be positive"},
		{"expire unknown worker", fsm.ExpireSession{Worker: "w9", Session: 1}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"source exists", fsm.PutSource{ID: "s1", Config: "other"}, fault.Exists, 46007, "source s1 exists already"},
		{"source without id", fsm.PutSource{}, fault.Invalid, 0, "the source id is empty"},
		{"source id with NUL", fsm.PutSource{ID: "a\x00b"}, fault.Invalid, 0, `the source id "a\x00b" contains a control character`},
		{"source id too long", fsm.PutSource{ID: fsm.SourceID(long)}, fault.Invalid, 0, "the source id is 256 bytes long; at most 255 are allowed"},
		{"remove unknown source", fsm.RemoveSource{ID: "s9"}, fault.NotFound, 46008, "source s9 does not exist"},
		{"remove source with subtask", fsm.RemoveSource{ID: "s1"}, fault.Conflict, 46010, "source s1 still has the tasks [t]"},
		{"remove source with task not expanded", fsm.RemoveSource{ID: "s2"}, fault.Conflict, 46010, "source s2 still has the tasks [t]"},
		{"bind unknown source", fsm.BindSource{Source: "s9", Worker: "w2"}, fault.NotFound, 46008, "source s9 does not exist"},
		{"bind to unknown worker", fsm.BindSource{Source: "s2", Worker: "w9"}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"bind to offline worker", fsm.BindSource{Source: "s2", Worker: "w3"}, fault.Conflict, 46006, "worker w3 is offline and cannot serve source s2"},
		{"bind to busy worker", fsm.BindSource{Source: "s2", Worker: "w1"}, fault.Conflict, 46006, "worker w1 serves source s1 and cannot serve source s2"},
		{"bind bound source", fsm.BindSource{Source: "s1", Worker: "w2"}, fault.Conflict, 46006, "source s1 is bound to worker w1"},
		{"unbind unknown source", fsm.UnbindSource{Source: "s9"}, fault.NotFound, 46008, "source s9 does not exist"},
		{"task again", fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s2": "x", "s1": "y"}}, fault.Exists, 46014, "task t exists already for the sources [s1 s2]"},
		{"task of unknown source", fsm.StartTask{Name: "u", Sources: map[fsm.SourceID]string{"s9": "x", "s1": "y", "s8": "z"}}, fault.NotFound, 46008, "task u names sources that do not exist: [s8 s9]"},
		{"task without sources", fsm.StartTask{Name: "u"}, fault.Invalid, 0, "task u names no source"},
		{"task without name", fsm.StartTask{Sources: map[fsm.SourceID]string{"s1": ""}}, fault.Invalid, 0, "the task name is empty"},
		{"stop unknown task", fsm.StopTask{Name: "u"}, fault.NotFound, 46018, "task u has no source or not exist, please check the task name and status"},
		{"stop source not in task", fsm.StopTask{Name: "t", Sources: []fsm.SourceID{"s3"}}, fault.NotFound, 46018, "task t has no source or not exist, please check the task name and status"},
		{"stop one source in and one not", fsm.StopTask{Name: "t", Sources: []fsm.SourceID{"s1", "s3"}}, fault.NotFound, 46017, "task t has no sources [s3]"},
		{"stage of unknown task", fsm.SetStage{Task: "u", Stage: status.StagePaused}, fault.NotFound, 46018, "task u has no source or not exist, please check the task name and status"},
		{"stage that cannot be wanted", fsm.SetStage{Task: "t", Stage: status.StageFinished}, fault.Invalid, 46015, "task t cannot be asked to become Finished, only Running or Paused"},
		{"subtask of unknown task", fsm.PutSubtask{Task: "u", Source: "s1"}, fault.NotFound, 46018, "task u has no source or not exist, please check the task name and status"},
		{"subtask of source not in task", fsm.PutSubtask{Task: "t", Source: "s3"}, fault.NotFound, 46017, "task t has no source s3"},
		{"transfer unknown source", fsm.TransferSource{Source: "s9", Worker: "w2"}, fault.NotFound, 46008, "source s9 does not exist"},
		{"transfer to unknown worker", fsm.TransferSource{Source: "s1", Worker: "w9"}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"transfer to offline worker", fsm.TransferSource{Source: "s1", Worker: "w3"}, fault.Conflict, 46006, "worker w3 is offline and cannot serve source s1"},
		{"transfer to busy worker", fsm.TransferSource{Source: "s2", Worker: "w1"}, fault.Conflict, 46006, "worker w1 serves source s1 and cannot serve source s2"},
		{"transfer of a running source", fsm.TransferSource{Source: "s1", Worker: "w2"}, fault.Conflict, 46019, "source s1 cannot leave worker w1 while its tasks [t] are running"},
		{"load files of unknown task", fsm.HoldLoadFiles{Task: "u", Source: "s1", Worker: "w1"}, fault.NotFound, 46018, "task u has no source or not exist, please check the task name and status"},
		{"load files of source not in task", fsm.HoldLoadFiles{Task: "t", Source: "s3", Worker: "w1"}, fault.NotFound, 46017, "task t has no source s3"},
		{"load files on unknown worker", fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w9"}, fault.NotFound, 46004, "worker w9 does not exist"},
		{"load files on another worker", fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w2"}, fault.Conflict, 0, "worker w2 does not serve source s1"},
		{"load files of unbound source", fsm.HoldLoadFiles{Task: "t", Source: "s2", Worker: "w2"}, fault.Conflict, 0, "worker w2 does not serve source s2"},
		{"member without name", fsm.PutMember{Peer: "a:1", Client: "a:2", Instance: "i"}, fault.Invalid, 0, "the master name is empty"},
		{"member without peer", fsm.PutMember{Name: "m9", Client: "a:2", Instance: "i"}, fault.Invalid, 0, "the master peer address is empty"},
		{"member without client", fsm.PutMember{Name: "m9", Peer: "a:1", Instance: "i"}, fault.Invalid, 0, "the master client address is empty"},
		{"member without instance", fsm.PutMember{Name: "m9", Peer: "a:1", Client: "a:2"}, fault.Invalid, 0, "the master instance is empty"},
		{"member of another directory", fsm.PutMember{Name: "m1", Peer: "h1:8291", Client: "h1:8261", Instance: "new"}, fault.Exists, 38040, "master m1 joined before with another data directory"},
		{"member at a taken peer", fsm.PutMember{Name: "m9", Peer: "h1:8291", Client: "h9:8261", Instance: "i"}, fault.Exists, 38040, "master m9 cannot have the address h1:8291, which is that of master m1"},
		{"member at a taken client", fsm.PutMember{Name: "m9", Peer: "h9:8291", Client: "h2:8261", Instance: "i"}, fault.Exists, 38040, "master m9 cannot have the address h2:8261, which is that of master m2"},
		{"member moves to a taken address", fsm.PutMember{Name: "m1", Peer: "h2:8261", Client: "h1:8261", Instance: "dir1"}, fault.Exists, 38040, "master m1 cannot have the address h2:8261, which is that of master m2"},
		{"remove unknown member", fsm.RemoveMember{Name: "m9"}, fault.NotFound, 38048, "master m9 does not exist"},
		{"update of unknown task", fsm.UpdateTask{Name: "u", Sources: map[fsm.SourceID]string{"s1": "x"}}, fault.NotFound, 46018, "task u has no source or not exist, please check the task name and status"},
		{"update of a task that runs", fsm.UpdateTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "x"}}, fault.Conflict, 46019, "task t is not paused for the sources [s1]"},
		{"update of a task not expanded", fsm.UpdateTask{Name: "t", Sources: map[fsm.SourceID]string{"s2": "x"}}, fault.Conflict, 46019, "task t is not paused for the sources [s2]"},
		{"update of a source not in the task", fsm.UpdateTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "x", "s3": "x"}}, fault.NotFound, 46017, "task t has no sources [s3]"},
		{"update of no source of a task", fsm.UpdateTask{Name: "t"}, fault.Invalid, 0, "the update of task t names no source"},
		{"update of unknown source", fsm.UpdateSource{ID: "s9"}, fault.NotFound, 46008, "source s9 does not exist"},
		{"update of a source that runs", fsm.UpdateSource{ID: "s1"}, fault.Conflict, 46019, "task t is not paused for source s1"},
		{"update of a source with a task not expanded", fsm.UpdateSource{ID: "s2"}, fault.Conflict, 46019, "task t is not paused for source s2"},
		{"note about nothing", fsm.Note{}, fault.Invalid, 0, "the action of a note is empty"},
		{"note too long", fsm.Note{Action: "a", Msg: strings.Repeat(long, 17)}, fault.Invalid, 0, "the note has 4352 bytes; at most 4096 are allowed"},
		{"cluster without id", fsm.SetClusterID{}, fault.Invalid, 0, "the cluster id is empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, fsm.DefaultLimits())
			world(m)
			before := state(m)
			res := m.request("", c.cmd)
			if res.Err == nil {
				t.Fatalf("accepted with value %v", res.Value)
			}
			want := &fault.Error{Kind: c.kind, Code: c.code, Msg: c.msg}
			got := &fault.Error{Kind: res.Err.Kind, Code: res.Err.Code, Msg: res.Err.Error()}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, state(m)); diff != "" {
				t.Errorf("a refusal changed something:\n%s", diff)
			}
			if got := m.store.Applied(); got != m.index {
				t.Errorf("applied %d, want %d: a refused entry counts too", got, m.index)
			}
		})
	}
}

// state is everything stored but the applied index.
func state(m *machine) map[string]string {
	out := map[string]string{}
	m.view(func(v *fsm.View) {
		err := v.Walk(func(bucket string, k, val []byte) error {
			if bucket != "meta" || string(k) != "applied" {
				out[bucket+"/"+string(k)] = string(val)
			}
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
	})
	return out
}

func TestWhatIsNotUnderstoodIsRefusedAndSkipped(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	before := state(m)
	for data, kind := range map[string]fault.Kind{
		"\x00\x01garbage": fault.Corrupt,
		"null":            fault.Corrupt,
		"{}":              fault.Corrupt,
		`{"kind":"PutSource","v":1,"payload":"not an object"}`:  fault.Corrupt,
		`{"kind":"PutSource","v":1}`:                            fault.Corrupt,
		`{"kind":"UnbindSource","v":1,"payload":{"Source":[]}}`: fault.Corrupt,
	} {
		res := m.raw([]byte(data))
		if res.Err == nil || res.Err.Kind != kind {
			t.Errorf("%q: got %v, want kind %v", data, res.Err, kind)
		}
	}
	if diff := cmp.Diff(before, state(m)); diff != "" {
		t.Error(diff)
	}
	m.do(fsm.PutSource{ID: "s4"})
}

// A member of a later version proposed it, and such members carry it out: one
// that skipped it would disagree with them for ever.
func TestACommandOfALaterVersionStopsTheStore(t *testing.T) {
	for _, data := range []string{
		`{"kind":"Nonsense","v":1,"payload":{}}`,
		`{"kind":"PutSource","v":99,"payload":{"ID":"x"}}`,
	} {
		m := newMachine(t, fsm.DefaultLimits())
		world(m)
		before := state(m)
		good, err := fsm.Encode(fsm.Meta{}, fsm.PutSource{ID: "s4"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.store.Apply([]fsm.Entry{{Index: m.index + 1, Data: good}, {Index: m.index + 2, Data: []byte(data)}})
		if !fault.Is(err, fault.Unsupported) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v, hint %q", data, err, fault.HintOf(err))
		}
		// Nothing of it is kept, so that the later version goes on right there.
		if diff := cmp.Diff(before, state(m)); diff != "" || m.store.Applied() != m.index {
			t.Errorf("%d applied, want %d\n%s", m.store.Applied(), m.index, diff)
		}
	}
}

func TestSessions(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	var first fsm.Binding
	m.view(func(v *fsm.View) { first, _ = v.Binding("s1") })

	res := m.do(fsm.OpenSession{Worker: "w1", TTLSeconds: 9})
	m.view(func(v *fsm.View) {
		w, _ := v.Worker("w1")
		want := fsm.Worker{Name: "w1", Addr: "h1:8262", Session: fsm.SessionID(m.index), TTLSeconds: 9, LastSource: "s1"}
		if diff := cmp.Diff(want, w); diff != "" || res.Value != w.Session {
			t.Errorf("value %v\n%s", res.Value, diff)
		}
		if b, _ := v.Binding("s1"); b.Epoch != fsm.Epoch(m.index) || b.Epoch <= first.Epoch || b.Worker != "w1" {
			t.Errorf("binding %+v after %+v: the epoch was not minted anew", b, first)
		}
	})
	old := fsm.SessionID(4)
	if res := m.do(fsm.ExpireSession{Worker: "w1", Session: old}); res.Value != false {
		t.Errorf("an old session expired: %v", res.Value)
	}
	if res := m.do(fsm.ExpireSession{Worker: "w1", Session: res.Value.(fsm.SessionID)}); res.Value != true {
		t.Errorf("the session did not expire: %v", res.Value)
	}
	m.view(func(v *fsm.View) {
		w, _ := v.Worker("w1")
		if diff := cmp.Diff(fsm.Worker{Name: "w1", Addr: "h1:8262", LastSource: "s1"}, w); diff != "" {
			t.Error(diff)
		}
		if b, ok := v.Binding("s1"); ok {
			t.Errorf("s1 is still bound: %+v", b)
		}
		if a := v.Assignment("w1"); a.Source != nil || len(a.Subtasks) != 0 || a.Index != m.index {
			t.Errorf("an offline worker has the assignment %+v", a)
		}
	})
	if res := m.do(fsm.ExpireSession{Worker: "w1"}); res.Value != false {
		t.Error("expiring session 0 of an offline worker must change nothing")
	}
}

func TestTaskLife(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	res := m.do(fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s3": "cfg3", "s1": "edited"}})
	want := fsm.Started{Added: []fsm.SourceID{"s3"}, Existed: []fsm.SourceID{"s1"}}
	if diff := cmp.Diff(want, res.Value); diff != "" {
		t.Error(diff)
	}
	// A pause before the expansion is not lost.
	if res = m.do(fsm.SetStage{Task: "t", Sources: []fsm.SourceID{"s2"}, Stage: status.StagePaused}); !cmp.Equal(res.Value, []fsm.SourceID{"s2"}) {
		t.Errorf("set for %v", res.Value)
	}
	pausedAt := m.index
	if res = m.do(fsm.PutSubtask{Task: "t", Source: "s2"}); res.Value != false {
		t.Error("the expansion replaced an existing subtask")
	}
	// A resume of a running subtask is a new revision.
	m.do(fsm.SetStage{Task: "t", Sources: []fsm.SourceID{"s1", "s1"}, Stage: status.StageRunning})
	m.view(func(v *fsm.View) {
		want := []fsm.Subtask{
			{Task: "t", Source: "s1", Config: "cfg1 secret3", Stage: status.StageRunning, Revision: m.index},
			{Task: "t", Source: "s2", Config: "cfg2", Stage: status.StagePaused, Revision: pausedAt},
		}
		if diff := cmp.Diff(want, v.Subtasks()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want[:1], v.Assignment("w1").Subtasks); diff != "" {
			t.Error(diff)
		}
	})
	if res = m.do(fsm.StopTask{Name: "t", Sources: []fsm.SourceID{"s1"}}); !cmp.Equal(res.Value, []fsm.SourceID{"s1"}) {
		t.Errorf("stopped %v", res.Value)
	}
	m.view(func(v *fsm.View) {
		if got := v.SubtasksOf("s1"); len(got) != 0 {
			t.Errorf("s1 has still %v", got)
		}
	})
	m.do(fsm.StopTask{Name: "t"})
	m.view(func(v *fsm.View) {
		if len(v.Tasks()) != 0 || len(v.Subtasks()) != 0 {
			t.Errorf("left: %v %v", v.Tasks(), v.Subtasks())
		}
	})
	m.do(fsm.RemoveSource{ID: "s1"})
	m.view(func(v *fsm.View) {
		if b, ok := v.BindingOf("w1"); ok {
			t.Errorf("w1 serves a removed source: %+v", b)
		}
	})
}

func TestSourceNamesThatBeginAlikeAreKeptApart(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	m.do(fsm.PutSource{ID: "s"}, fsm.PutSource{ID: "s1"},
		fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s": "a", "s1": "b"}},
		fsm.PutSubtask{Task: "t", Source: "s"}, fsm.PutSubtask{Task: "t", Source: "s1"})
	m.view(func(v *fsm.View) {
		if got := v.SubtasksOf("s"); len(got) != 1 || got[0].Config != "a" {
			t.Errorf("got %v", got)
		}
	})
}

func TestARepeatedRequestExecutesOnce(t *testing.T) {
	m := newMachine(t, fsm.Limits{Changes: 100, Requests: 3})
	world(m)
	start := fsm.StartTask{Name: "u", Sources: map[fsm.SourceID]string{"s1": "x"}}
	first := m.request("r1", start)
	again := m.request("r1", start)
	if diff := cmp.Diff(first, again); diff != "" || first.Err != nil {
		t.Errorf("%v\n%s", first.Err, diff)
	}
	refused := m.request("r2", start)
	m.do(fsm.StopTask{Name: "u"})
	if diff := cmp.Diff(refused, m.request("r2", start)); diff != "" || refused.Err == nil || refused.Err.Code != 46014 {
		t.Errorf("a refusal is not remembered: %v\n%s", refused.Err, diff)
	}
	if res := m.request("r1", fsm.StopTask{Name: "t"}); res.Err == nil || res.Err.Kind != fault.Conflict {
		t.Errorf("a request id served two commands: %+v", res)
	}
	for _, typed := range []struct {
		id   fsm.RequestID
		cmd  fsm.Command
		want any
	}{
		{"v1", fsm.OpenSession{Worker: "w3", TTLSeconds: 5}, fsm.SessionID(m.index + 1)},
		{"v2", fsm.BindSource{Source: "s2", Worker: "w2"}, fsm.Epoch(m.index + 3)},
		{"v3", fsm.PutSource{ID: "s7"}, nil},
	} {
		if a, b := m.request(typed.id, typed.cmd), m.request(typed.id, typed.cmd); !cmp.Equal(a.Value, typed.want) || !cmp.Equal(b.Value, typed.want) {
			t.Errorf("%s: %#v then %#v, want %#v", typed.id, a.Value, b.Value, typed.want)
		}
	}
	// r1 is forgotten by now: only three are kept.
	if res := m.request("r1", start); res.Err != nil || res.Index != m.index {
		t.Errorf("an old request was not trimmed: %+v", res)
	}
}

func TestChangesTellWhoAndWhatButNoConfiguration(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	m.do(fsm.RegisterWorker{Name: "w1", Addr: "h1:8262"}) // changes nothing
	m.view(func(v *fsm.View) {
		changes, to, err := v.ChangesAfter(8, 100)
		if err != nil || to != m.index {
			t.Fatalf("to %d, %v", to, err)
		}
		meta := fsm.Meta{Actor: "test", Addr: "127.0.0.1:1", UnixMilli: 42}
		want := []fsm.Change{
			{Index: 9, Kind: "BindSource", Meta: meta, Touched: []fsm.Touch{
				{Noun: fsm.NounWorker, Worker: "w1", Session: 4},
				{Noun: fsm.NounBinding, Source: "s1", Worker: "w1", Epoch: 9}}},
			{Index: 10, Kind: "StartTask", Meta: meta, Touched: []fsm.Touch{{Noun: fsm.NounTask, Task: "t"}}},
			{Index: 11, Kind: "PutSubtask", Meta: meta, Touched: []fsm.Touch{
				{Noun: fsm.NounSubtask, Source: "s1", Task: "t", Stage: status.StageRunning}}},
			{Index: 12, Kind: "HoldLoadFiles", Meta: meta, Touched: []fsm.Touch{
				{Noun: fsm.NounLoadFiles, Source: "s1", Task: "t", Worker: "w1"}}},
			{Index: 13, Kind: "PutMember", Meta: meta, Touched: []fsm.Touch{{Noun: fsm.NounMember, Member: "m1"}}},
			{Index: 14, Kind: "PutMember", Meta: meta, Touched: []fsm.Touch{{Noun: fsm.NounMember, Member: "m2"}}},
		}
		if diff := cmp.Diff(want, changes); diff != "" {
			t.Error(diff)
		}
	})
	for k, val := range state(m) {
		if strings.HasPrefix(k, "changes/") && strings.Contains(val, "secret") {
			t.Errorf("a change holds a password: %s", val)
		}
	}
}

func TestChangesAreTrimmedByCount(t *testing.T) {
	m := newMachine(t, fsm.Limits{Changes: 4, Requests: 1})
	world(m) // fourteen changes
	m.view(func(v *fsm.View) {
		if got := v.ChangesFloor(); got != 10 {
			t.Errorf("floor %d, want 10", got)
		}
		if _, _, err := v.ChangesAfter(9, 100); !errors.Is(err, fsm.ErrCompacted) {
			t.Errorf("after 9: %v", err)
		}
		if got, to, err := v.ChangesAfter(10, 3); err != nil || len(got) != 3 || to != 13 {
			t.Errorf("after 10: %v up to %d, %v", got, to, err)
		}
		if _, _, err := v.ChangesAfter(15, 1); !errors.Is(err, fsm.ErrCompacted) {
			t.Errorf("after the future: %v", err)
		}
	})
}
