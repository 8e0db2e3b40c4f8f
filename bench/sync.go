package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/raftdm/raftdm/internal/testbed"
)

// syncOptions is what the flags say about -sync. What the rest of the program
// knows as well (worker-count, batch, TiDB, seed) is in options.
type syncOptions struct {
	options
	names             string // of the workloads
	scale             float64
	repeat            int   // of each contender\'s runs the fastest counts
	lanes             []int // worker-counts to compare; none: compare with other tools
	compact, multiple bool
	profiles          string // directory for CPU profiles
}

// flags declares the flags that only -sync has.
func (o *syncOptions) flags(fs *flag.FlagSet) {
	fs.StringVar(&o.names, "workloads", "", "with -sync: which of insert,update,mixed,wide,hot; all, or insert,mixed with -lanes")
	fs.Float64Var(&o.scale, "scale", 1, "with -sync: make the backlogs so much larger or smaller")
	fs.IntVar(&o.repeat, "repeat", 1, "with -sync: measure everybody so often in turn; the fastest run counts")
	fs.Func("lanes", "with -sync: compare these worker-counts instead, as 1,4,16", func(s string) error {
		for _, f := range strings.Split(s, ",") {
			n := 0
			if _, err := fmt.Sscanf(f, "%d", &n); err != nil || n < 1 {
				return fmt.Errorf("%q is no worker-count", f)
			}
			o.lanes = append(o.lanes, n)
		}
		return nil
	})
	fs.BoolVar(&o.compact, "compact", false, "with -sync: the syncer's compact")
	fs.BoolVar(&o.multiple, "multiple-rows", false, "with -sync: the syncer's multiple-rows")
	fs.StringVar(&o.profiles, "profile", "", "with -sync: put CPU profiles of the worker into this directory; costs it some CPU")
}

// backlog is one workload at hand: an upstream whose binlog holds it, and what
// its contenders reached.
type backlog struct {
	*bench // up, start and change are set
	kind
	o        *syncOptions
	template string // data directory of a server as it is before the backlog
	results  []syncResult
}

// runSync measures how fast a backlog of binlog is caught up: by a MariaDB
// replica, by mysqlbinlog piped into mysql, and by raftdm. All begin at the same
// position with a copy of the same data.
func runSync(ctx context.Context, out io.Writer, o syncOptions) (err error) {
	if o.names == "" {
		o.names = "insert,mixed,update,wide,hot"
		if len(o.lanes) > 0 {
			o.names = "insert,mixed"
		}
	}
	list, err := pick(o.names)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "raftdm-sync-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bin, err := testbed.BuildBinaries(ctx, filepath.Join(dir, "bin"))
	if err != nil {
		return err
	}
	var all []*backlog
	for _, k := range list {
		b := &backlog{bench: &bench{options: o.options, dir: filepath.Join(dir, k.name), bin: bin}, kind: k.scaled(o.scale), o: &o}
		measure := b.contenders
		if len(o.lanes) > 0 {
			measure = b.sweep
		}
		if err := b.run(ctx, measure); err != nil {
			return fmt.Errorf("workload %s: %w", k.name, err)
		}
		b.print(out)
		if len(o.lanes) > 0 {
			b.printSweep(out)
		}
		all = append(all, b)
	}
	if len(o.lanes) == 0 {
		printGoals(out, all)
	}
	return nil
}

// run makes the servers of the workload, has it measured and ends them.
func (b *backlog) run(ctx context.Context, measure func(context.Context) error) (err error) {
	defer func() { err = errors.Join(err, b.close()) }()
	steps := []func(context.Context) error{b.prepare, b.writeBacklog}
	for range max(b.o.repeat, 1) {
		steps = append(steps, measure)
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes the data that everybody begins with, once.
func (b *backlog) prepare(ctx context.Context) (err error) {
	say("%s: %d transactions, each %s", b.name, b.transactions, b.what)
	seed, err := testbed.StartMariaDB(ctx, filepath.Join(b.dir, "template"), testbed.WithoutBinlog())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, seed.Close()) }()
	if err := b.kind.fill(ctx, seed.DB(), b.seed); err != nil {
		return err
	}
	b.template = seed.DataDir()
	return seed.Stop(ctx)
}

// writeBacklog makes the upstream. It is restarted behind the backlog: what it
// has to clean up and to flush would slow down the first contender.
func (b *backlog) writeBacklog(ctx context.Context) (err error) {
	if b.up, err = testbed.StartMariaDB(ctx, filepath.Join(b.dir, "upstream"), testbed.WithData(b.template)); err != nil {
		return err
	}
	if b.start, err = testbed.BinlogEnd(ctx, b.up.DB()); err != nil {
		return err
	}
	if b.change, err = b.backlogInto(ctx, b.up.DB(), b.seed); err != nil {
		return err
	}
	if err := b.up.Stop(ctx); err != nil {
		return err
	}
	return b.up.Start(ctx)
}

// contenders measures everybody in turn.
func (b *backlog) contenders(ctx context.Context) error {
	for _, c := range []struct {
		who     string
		measure func(context.Context, target) (syncResult, error)
	}{{whoReplica, b.byReplica}, {whoPipe, b.byPipe}, {whoOurs, b.byRaftdm}} {
		if err := b.contend(ctx, c.who, c.measure); err != nil {
			return err
		}
	}
	if !b.tidb {
		return nil
	}
	return b.contendTiDB(ctx)
}

// contend has one contender catch up on a server of its own, and looks whether
// it did so rightly.
func (b *backlog) contend(ctx context.Context, who string, measure func(context.Context, target) (syncResult, error)) (err error) {
	dir := filepath.Join(b.dir, "target")
	s, err := testbed.StartMariaDB(ctx, dir, testbed.WithoutBinlog(), testbed.WithData(b.template))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(dir)) }()
	return b.judge(ctx, who, target{s, "MariaDB"}, measure)
}

// contendTiDB is contend for raftdm into TiDB.
func (b *backlog) contendTiDB(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "target")
	s, err := testbed.StartTiDB(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(), os.RemoveAll(dir)) }()
	if err := b.kind.fill(ctx, s.DB(), b.seed); err != nil {
		return err
	}
	return b.judge(ctx, whoTiDB, target{s, "TiDB"}, b.byRaftdm)
}

// judge keeps what was measured if the copy is right.
func (b *backlog) judge(ctx context.Context, who string, t target, measure func(context.Context, target) (syncResult, error)) error {
	var r syncResult
	others, err := elsewhere(func() (err error) {
		r, err = measure(ctx, t)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", who, err)
	}
	r.who, r.others, r.lanes = who, others, b.workers
	b.keep(r)
	say("%s by %s: %d rows in %.2f s", b.name, who, b.change, r.took.Seconds())
	return b.compare(ctx, who, t.Server)
}
