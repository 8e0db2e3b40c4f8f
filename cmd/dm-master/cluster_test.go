package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/scheduler"
)

// TestAnyMasterAnswers: whichever of three masters is asked, it gives the same
// answer, with the address of every master.
func TestAnyMasterAnswers(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	leader := leaderOf(all)
	for i, b := range all {
		c := b.client()
		reg, err := c.RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: fmt.Sprint("w", i), Address: fmt.Sprint("w:", i)})
		if err != nil || !reg.GetResult() {
			t.Fatalf("%s: %v, %v", b.cfg.Name, reg, err)
		}
		resp, err := c.ListMember(t.Context(), &pb.ListMemberRequest{})
		if err != nil || len(resp.GetMembers()) != 3 {
			t.Fatalf("%s: %v, %v", b.cfg.Name, resp, err)
		}
		if l := resp.GetMembers()[0].GetLeader(); l.GetName() != leader.cfg.Name || l.GetAddr() != leader.cfg.Addr {
			t.Errorf("%s takes %v for the leader, which is %s", b.cfg.Name, l, leader.cfg.Name)
		}
		if n := len(resp.GetMembers()[2].GetWorker().GetWorkers()); n != i+1 {
			t.Errorf("%s lists %d workers after %d were registered", b.cfg.Name, n, i+1)
		}
		for j, m := range resp.GetMembers()[1].GetMaster().GetMasters() {
			want := all[j]
			if m.GetName() != want.cfg.Name || !m.GetAlive() || m.GetClientURLs()[0] != "http://"+want.cfg.Addr || m.GetPeerURLs()[0] != "http://"+want.cfg.PeerAddr {
				t.Errorf("%s shows %v for %s", b.cfg.Name, m, want.cfg.Name)
			}
		}
	}
	picked, err := all[0].client().ListMember(t.Context(), &pb.ListMemberRequest{Master: true, Names: []string{"m2"}})
	if err != nil || len(picked.GetMembers()) != 1 || len(picked.GetMembers()[0].GetMaster().GetMasters()) != 1 {
		t.Errorf("one master by name: %v, %v", picked, err)
	}
	// A dead one is shown as such, within the second that it is asked for.
	victim := all[0]
	if victim == leader {
		victim = all[1]
	}
	victim.kill()
	if m := leader.masters()[victim.cfg.Name]; m.GetAlive() {
		t.Errorf("a dead master is shown as %v", m)
	}
}

// lostAnswer carries a command out, then ends the process before it can answer.
type lostAnswer struct {
	scheduler.Proposer
	b    *box
	once *atomic.Bool
	died chan *box
}

func (l lostAnswer) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	res, err := l.Proposer.Propose(ctx, m, c)
	if _, ok := c.(fsm.RemoveWorker); ok && err == nil && l.once.CompareAndSwap(false, true) {
		_ = l.b.m.node.Close()
		l.died <- l.b
		return fsm.Result{}, fault.New(fault.Unavailable, "the process is gone")
	}
	return res, err
}

// TestRequestThatLosesItsLeaderIsExecutedOnce: the leader dies between agreeing
// and answering; the client sees one success, because the master it asked takes
// the request, which has no id of its own, to the next leader (peer-bugs 20).
func TestRequestThatLosesItsLeaderIsExecutedOnce(t *testing.T) {
	t.Parallel()
	var once atomic.Bool
	died := make(chan *box, 1)
	all := founders(t, 3, func(b *box) {
		b.wrap = func(b *box, p scheduler.Proposer) scheduler.Proposer { return lostAnswer{p, b, &once, died} }
	})
	leader := leaderOf(all)
	asked := all[0]
	if asked == leader {
		asked = all[1]
	}
	c := asked.client()
	if resp, err := c.RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: "w", Address: "w:1"}); err != nil || !resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	began := time.Now()
	resp, err := c.OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "worker", Name: "w"})
	if err != nil || !resp.GetResult() {
		t.Errorf("the request that was carried out before its leader died answered %v, %v", resp, err)
	}
	t.Logf("answered after %v", time.Since(began).Round(time.Millisecond))
	if b := <-died; b != leader {
		t.Errorf("%s died and not the leader %s", b.cfg.Name, leader.cfg.Name)
	}
	// Another request is another one.
	resp, err = c.OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "worker", Name: "w"})
	if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=46004:") {
		t.Errorf("removing the worker again answered %v, %v", resp, err)
	}
	leader.ended(5 * time.Second)
}

// hanging takes the first RemoveWorker and never answers it.
type hanging struct {
	scheduler.Proposer
	once  *atomic.Bool
	tookC chan struct{}
}

func (h hanging) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if _, ok := c.(fsm.RemoveWorker); ok && h.once.CompareAndSwap(false, true) {
		close(h.tookC)
		<-ctx.Done()
		return fsm.Result{}, ctx.Err()
	}
	return h.Proposer.Propose(ctx, m, c)
}

// TestLeaderThatHangsIsLeft: a request is not held up by the leader it was
// passed to once another one leads.
func TestLeaderThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	var once atomic.Bool
	tookC := make(chan struct{})
	all := founders(t, 3, func(b *box) {
		b.wrap = func(_ *box, p scheduler.Proposer) scheduler.Proposer { return hanging{p, &once, tookC} }
	})
	leader := leaderOf(all)
	asked := all[0]
	if asked == leader {
		asked = all[1]
	}
	c := asked.client()
	if resp, err := c.RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: "w", Address: "w:1"}); err != nil || !resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	answerC := make(chan *pb.OfflineMemberResponse, 1)
	go func() {
		resp, err := c.OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "worker", Name: "w"})
		if err != nil {
			t.Error(err)
		}
		answerC <- resp
	}()
	<-tookC
	began := time.Now()
	if err := leader.m.node.TransferLeadership(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if resp := <-answerC; !resp.GetResult() {
		t.Errorf("%v", resp)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the answer came %v after another master was elected", took)
	}
}

// TestReadsSeeWhatWasAcknowledged: what one master has acknowledged, every other
// master shows, also while leadership moves.
func TestReadsSeeWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	clients := []pb.MasterClient{all[0].client(), all[1].client(), all[2].client()}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	moves := 0
	wg.Go(func() {
		for ctx.Err() == nil {
			if b := leaderOf(all); b != nil && b.m.node.TransferLeadership(ctx, "") == nil {
				moves++
			}
			pause(ctx, 150*time.Millisecond)
		}
	})
	for i := range 120 {
		name := fmt.Sprint("w", i)
		reg, err := clients[i%3].RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: name, Address: name + ":1"})
		if err != nil || !reg.GetResult() {
			t.Fatalf("registering %s: %v, %v", name, reg, err)
		}
		list, err := clients[(i+1)%3].ListMember(t.Context(), &pb.ListMemberRequest{Worker: true, Names: []string{name}})
		if err != nil || !list.GetResult() || len(list.GetMembers()[0].GetWorker().GetWorkers()) != 1 {
			t.Fatalf("%s was registered through one master; another shows %v, %v", name, list, err)
		}
	}
	stop()
	wg.Wait()
	if moves < 3 {
		t.Errorf("leadership moved only %d times", moves)
	}
}

// TestRollingRestartLosesNothing: while every master is restarted in turn, a
// client that tries another master when one is gone gets every answer, and
// nothing that was acknowledged is lost. A leader that stops hands over.
func TestRollingRestartLosesNothing(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	var addrs []pb.MasterClient
	for _, b := range all {
		addrs = append(addrs, b.client())
	}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var acked []string
	var slowest time.Duration
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			name := fmt.Sprint("w", i)
			began := time.Now()
			for try := 0; ; try++ {
				resp, err := addrs[(i+try)%3].RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: name, Address: name + ":1"})
				if err == nil && resp.GetResult() {
					acked = append(acked, name)
					break
				}
				if try == 3 {
					t.Errorf("%s was refused by every master: %v, %v", name, resp, err)
					return
				}
			}
			slowest = max(slowest, time.Since(began))
		}
	})
	for range 2 {
		for _, b := range all {
			led := b.m.node.IsLeader()
			before := b.cfg
			if err := b.end(); err != nil && !strings.Contains(err.Error(), context.Canceled.Error()) {
				t.Errorf("%s ended with %v", b.cfg.Name, err)
			}
			if led && leaderOf(all) == nil {
				t.Logf("%s led and has stopped; nobody leads yet", b.cfg.Name)
			}
			b.cfg = before
			b.start()
			until(t, b.cfg.Name+" is back", func() bool { return b.m.health(ctx) == nil && leaderOf(all) != nil })
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d requests, the slowest took %v", len(acked), slowest.Round(time.Millisecond))
	have := map[string]bool{}
	list, err := addrs[0].ListMember(t.Context(), &pb.ListMemberRequest{Worker: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range list.GetMembers()[0].GetWorker().GetWorkers() {
		have[w.GetName()] = true
	}
	for _, name := range acked {
		if !have[name] {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
}

// TestWithoutAMajorityTheErrorSaysSo: nobody leads, and the answer comes in time.
func TestWithoutAMajorityTheErrorSaysSo(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	all[1].kill()
	all[2].kill()
	began := time.Now()
	resp, err := all[0].client().QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
	if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=38043:") {
		t.Errorf("%v, %v", resp, err)
	}
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the answer took %v", took)
	}
}

// TestEviction: operate-leader concerns the contacted master only.
func TestEviction(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	old := leaderOf(all)
	resp, err := old.client().OperateLeader(t.Context(), &pb.OperateLeaderRequest{Op: pb.LeaderOp_EvictLeaderOp})
	if err != nil || !resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	until(t, "another master leads", func() bool { b := leaderOf(all); return b != nil && b != old })
	if !old.m.node.Evicted() {
		t.Error("the contacted master is not evicted")
	}
	if resp, err := old.client().OperateLeader(t.Context(), &pb.OperateLeaderRequest{Op: pb.LeaderOp_CancelEvictLeaderOp}); err != nil || !resp.GetResult() {
		t.Errorf("%v, %v", resp, err)
	}
	if old.m.node.Evicted() {
		t.Error("the eviction was not cancelled")
	}
	// Whoever leads has both in the change log, for dmctl history.
	want := []fsm.Note{{Action: "operate-leader evict", Member: old.cfg.Name}, {Action: "operate-leader cancel-evict", Member: old.cfg.Name}}
	if diff := cmp.Diff(want, notes(t, leaderOf(all))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if resp, err := old.client().OperateLeader(t.Context(), &pb.OperateLeaderRequest{}); err != nil || resp.GetResult() {
		t.Errorf("no operation: %v, %v", resp, err)
	}
}

// notes gives what the state of b has noted for the history.
func notes(t *testing.T, b *box) []fsm.Note {
	t.Helper()
	if b == nil {
		t.Fatal("nobody leads")
	}
	var out []fsm.Note
	err := b.m.store.View(func(v *fsm.View) error {
		v.ChangesBack(func(c fsm.Change) bool {
			if c.Note != nil {
				out = append(out, *c.Note)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(out)
	return out
}

// TestEvictionThatFails: of a leader that nobody can take over from, the history
// says that it was not evicted, and why.
func TestEvictionThatFails(t *testing.T) {
	t.Parallel()
	alone := founders(t, 1, nil)[0]
	resp, err := alone.client().OperateLeader(t.Context(), &pb.OperateLeaderRequest{Op: pb.LeaderOp_EvictLeaderOp})
	if err != nil || resp.GetResult() || alone.m.node.Evicted() {
		t.Fatalf("%v, %v", resp, err)
	}
	want := []fsm.Note{{Action: "operate-leader evict", Member: alone.cfg.Name, Refused: true, Msg: resp.GetMsg()}}
	if diff := cmp.Diff(want, notes(t, alone)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestMetricsOfAMaster: the families that dashboards ask for are there, and only
// the leader shows the workers.
func TestMetricsOfAMaster(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	leader := leaderOf(all)
	if resp, err := leader.client().RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: "w", Address: "w:1"}); err != nil || !resp.GetResult() {
		t.Fatalf("%v, %v", resp, err)
	}
	for _, b := range all {
		resp, err := http.Get("http://" + b.cfg.Addr + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"dm_master_cpu_usage ", `dm_master_worker_event_error{type="handle"} 0`,
			`dm_master_worker_event_error{type="watch"} 0`, "dm_master_start_leader_counter "} {
			if !strings.Contains(string(body), want) {
				t.Errorf("%s does not show %s", b.cfg.Name, want)
			}
		}
		if b == leader {
			comparesWithList(t, string(body))
		}
		if shows := strings.Contains(string(body), `dm_master_worker_state{worker="w"} 0`); shows != (b == leader) {
			t.Errorf("%s, the leader is %s, shows the worker's state: %v", b.cfg.Name, leader.cfg.Name, shows)
		}
	}
}
