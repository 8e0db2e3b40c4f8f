package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

const sourceName = "bench-01"

// oursFull runs a full-mode task into every target of ours.
func (b *bench) oursFull(ctx context.Context) error {
	return b.withCluster(ctx, func(c *testbed.Cluster) error {
		for i, t := range b.ours {
			say("running raftdm, full mode, into %s", t.label)
			if err := b.full(ctx, c, fmt.Sprintf("full-%d", i), t); err != nil {
				return err
			}
			if err := b.compare(ctx, "raftdm's copy in "+t.label, t.Server); err != nil {
				return err
			}
		}
		return nil
	})
}

// full measures the dump from the command to the end of the unit, and the load
// from there to the end of the task.
func (b *bench) full(ctx context.Context, c *testbed.Cluster, name string, t target) error {
	began := time.Now()
	if err := b.startTask(ctx, c, b.task(name, "full", t)); err != nil {
		return err
	}
	var dumped, loaded time.Time
	_, err := c.Await(ctx, name, func(s testbed.TaskStatus) (bool, error) {
		now := time.Now()
		if dumped.IsZero() && (s.Unit == "Load" || s.Stage == "Finished") {
			dumped = now
		}
		if s.Stage == "Paused" {
			return false, errors.New(s.Trouble())
		}
		loaded = now
		return s.Stage == "Finished", nil
	})
	if err != nil {
		return err
	}
	if t.label == "MariaDB" {
		b.report.add("dump", "raftdm", b.rows, dumped.Sub(began))
	}
	b.report.add("load", "raftdm into "+t.label, b.rows, loaded.Sub(dumped))
	_, err = c.Do(ctx, "stop-task", name)
	return err
}

// oursSync replicates the changes into every target of ours.
func (b *bench) oursSync(ctx context.Context) error {
	return b.withCluster(ctx, func(c *testbed.Cluster) error {
		for i, t := range b.ours {
			say("running raftdm, incremental mode, into %s", t.label)
			name := fmt.Sprintf("sync-%d", i)
			file := b.task(name, "incremental", t)
			file.Start = &config.StartPoint{BinlogName: b.start.Name, BinlogPos: b.start.Pos}
			began := time.Now()
			if err := b.startTask(ctx, c, file); err != nil {
				return err
			}
			if _, err := c.AwaitCaughtUp(ctx, name, b.up.DB()); err != nil {
				return err
			}
			b.report.add("sync", "raftdm into "+t.label, b.change, time.Since(began))
			if _, err := c.Do(ctx, "stop-task", name); err != nil {
				return err
			}
			if err := b.compare(ctx, "raftdm's replication into "+t.label, t.Server); err != nil {
				return err
			}
		}
		return nil
	})
}

// withCluster runs f with a fresh master, worker and source.
func (b *bench) withCluster(ctx context.Context, f func(*testbed.Cluster) error) (err error) {
	if b.bin.Dir == "" {
		if b.bin, err = testbed.BuildBinaries(ctx, filepath.Join(b.dir, "bin")); err != nil {
			return err
		}
	}
	b.clusters++
	c := testbed.NewCluster(filepath.Join(b.dir, fmt.Sprintf("dm-%d", b.clusters)), b.bin)
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		err = errors.Join(err, c.Close(closing))
	}()
	if _, err := c.StartMaster(ctx, "master-1"); err != nil {
		return err
	}
	if _, err := c.StartWorker(ctx, "worker-1"); err != nil {
		return err
	}
	path, err := c.WriteFile("source.yaml", testbed.SourceFile{ID: sourceName, From: b.up.Config()}.YAML())
	if err != nil {
		return err
	}
	if _, err := c.Do(ctx, "operate-source", "create", path); err != nil {
		return err
	}
	return f(c)
}

// task gives the task file with the settings that the peers got, too.
func (b *bench) task(name, mode string, t target) testbed.TaskFile {
	return testbed.TaskFile{
		Name: name, Mode: mode, Source: sourceName, Target: t.Config(), Schemas: []string{schemaName},
		Dump: []string{fmt.Sprintf("threads: %d", b.threads)},
		Load: []string{fmt.Sprintf("pool-size: %d", b.threads), fmt.Sprintf("dir: %q", filepath.Join(b.dir, "dump-"+name))},
		Sync: []string{fmt.Sprintf("worker-count: %d", b.workers), fmt.Sprintf("batch: %d", b.batch)},
	}
}

func (b *bench) startTask(ctx context.Context, c *testbed.Cluster, f testbed.TaskFile) error {
	path, err := c.WriteFile(f.Name+".yaml", f.YAML())
	if err != nil {
		return err
	}
	_, err = c.Do(ctx, "start-task", path)
	return err
}
