package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// ErrExited means that a process ended although nobody ended it.
var ErrExited = errors.New("a process ended by itself")

// AwaitHealth waits until everything is well: all processes run, all masters
// name the same leader, no worker is offline, and every task runs and has
// replicated what its upstream had written when it was asked. The error says
// what is not well.
func (c *Cluster) AwaitHealth(ctx context.Context) error {
	for _, s := range append(append([]*testbed.Server(nil), c.Upstreams...), c.Target) {
		if err := s.DB().PingContext(ctx); err != nil {
			return fmt.Errorf("%s at %s: %w", s.Name, s.Addr(), err)
		}
	}
	steps := []func(context.Context) error{c.masterHealth, c.workerHealth}
	for _, t := range c.Tasks() {
		end, err := c.upstreamEnd(ctx, t.Source)
		if err != nil {
			return err
		}
		steps = append(steps, func(ctx context.Context) error { return c.taskHealth(ctx, t, end) })
	}
	for _, step := range steps {
		if err := await(ctx, step); err != nil {
			return err
		}
	}
	return nil
}

// await repeats a step until it answers nil.
func await(ctx context.Context, step func(context.Context) error) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		err := step(ctx)
		if err == nil || errors.Is(err, ErrExited) {
			return err
		}
		if ctx.Err() == nil || last == nil { // else dmctl was ended by us
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), last)
		case <-tick.C:
		}
	}
}

func (c *Cluster) masterHealth(ctx context.Context) error {
	leader := ""
	for i, p := range c.Masters() {
		if !p.Alive() {
			return fmt.Errorf("%s: %w: the end of its log:\n%s", p.Name, ErrExited, p.LogTail())
		}
		m, err := c.Members(ctx, i)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		if leader != "" && m.Leader != leader {
			return fmt.Errorf("%s names %s as leader, and another master %s", p.Name, m.Leader, leader)
		}
		leader = m.Leader
	}
	return nil
}

func (c *Cluster) workerHealth(ctx context.Context) error {
	m, err := c.Members(ctx, -1)
	if err != nil {
		return err
	}
	stages := map[string]string{}
	for _, w := range m.Workers {
		stages[w.Name] = w.Stage
	}
	for _, p := range c.Workers() {
		switch {
		case !p.Alive():
			return fmt.Errorf("%s: %w: the end of its log:\n%s", p.Name, ErrExited, p.LogTail())
		case stages[p.Name] == "" || stages[p.Name] == "offline":
			return fmt.Errorf("worker %s is %q", p.Name, stages[p.Name])
		}
	}
	return nil
}

// upstreamEnd gives the number of the newest transaction of a source.
func (c *Cluster) upstreamEnd(ctx context.Context, source string) (uint64, error) {
	for i, s := range c.Upstreams {
		if SourceName(i) != source {
			continue
		}
		end, err := testbed.BinlogEnd(ctx, s.DB())
		if err != nil {
			return 0, err
		}
		return lastNumber(end.GTID), nil
	}
	return 0, fmt.Errorf("there is no source %s", source)
}

// lastNumber gives the third part of "0-server-number", 0 for an empty set.
// The upstreams have one domain.
func lastNumber(gtid string) uint64 {
	n, err := strconv.ParseUint(gtid[strings.LastIndexByte(gtid, '-')+1:], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (c *Cluster) taskHealth(ctx context.Context, t Task, end uint64) error {
	st, err := c.QueryTask(ctx, t.Name)
	switch {
	case err != nil:
		return fmt.Errorf("task %s: %w", t.Name, err)
	case st.Stage != "Running" || st.Unit != "Sync" || st.Trouble() != "":
		return fmt.Errorf("task %s is %s", t.Name, st)
	case st.Sync == nil || lastNumber(st.Sync.SyncerBinlogGTID) < end:
		return fmt.Errorf("task %s has not come to transaction %d of %s: %s", t.Name, end, t.Source, st)
	}
	return nil
}
