package config

import (
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/route"
)

// Task is a task file, validated, with its defaults filled in and its rule
// references resolved.
type Task struct {
	Name          string
	Mode          Mode
	MetaSchema    string
	Timezone      string
	CaseSensitive bool
	CleanDumpFile bool
	// StrictCollation is collation_compatible: strict.
	StrictCollation bool
	Target          Database
	// IgnoreChecks are the ignore-checking-items.
	IgnoreChecks []string
	// Online tells the tables of online DDL tools; nil without online-ddl.
	Online    *onlineddl.Rules
	Instances []Instance
}

// Instance is one entry of mysql-instances: a source and how to migrate it.
type Instance struct {
	SourceID  string
	Start     *StartPoint // nil without a meta section, and outside of incremental mode
	RulesName string      // "" when no block-allow-list is named
	Rules     filter.Rules
	Routes    []route.Rule
	Events    []filter.EventRule
	Exprs     []expr.Rule
	Dump      Dump
	Load      Load
	Sync      Sync
}

// Subtask defaults of DM.
const (
	defaultMetaSchema = "dm_meta"
	defaultDumpDir    = "./dumped_data"
)

func defaultDump() Dump {
	return Dump{Threads: 4, ChunkBytes: 64 * mebibyte, StatementSize: 1000000, Consistency: ConsistencyAuto}
}

func defaultLoad() Load { return Load{PoolSize: 16, Dir: defaultDumpDir, Overlap: true} }

func defaultSync() Sync {
	return Sync{WorkerCount: 16, Batch: 100, CheckpointFlushInterval: 30 * time.Second}
}

// DecodeTask reads a task file. file is only for messages and may be "".
// Warnings are remarks for the operator about keys without effect.
func DecodeTask(file string, data []byte) (Task, []string, error) {
	return SecretKey{}.DecodeTask(file, data)
}

// DecodeTask is the function of this name for who has a key.
func (k SecretKey) DecodeTask(file string, data []byte) (Task, []string, error) {
	d := &document{op: "decode task config", file: file, key: k}
	root, err := d.parse(data)
	if err != nil {
		return Task{}, nil, err
	}
	t := &taskFile{Task: Task{MetaSchema: defaultMetaSchema, CleanDumpFile: true},
		dumps: set[Dump]{kind: "mydumpers"}, loads: set[Load]{kind: "loaders"}, syncs: set[Sync]{kind: "syncers"},
		routes: set[route.Rule]{kind: "routes"}, events: set[filter.EventRule]{kind: "filters"}, exprs: set[expr.Rule]{kind: "expression-filter"}}
	if err := root.object(t.keys()); err != nil {
		return Task{}, nil, err
	}
	if err := t.resolve(root); err != nil {
		return Task{}, nil, err
	}
	return t.Task, d.warnings, nil
}

// TaskName gives the name in a task file, for commands that take a name or a
// file. The rest of the file is not validated.
func TaskName(file string, data []byte) (string, error) {
	d := &document{op: "decode task config", file: file}
	root, err := d.parse(data)
	if err != nil {
		return "", err
	}
	var name string
	err = root.each(func(key string, v value) error {
		if key == "name" {
			return text(&name)(v)
		}
		return nil
	})
	if err == nil && name == "" {
		err = nameless(root)
	}
	return name, err
}

func nameless(root value) error {
	return root.hinted(20004, "add the key name, a name for this task that is unique in the cluster", "name is missing or empty")
}

// Sources lists the source ids in the order of mysql-instances.
func (t Task) Sources() []string {
	out := make([]string, 0, len(t.Instances))
	for _, in := range t.Instances {
		out = append(out, in.SourceID)
	}
	return out
}

// Subtask gives the part of the task that runs for src. It fails when src is
// not one of the task's sources, or when the task's start point does not suit
// the way the source's binlog is read.
func (t Task) Subtask(src Source) (Subtask, error) {
	for i := range t.Instances {
		if t.Instances[i].SourceID == src.SourceID {
			return t.subtask(src, &t.Instances[i])
		}
	}
	return Subtask{}, &fault.Error{Op: "task=" + t.Name, Kind: fault.NotFound, Code: 20031,
		Msg:  "source " + src.SourceID + " is not in mysql-instances of the task",
		Hint: "the task's sources are: " + strings.Join(t.Sources(), ", ")}
}

func (t Task) subtask(src Source, in *Instance) (Subtask, error) {
	op := "task=" + t.Name + " source=" + src.SourceID
	if in.Start != nil && src.EnableGTID && in.Start.BinlogGTID == "" {
		return Subtask{}, &fault.Error{Op: op, Kind: fault.Invalid, Code: 20011,
			Msg:  "the source has enable-gtid: true, but the task's meta gives no binlog-gtid to start from",
			Hint: "add binlog-gtid to meta of this source in mysql-instances"}
	}
	if in.Start != nil && !src.EnableGTID && in.Start.BinlogName == "" {
		return Subtask{}, &fault.Error{Op: op, Kind: fault.Invalid, Code: 20011,
			Msg:  "the source reads by binlog position, but the task's meta gives no binlog-name to start from",
			Hint: "add binlog-name and binlog-pos to meta of this source, or create the source with enable-gtid: true"}
	}
	if in.Start != nil && in.Start.BinlogGTID != "" && src.Flavor != "" {
		if _, err := binlog.ParseGTIDSet(src.Flavor, in.Start.BinlogGTID); err != nil {
			return Subtask{}, fault.Wrap(op+": meta.binlog-gtid", err)
		}
	}
	// The task's meta schema never belongs to what is migrated.
	o := filter.Options{CaseSensitive: t.CaseSensitive, Internal: []string{t.MetaSchema}}
	f, err := filter.New(in.Rules, o)
	if err != nil {
		return Subtask{}, fault.Wrap(op, err)
	}
	routes, events, err := t.where(src, in)
	if err != nil {
		return Subtask{}, fault.Wrap(op, err)
	}
	var dumped TableFilter = copied{f}
	if in.Dump.Tables != nil {
		if dumped, err = in.Dump.Tables.filter(o); err != nil {
			return Subtask{}, fault.Wrap(op, err)
		}
	}
	exprs, err := expr.NewRules(in.Exprs, t.CaseSensitive)
	if err != nil {
		return Subtask{}, fault.Wrap(op, err)
	}
	load := in.Load
	load.GivenDir = load.Dir
	if !strings.HasSuffix(load.Dir, "."+t.Name) {
		load.Dir += "." + t.Name
	}
	return Subtask{
		Task: t.Name, SourceID: src.SourceID, Sources: len(t.Instances), Mode: t.Mode, MetaSchema: t.MetaSchema,
		CaseSensitive: t.CaseSensitive, Timezone: t.Timezone, CleanDumpFile: t.CleanDumpFile, StrictCollation: t.StrictCollation,
		Source: src, Target: t.Target, Start: in.Start,
		Filter: t.Online.Only(f), DumpFilter: t.Online.Only(dumped), Online: t.Online, Rules: in.Rules, RulesName: in.RulesName, Routes: routes, Events: events, Exprs: exprs,
		Dump: in.Dump, Load: load, Sync: in.Sync,
	}, nil
}
