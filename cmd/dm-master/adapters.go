package main

import (
	"context"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/internal/precheck"
	"github.com/raftdm/raftdm/raftnode"
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

// PlanTask says what a task would do.
func (checker) PlanTask(ctx context.Context, subs []config.Subtask, ignore []string) (*plan.Plan, error) {
	return plan.Make(ctx, subs, ignore)
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
