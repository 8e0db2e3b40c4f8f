//go:build !sabotage_ack

package raftnode

import (
	"context"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
)

// early is where the build with the tag sabotage_ack acknowledges what only
// its own log holds. This build never does; see sabotage_on.go.
type early struct{}

func (early) appended([]*raft.Log) {}

func (early) await(ctx context.Context, _ []byte, _ fsm.Command, honest func(context.Context) (fsm.Result, error)) (fsm.Result, error) {
	return honest(ctx)
}
