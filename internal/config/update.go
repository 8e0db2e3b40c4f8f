package config

import (
	"reflect"

	"github.com/raftdm/raftdm/internal/fault"
)

// When says when a key of a task or source that exists may change.
type When uint8

// The times.
const (
	// Anytime: whenever the task is paused.
	Anytime When = iota
	// InSync: once the full data is loaded. Before that, rows would be migrated
	// by two different rules.
	InSync
	// Never: only by stopping the task and starting it anew.
	Never
)

// Update is one key that differs between two files.
type Update struct {
	Key  string
	When When
}

// change compares one key.
type change struct {
	key      string
	when     When
	old, new any
}

// otherKeys stands for what the lists of keys below do not name.
const otherKeys = "another key"

// TaskUpdates lists what differs, and may not differ at any time, between two files of a task as far as one
// source of both is concerned.
func TaskUpdates(old, new Task, source string) ([]Update, error) {
	a, err := old.instance(source)
	if err != nil {
		return nil, err
	}
	b, err := new.instance(source)
	if err != nil {
		return nil, err
	}
	out := updates([]change{
		{"name", Never, old.Name, new.Name},
		{"task-mode", Never, old.Mode, new.Mode},
		{"meta-schema", Never, old.MetaSchema, new.MetaSchema},
		{"case-sensitive", Never, old.CaseSensitive, new.CaseSensitive},
		{"target-database.host", Never, old.Target.Host, new.Target.Host},
		{"target-database.port", Never, old.Target.Port, new.Target.Port},
		{"meta", Never, a.Start, b.Start},
		{"online-ddl", InSync, old.Online, new.Online},
		{"block-allow-list", InSync, a.Rules, b.Rules},
		{"routes", InSync, a.Routes, b.Routes},
		{"filters", InSync, a.Events, b.Events},
		{"expression-filter", InSync, a.Exprs, b.Exprs},
		{"mydumpers", InSync, a.Dump.untuned(), b.Dump.untuned()},
		{"loaders.dir", Never, a.Load.Dir, b.Load.Dir},
	})
	if !reflect.DeepEqual(old.comparable(a), new.comparable(b)) {
		out = append(out, Update{Key: otherKeys, When: Never})
	}
	return out, nil
}

// untuned is the dump without the settings that say only how fast it is.
func (d Dump) untuned() Dump {
	d.Threads, d.MaxRows, d.MaxMB, d.MaxThreadsRunning = 0, 0, 0, 0
	return d
}

// comparable is the task with one instance, without what TaskUpdates looks at by
// itself and without what may change at any time.
func (t Task) comparable(in Instance) Task {
	t.Name, t.Mode, t.MetaSchema, t.CaseSensitive = "", "", "", false
	t.Timezone, t.CleanDumpFile, t.IgnoreChecks, t.Online = "", false, nil, nil
	t.Target.Host, t.Target.Port, t.Target.User, t.Target.Password, t.Target.Session = "", 0, "", "", nil
	t.Target.Security = Security{}
	in.SourceID, in.Start, in.RulesName, in.Rules = "", nil, "", Instance{}.Rules
	in.Routes, in.Events, in.Exprs = nil, nil, nil
	in.Dump = Dump{}
	in.Load.Dir, in.Load.PoolSize, in.Load.OnDuplicate, in.Load.MaxRows, in.Load.MaxMB = "", 0, "", 0, 0
	in.Sync.WorkerCount, in.Sync.Batch, in.Sync.CheckpointFlushInterval = 0, 0, 0
	in.Sync.SafeMode, in.Sync.Compact, in.Sync.MultipleRows, in.Sync.Strict = false, false, false, false
	t.Instances = []Instance{in}
	return t
}

// instance gives the task's settings for a source.
func (t Task) instance(source string) (Instance, error) {
	for _, in := range t.Instances {
		if in.SourceID == source {
			return in, nil
		}
	}
	return Instance{}, &fault.Error{Op: "task=" + t.Name, Kind: fault.NotFound, Code: 20031,
		Msg: "source " + source + " is not in mysql-instances of the task"}
}

// SourceUpdates lists the same of two files of a source. Changes of its
// Never keys need all of its tasks to be stopped.
func SourceUpdates(old, new Source) []Update {
	server := Never
	if old.EnableGTID && new.EnableGTID {
		server = Anytime // GTIDs mean the same at every server of a replication group
	}
	out := updates([]change{
		{"source-id", Never, old.SourceID, new.SourceID},
		{"enable-gtid", Never, old.EnableGTID, new.EnableGTID},
		{"flavor", Never, old.Flavor, new.Flavor},
		{"case-sensitive", Never, old.CaseSensitive, new.CaseSensitive},
		{"from.host", server, old.From.Host, new.From.Host},
		{"from.port", server, old.From.Port, new.From.Port},
		{"filters", InSync, old.Events, new.Events},
	})
	for _, s := range []*Source{&old, &new} {
		s.SourceID, s.EnableGTID, s.Flavor, s.CaseSensitive, s.Events = "", false, "", false, nil
		s.From.Host, s.From.Port, s.From.User, s.From.Password, s.From.Session = "", 0, "", "", nil
		s.From.Security = Security{}
		s.ServerID, s.Checker = 0, Checker{}
	}
	if !reflect.DeepEqual(old, new) {
		out = append(out, Update{Key: otherKeys, When: Never})
	}
	return out
}

func updates(all []change) []Update {
	var out []Update
	for _, c := range all {
		if c.when != Anytime && !reflect.DeepEqual(c.old, c.new) {
			out = append(out, Update{Key: c.key, When: c.when})
		}
	}
	return out
}
