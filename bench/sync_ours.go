package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

const (
	syncTask = "sync"
	// Looking costs the worker a few milliseconds, so it is done often only when
	// something is about to happen.
	lookFast, lookSlow = 50 * time.Millisecond, time.Second
	// patience is how long nothing may be applied before query-status is asked why.
	patience = 5 * time.Second
)

// byRaftdm catches up with real processes. The time begins when the syncer
// does, as the replica's begins with START SLAVE: what dmctl and the checks
// before a task take does not grow with the backlog, and is kept apart.
func (b *backlog) byRaftdm(ctx context.Context, t target) (r syncResult, err error) {
	say("running raftdm into %s with %d workers", t.label, b.workers)
	err = b.withCluster(ctx, func(c *testbed.Cluster) error {
		w := c.Workers()[0]
		before, err := cpuSeconds(w.PID())
		if err != nil {
			return err
		}
		stop := b.profile(ctx, w.Addr, t.label)
		r, err = b.watch(ctx, c, b.syncFile(t))
		after, cpuErr := cpuSeconds(w.PID())
		held, heldErr := w.MostHeld()
		r.cpu, r.mib = after-before, held
		if err := errors.Join(err, cpuErr, heldErr, stop()); err != nil {
			return err
		}
		_, err = c.Do(ctx, "stop-task", syncTask)
		return err
	})
	return r, err
}

// syncFile gives the task file that begins where the backlog does.
func (b *backlog) syncFile(t target) testbed.TaskFile {
	file := b.task(syncTask, "incremental", t)
	file.Start = &config.StartPoint{BinlogName: b.start.Name, BinlogPos: b.start.Pos}
	file.Sync = append(file.Sync, fmt.Sprintf("compact: %t", b.o.compact), fmt.Sprintf("multiple-rows: %t", b.o.multiple))
	return file
}

// watch starts the task and looks until all rows of the backlog are applied.
func (b *backlog) watch(ctx context.Context, c *testbed.Cluster, file testbed.TaskFile) (syncResult, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	startedC := make(chan error, 1)
	go func() {
		err := b.startTask(ctx, c, file)
		if err != nil {
			cancel(err)
		}
		startedC <- err
	}()
	var begun, moved time.Time // the syncer began; something was applied last
	var rows int64
	for {
		seen, err := look(ctx, c.Workers()[0].Addr)
		now := time.Now()
		if err != nil {
			return syncResult{}, errors.Join(err, context.Cause(ctx))
		}
		if seen.syncing && begun.IsZero() {
			begun, moved = now, now
		}
		if seen.rows > rows {
			rows, moved = seen.rows, now
		}
		if rows >= b.change {
			return syncResult{took: now.Sub(begun), before: begun.Sub(began)}, <-startedC
		}
		if !moved.IsZero() && now.Sub(moved) > patience {
			if err := b.why(ctx, c); err != nil {
				return syncResult{}, err
			}
			moved = now
		}
		if err := pause(ctx, nextLook(now.Sub(begun), rows, b.change)); err != nil {
			return syncResult{}, err
		}
	}
}

// nextLook is a part of the time that is still needed at the rate so far, which
// says little at the beginning.
func nextLook(since time.Duration, rows, all int64) time.Duration {
	if rows == 0 {
		return lookFast
	}
	rest := time.Duration(float64(since) * float64(all-rows) / float64(rows))
	return max(min(rest/2, since/4, lookSlow), lookFast)
}

// why gives the reason of a task that does not move, nil if it claims to be well.
func (b *backlog) why(ctx context.Context, c *testbed.Cluster) error {
	list, err := c.QueryStatus(ctx, syncTask)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.Trouble() != "" || s.Stage == "Paused" || s.Sync != nil && s.Sync.Synced {
			return fmt.Errorf("the task stands still: %s", s)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// progress is what the worker's metrics say.
type progress struct {
	syncing bool
	rows    int64 // applied; the backlog has no DDL
}

// look reads the metrics of a worker that runs one task. query-status would
// know the same a second later.
func look(ctx context.Context, addr string) (p progress, err error) {
	body, err := get(ctx, "http://"+addr+"/metrics")
	if err != nil {
		return p, err
	}
	lines := bufio.NewScanner(bytes.NewReader(body))
	for lines.Scan() {
		name, labels, _ := strings.Cut(lines.Text(), "{")
		p.syncing = p.syncing || name == "dm_syncer_binlog_pos" && strings.Contains(labels, `node="syncer"`)
		if name != "dm_syncer_finished_jobs_total" {
			continue
		}
		n, err := strconv.ParseFloat(labels[strings.LastIndexByte(labels, ' ')+1:], 64)
		if err != nil {
			return p, err
		}
		p.rows += int64(n)
	}
	return p, lines.Err()
}

// plain asks for pages as they are: packing them would count as the worker's work.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

// get reads a page of a dm process.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := plain.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s: %.200s", url, resp.Status, body.String())
	}
	return body.Bytes(), nil
}
