package main

import (
	"context"
	"hash/fnv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/precheck"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// What follows fits the parts into the interfaces that rpc declares.

// reader reads the state of this node behind raft's barrier.
type reader struct {
	*raftnode.Node
	store *fsm.Store
}

// View reads the state as it is on this node.
func (r reader) View(fn func(*fsm.View) error) error { return r.store.View(fn) }

// members tells who the masters are.
type members struct{ m *master }

// IsLeader tells whether this master leads.
func (c members) IsLeader() bool { return c.m.node.IsLeader() }

// Leader gives the leader's name and, when it is this master, its client
// address; the addresses of other masters are not known here.
func (c members) Leader() (name, clientAddr string) {
	name, _ = c.m.node.Leader()
	if name == c.m.cfg.Name {
		clientAddr = c.m.cfg.AdvertiseAddr
	}
	return name, clientAddr
}

// Members lists the masters of the raft group.
func (c members) Members() []rpc.Member {
	list, err := c.m.node.Members()
	if err != nil {
		c.m.log.Warn("the members of the group cannot be read", "err", err)
		return nil
	}
	out := make([]rpc.Member, 0, len(list))
	for _, x := range list {
		r := rpc.Member{Name: x.Name, ID: memberID(x.Name), PeerURLs: []string{"http://" + x.Addr}}
		if x.Name == c.m.cfg.Name {
			r.Alive, r.ClientURLs = true, []string{"http://" + c.m.cfg.AdvertiseAddr}
		}
		out = append(out, r)
	}
	return out
}

// memberID makes the number that DM's tools show for a member. A member is
// known by its name, so the number is a hash of it: the same on every master
// and after every restart.
func memberID(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return h.Sum64()
}

// checker asks the databases.
type checker struct{}

// CheckSource connects to the upstream and fills in what it detects.
func (checker) CheckSource(ctx context.Context, s config.Source) (config.Source, error) {
	return precheck.CheckSource(ctx, s)
}

// CheckTask runs the pre-checks.
func (checker) CheckTask(ctx context.Context, subs []config.Subtask, ignore []string, failures, warnings int) error {
	return precheck.CheckTask(ctx, subs, ignore, failures, warnings)
}

// target cleans up on the target.
type target struct{}

// RemoveMeta drops every meta table of a task.
func (target) RemoveMeta(ctx context.Context, cfg config.Database, metaSchema, task string) error {
	db, err := dbconn.Open(ctx, fault.Downstream, cfg, dbconn.Options{MaxConns: 1})
	if err != nil {
		return err
	}
	defer db.Close()
	return checkpoint.Remove(ctx, db, metaSchema, task)
}

// workerStates shows dm_master_worker_state as of the moment it is asked.
type workerStates struct {
	store *fsm.Store
	desc  *prometheus.Desc
}

func newWorkerStates(store *fsm.Store) *workerStates {
	return &workerStates{store: store, desc: prometheus.NewDesc("dm_master_worker_state",
		"state of the worker: 0 offline, 1 free, 2 bound", []string{"worker"}, nil)}
}

// Describe gives the one series.
func (w *workerStates) Describe(ch chan<- *prometheus.Desc) { ch <- w.desc }

// Collect derives the states from the agreed state.
func (w *workerStates) Collect(ch chan<- prometheus.Metric) {
	err := w.store.View(func(v *fsm.View) error {
		for _, x := range v.Workers() {
			state := 0.0
			if x.Session != 0 {
				state = 1
				if _, bound := v.BindingOf(x.Name); bound {
					state = 2
				}
			}
			ch <- prometheus.MustNewConstMetric(w.desc, prometheus.GaugeValue, state, string(x.Name))
		}
		return v.Err()
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(w.desc, err)
	}
}
