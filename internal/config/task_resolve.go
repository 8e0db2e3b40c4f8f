package config

import (
	"errors"

	"github.com/raftdm/raftdm/internal/fault"
)

// resolve checks what can only be seen once the whole file is read, and
// replaces the names in mysql-instances by what they stand for.
func (t *taskFile) resolve(root value) error {
	switch {
	case t.Name == "":
		return nameless(root)
	case t.Mode == "":
		return root.hinted(20020, "add the key task-mode: full, incremental, all, dump or load", "task-mode is missing")
	case !t.targetSet:
		return root.hinted(20021, "add the key target-database with host, port, user and password", "target-database is missing")
	case len(t.instances) == 0:
		return root.hinted(20013, "list at least one source under mysql-instances", "mysql-instances is missing or empty")
	}
	if len(t.lists.rules) == 0 {
		t.lists = t.oldLists
	}
	var err error
	if t.Online, err = t.online.resolve(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, in := range t.instances {
		if in.SourceID == "" {
			return in.at.hinted(20005, "add the key source-id, the id of a source of the cluster", "source-id is missing or empty")
		}
		if seen[in.SourceID] {
			return in.at.hinted(20014, "name every source once", "source-id %q stands in mysql-instances twice", in.SourceID)
		}
		seen[in.SourceID] = true
		if err := t.resolveInstance(in); err != nil {
			return err
		}
		t.Instances = append(t.Instances, in.Instance)
	}
	return t.unused()
}

func (t *taskFile) unused() error {
	if err := t.dumps.unused(); err != nil {
		return err
	}
	if err := t.loads.unused(); err != nil {
		return err
	}
	if err := t.syncs.unused(); err != nil {
		return err
	}
	if err := t.routes.unused(); err != nil {
		return err
	}
	if err := t.events.unused(); err != nil {
		return err
	}
	return t.exprs.unused()
}

func (t *taskFile) resolveInstance(in *instanceFile) error {
	if in.missingBefore != nil {
		return in.missingBefore
	}
	if err := t.resolveStart(in); err != nil {
		return err
	}
	if err := t.resolveRules(in); err != nil {
		return err
	}
	if err := t.resolveWhere(in); err != nil {
		return err
	}
	var err error
	if in.Dump, err = in.dump.resolve(&t.dumps, defaultDump, 20015, 20027); err != nil {
		return err
	}
	if in.Load, err = in.load.resolve(&t.loads, defaultLoad, 20016, 20029); err != nil {
		return err
	}
	if in.Sync, err = in.sync.resolve(&t.syncs, defaultSync, 20017, 20030); err != nil {
		return err
	}
	for _, short := range []struct {
		given int
		dst   *int
	}{{in.dumpThreads, &in.Dump.Threads}, {in.loadThreads, &in.Load.PoolSize}, {in.syncThreads, &in.Sync.WorkerCount}} {
		if short.given > 0 {
			*short.dst = short.given
		}
	}
	if err := t.checkDisk(in); err != nil {
		return err
	}
	_, err = in.Dump.applyArgs()
	return err
}

// resolveStart checks meta against the task mode.
func (t *taskFile) resolveStart(in *instanceFile) error {
	if t.Mode != ModeIncremental {
		if in.Start != nil {
			in.metaAt.warn("ignored: a start point is used only with task-mode incremental")
		}
		in.Start = nil
		return nil
	}
	if in.Start == nil {
		return in.at.hinted(20022, "add meta with binlog-name and binlog-pos, or with binlog-gtid",
			"task-mode incremental needs to know where in the binlog of %q to start", in.SourceID)
	}
	if in.Start.BinlogName == "" && in.Start.BinlogGTID == "" {
		return in.metaAt.hinted(20011, "add binlog-name and binlog-pos, or binlog-gtid", "the start point is empty")
	}
	return nil
}

func (t *taskFile) resolveRules(in *instanceFile) error {
	ref := in.rules
	if ref.name == "" {
		ref = in.oldRules
	}
	if ref.name == "" {
		return nil
	}
	r, ok := t.lists.rules[ref.name]
	if !ok {
		return ref.at.missing(20026, "block-allow-list", ref.name)
	}
	in.RulesName, in.Rules = ref.name, r
	return nil
}

// messageOf gives a fault's own sentence, to put our place in front of it.
func messageOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Msg
	}
	return err.Error()
}
