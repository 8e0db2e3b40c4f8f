package rpc_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// TestAMasterThatLostTheOthersIsLeft: a master that the others cannot reach, and
// the worker can, knows no leader or only a dead one. The worker must find the
// one that leads without its help.
func TestAMasterThatLostTheOthersIsLeft(t *testing.T) {
	members := func(addrs ...string) (out []rpc.Member) {
		for _, a := range addrs {
			out = append(out, rpc.Member{Name: "at " + a, Client: a})
		}
		return out
	}
	for name, lost := range map[string]rpctest.Options{
		"it knows no leader":  {LeaderName: "none", Others: members("m0", "m2")},
		"it names a dead one": {LeaderName: "at m0", LeaderAddr: "m0", Others: members("m0", "m2")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, n, w := rpctest.Open(t), &network{}, newWorker()
				lost.ClientURL = "http://m1"
				run(t, t.Context(), "lost master", func(ctx context.Context) error {
					return rpctest.New(s, lost).Run(ctx, n.listen("m1"))
				})
				run(t, t.Context(), "leader", func(ctx context.Context) error {
					return rpctest.New(s, rpctest.Options{ClientURL: "http://m2", Others: members("m0", "m1")}).Run(ctx, n.listen("m2"))
				})
				run(t, t.Context(), "session", rpc.NewSession(w.config(n, "m1", "m2")).Run)
				pass(5 * time.Second)
				if sessionOf(t, s, "worker-1") == 0 {
					t.Error("the worker has not found the leader")
				}
			})
		})
	}
}
