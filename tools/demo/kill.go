package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// kills is who was killed on the way.
type kills struct{ worker, leader string }

// settling tells whether a status may still be about the worker that died.
func (k kills) settling(t testbed.TaskStatus) bool { return k.worker != "" && t.Worker == k.worker }

// half tells whether the load is well under way (or was over too soon).
func half(t testbed.TaskStatus) bool {
	if t.Unit == "Sync" {
		return true
	}
	return t.Unit == "Load" && t.Load != nil && t.Load.TotalBytes > 0 && t.Load.FinishedBytes*3 > t.Load.TotalBytes
}

func (d *demo) killWorker(ctx context.Context, name string) error {
	p, err := named(d.workers, name)
	if err != nil {
		return err
	}
	d.kills.worker = name
	d.screen.step("kill -9 of %s (pid %d), in the middle of its work", name, p.PID())
	p.Kill()
	began := time.Now()
	for {
		m, err := d.cluster.ListMember(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(m.Workers, func(w testbed.WorkerMember) bool { return w.Source == sourceName && w.Name != name })
		if i < 0 {
			continue
		}
		d.screen.note("after %s the source is with %s, which goes on from what the target says was applied",
			short(time.Since(began)), m.Workers[i].Name)
		break
	}
	d.screen.note("%s is started again, as a spare", name)
	return p.Start(ctx)
}

func (d *demo) killLeader(ctx context.Context) error {
	m, err := d.cluster.ListMember(ctx)
	if err != nil {
		return err
	}
	p, err := named(d.masters, m.Leader)
	if err != nil {
		return err
	}
	d.kills.leader = m.Leader
	d.screen.step("kill -9 of the leader, %s (pid %d)", m.Leader, p.PID())
	p.Kill()
	began := time.Now()
	if m, err = d.cluster.ListMember(ctx); err != nil {
		return err
	}
	d.screen.note("after %s %s answers as the leader; replication did not notice", short(time.Since(began)), m.Leader)
	d.screen.note("%s is started again, as a follower", p.Name)
	return p.Start(ctx)
}

func named(list []*testbed.Process, name string) (*testbed.Process, error) {
	for _, p := range list {
		if p.Name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("there is no process %q", name)
}
