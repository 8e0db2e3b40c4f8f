package rpc_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// TestAWorkerComesBackWhateverHappens: masters lead in turn, name wrong leaders
// and are cut off; as soon as that ends the worker holds a session with the one
// that leads and has what the state says.
func TestAWorkerComesBackWhateverHappens(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 11))
				s, n, w := rpctest.Open(t), &network{}, newWorker()
				run(t, t.Context(), "scheduler", s.Schedule)
				addrs := []string{"m0", "m1", "m2", "m3"}
				var leads atomic.Int32
				for i, addr := range addrs {
					var others []rpc.Member
					for _, other := range addrs {
						if other != addr {
							others = append(others, rpc.Member{Name: other, Client: other})
						}
					}
					o := rpctest.Options{ClientURL: "http://" + addr, Others: others, Elected: func() bool { return leads.Load() == int32(i) }}
					if rng.IntN(3) == 0 && i > 0 { // it lost the others and never leads again
						o.Elected, o.LeaderName, o.LeaderAddr = nil, "gone", addrs[rng.IntN(len(addrs))]
					}
					lis := n.listen(addr)
					run(t, t.Context(), addr, func(ctx context.Context) error { return rpctest.New(s, o).Run(ctx, lis) })
					defer n.heal(addr, lis)
				}
				run(t, t.Context(), "session", rpc.NewSession(w.config(n, addrs[rng.IntN(len(addrs))])).Run)
				s.Must(t, fsm.PutSource{ID: "source-1", Config: "config"})
				s.Must(t, fsm.StartTask{Name: "t1", Sources: map[fsm.SourceID]string{"source-1": "file"}})
				for range 40 {
					switch rng.IntN(4) {
					case 0:
						leads.Store(int32(rng.IntN(len(addrs) + 1))) // the last: nobody leads
					case 1:
						addr := addrs[rng.IntN(len(addrs))]
						n.mu.Lock()
						lis := n.listeners[addr]
						n.mu.Unlock()
						n.cut(addr)
						pass(time.Duration(rng.IntN(4000)) * time.Millisecond)
						n.heal(addr, lis)
					case 2:
						s.Must(t, fsm.SetStage{Task: "t1", Stage: []status.Stage{status.StagePaused, status.StageRunning}[rng.IntN(2)]})
					}
					pass(time.Duration(rng.IntN(2000)) * time.Millisecond)
				}
				leads.Store(0)
				pass(10 * time.Second)
				if sessionOf(t, s, "worker-1") == 0 {
					t.Fatal("the worker holds no session")
				}
				sameOrders(t, w.last(t), wants(t, s, "worker-1"))
				before := len(w.expirations())
				pass(time.Minute)
				if got := len(w.expirations()); got != before {
					t.Error("the lease is not renewed")
				}
			})
		})
	}
}
