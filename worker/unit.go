package worker

import (
	"context"

	"github.com/raftdm/raftdm/internal/status"
)

// Unit is one phase of a subtask: dump, load or syncer.
//
// Run works until the unit is done (nil), the context ends (its error) or
// something needs an operator (a *fault.Error). Pausing a subtask is
// cancelling ctx; resuming it is calling Run on a fresh unit, which goes on
// from what the target's meta tables say. Run is called once. When it returns,
// the unit writes nothing more anywhere. Transient failures of either database
// are retried inside Run without limit of attempts; while that lasts Fill shows
// the failure as Subtask.Err.
//
// Fill may be called at any time, also while Run runs and after it returned;
// it sets the unit's own part of s and must not block on a database.
type Unit interface {
	Run(ctx context.Context) error
	Fill(s *status.Subtask)
}
