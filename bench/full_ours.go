package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// whole runs tasks in mode full, of which the one loads behind its dump, the other
// beside it.
func (f *full) whole(ctx context.Context, rounds int, serial, beside string, dump ...string) error {
	to := f.ours[0]
	run := func(phase string, overlap bool) func(bool) error {
		return func(bool) error {
			if err := to.Exec(ctx, "DROP DATABASE "+schemaName); err != nil {
				return err
			}
			file := f.fullTask("full", to, f.oursDir())
			file.Dump, file.Load = append(file.Dump, dump...), append(file.Load, fmt.Sprintf("overlap: %t", overlap))
			return f.alone(ctx, phase, file, to)
		}
	}
	return inTurn(rounds, run(serial, false), run(beside, true))
}

// slowSource holds the dump at the speed of the load, as a busy source or the
// way to it does. A dump that takes no time leaves nothing to be won.
func (f *full) slowSource(ctx context.Context) error {
	load, _ := f.median(phaseLoad, "")
	return f.whole(ctx, 1, phaseSlowSerial, phaseSlowWhole,
		fmt.Sprintf("max-mb-per-second: %d", max(1, int64(float64(f.bytes)/(1<<20)/load.took.Seconds()))))
}

// sizeOf adds up the data files of a dump.
func sizeOf(dir string) (size int64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && !strings.Contains(name, "-schema") {
			size += info.Size()
		}
	}
	return size, err
}

// alone runs one task in a cluster of its own. Time counts from when its unit
// runs: what dmctl and the checks take does not grow with the data.
func (f *full) alone(ctx context.Context, phase string, file testbed.TaskFile, to target) error {
	say("running raftdm, %s", phase)
	if err := to.Exec(ctx, "DROP DATABASE IF EXISTS dm_meta"); err != nil { // what a task of this name has recorded
		return err
	}
	return f.withCluster(ctx, func(c *testbed.Cluster) (err error) {
		w := c.Workers()[0]
		before, err := cpuSeconds(w.PID())
		if err != nil {
			return err
		}
		stop := (&backlog{bench: f.bench, o: &syncOptions{profiles: f.o.profiles}, kind: kind{name: strings.ReplaceAll(phase, " ", "-")}}).profile(ctx, w.Addr, to.label)
		took, server, err := f.using(func() (time.Duration, error) { return f.finished(ctx, c, file) })
		after, cpuErr := cpuSeconds(w.PID())
		held, heldErr := w.MostHeld()
		if err := errors.Join(err, cpuErr, heldErr, stop()); err != nil {
			return err
		}
		f.add(fullResult{phase: phase, who: "raftdm", took: took, server: server, cpu: after - before, mib: held})
		if phase == phaseDump {
			f.bytes, err = sizeOf(f.dumped())
			return err
		}
		return f.same(ctx, "raftdm's "+phase, to.Server)
	})
}

func (f *full) fullTask(mode string, to target, dir string) testbed.TaskFile {
	file := f.task(mode, mode, to)
	file.Load = []string{fmt.Sprintf("pool-size: %d", f.threads), fmt.Sprintf("dir: %q", dir)}
	return file
}

// finished starts a task and measures how long it runs.
func (f *full) finished(ctx context.Context, c *testbed.Cluster, file testbed.TaskFile) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	startedC := make(chan error, 1)
	go func() {
		err := f.startTask(ctx, c, file)
		if err != nil {
			cancel(err)
		}
		startedC <- err
	}()
	var begun time.Time
	for {
		state, err := taskState(ctx, c.Workers()[0].Addr)
		now := time.Now()
		if err != nil {
			return 0, errors.Join(err, context.Cause(ctx))
		}
		switch {
		case state == "2" && begun.IsZero():
			begun = now
		case state == "5" && begun.IsZero():
			return 0, errors.New("the task was too fast to be measured: use more -full-mib")
		case state == "5":
			return now.Sub(begun), <-startedC
		case state == "3":
			return 0, f.whyPaused(ctx, c, file.Name)
		}
		next := lookFast
		if !begun.IsZero() { // to about a hundredth
			next = max(lookFast, min(now.Sub(begun)/100, lookSlow))
		}
		if err := pause(ctx, next); err != nil {
			return 0, err
		}
	}
}

func (f *full) whyPaused(ctx context.Context, c *testbed.Cluster, task string) error {
	list, err := c.QueryStatus(ctx, task)
	if err != nil || len(list) == 0 {
		return errors.Join(err, errors.New("the task is paused"))
	}
	return errors.New(list[0].Trouble())
}

// taskState reads the stage of the worker's only task, as a number.
func taskState(ctx context.Context, addr string) (string, error) {
	body, err := get(ctx, "http://"+addr+"/metrics")
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "dm_worker_task_state{") {
			return lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], nil
		}
	}
	return "", lines.Err()
}
