package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// names tells whether a text has every word.
func names(text string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// reader follows a stream of changes and checks that it has no hole.
type reader struct {
	stream clusterpb.Changes_SubscribeClient
	at     uint64
	// known are the records as the changes tell them.
	known     map[string]string
	snapshots int
}

// serve runs a master without a scheduler: the only changes are the test's.
func serve(t *testing.T, s *rpctest.State, o rpctest.Options) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.ClientURL = "http://" + lis.Addr().String()
	run(t, context.Background(), "master", func(ctx context.Context) error { return rpctest.New(s, o).Run(ctx, lis) })
	return lis.Addr().String()
}

func subscribe(t testing.TB, addr string, from uint64) *reader {
	t.Helper()
	conn, err := rpc.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); _ = conn.Close() })
	stream, err := clusterpb.NewChangesClient(conn).Subscribe(ctx, &clusterpb.SubscribeRequest{From: from})
	if err != nil {
		t.Fatal(err)
	}
	return &reader{stream: stream, at: from, known: map[string]string{}}
}

// next takes one batch.
func (r *reader) next() error {
	b, err := r.stream.Recv()
	if err != nil {
		return err
	}
	switch {
	case b.GetSnapshot():
		r.known = map[string]string{}
		r.snapshots++
	case b.GetFrom() != r.at:
		return fmt.Errorf("a batch continues index %d and not %d", b.GetFrom(), r.at)
	}
	last := b.GetFrom()
	for _, ch := range b.GetChanges() {
		if ch.GetIndex() <= last || ch.GetIndex() > b.GetTo() {
			return fmt.Errorf("change %d in a batch from %d to %d, after %d", ch.GetIndex(), b.GetFrom(), b.GetTo(), last)
		}
		last = ch.GetIndex()
		for _, t := range ch.GetTouched() {
			key := fmt.Sprint(t.GetNoun(), "/", t.GetTask(), "/", t.GetMember(), "/", t.GetSource())
			if t.GetNoun() == "worker" {
				key += "/" + t.GetWorker()
			}
			if t.GetDeleted() {
				delete(r.known, key)
			} else {
				r.known[key] = fmt.Sprint(t.GetStage(), t.GetEpoch(), t.GetSession(), t.GetWorker())
			}
		}
	}
	r.at = b.GetTo()
	return nil
}

// reach reads until the reader knows everything up to an index.
func (r *reader) reach(t testing.TB, index fsm.Index) {
	t.Helper()
	for r.at < uint64(index) {
		if err := r.next(); err != nil {
			t.Fatal(err)
		}
	}
}

// fill makes changes of every noun and gives the index of the last.
func fill(t testing.TB, s *rpctest.State, name string) fsm.Index {
	t.Helper()
	source, worker, task := fsm.SourceID("source-"+name), fsm.WorkerName("worker-"+name), fsm.TaskName("task-"+name)
	s.Must(t, fsm.PutMember{Name: fsm.MasterName("m-" + name), Peer: "peer-" + name, Client: "client-" + name, Instance: name})
	s.Must(t, fsm.RegisterWorker{Name: worker, Addr: "w:" + name})
	s.Must(t, fsm.OpenSession{Worker: worker, TTLSeconds: 60})
	s.Must(t, fsm.PutSource{ID: source, Config: "secret"})
	s.Must(t, fsm.BindSource{Source: source, Worker: worker})
	s.Must(t, fsm.StartTask{Name: task, Sources: map[fsm.SourceID]string{source: "secret"}})
	s.Must(t, fsm.PutSubtask{Task: task, Source: source})
	s.Must(t, fsm.HoldLoadFiles{Task: task, Source: source, Worker: worker})
	return s.Must(t, fsm.SetStage{Task: task, Stage: status.StagePaused}).Index
}

func sameKnowledge(t testing.TB, a, b *reader) {
	t.Helper()
	if diff := cmp.Diff(a.known, b.known); diff != "" || len(a.known) == 0 {
		t.Errorf("two readers at %d and %d know different things:\n%s", a.at, b.at, diff)
	}
}

// TestChangesAndSnapshotTellTheSame: who heard every change knows what who
// began with a snapshot knows.
func TestChangesAndSnapshotTellTheSame(t *testing.T) {
	s := rpctest.Open(t)
	addr := serve(t, s, rpctest.Options{})
	early := subscribe(t, addr, 0)
	fill(t, s, "a")
	s.Must(t, fsm.StopTask{Name: "task-a"})
	last := fill(t, s, "b")
	early.reach(t, last)
	late := subscribe(t, addr, 0)
	late.reach(t, last)
	if early.snapshots != 1 || late.snapshots != 1 {
		t.Errorf("%d and %d snapshots", early.snapshots, late.snapshots)
	}
	sameKnowledge(t, early, late)
}

// TestChangesResumeAnywhere: an index means the same after a restart and at
// another master, which needs no leader and waits until it knows as much.
func TestChangesResumeAnywhere(t *testing.T) {
	s := rpctest.Open(t)
	other := s.Mirror(t)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	endC := make(chan error, 1)
	go func() { endC <- rpctest.New(s, rpctest.Options{ClientURL: "http://m"}).Run(ctx, lis) }()
	first := subscribe(t, lis.Addr().String(), 0)
	first.reach(t, fill(t, s, "a"))
	stop()
	if err := <-endC; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := first.next(); err == nil {
		t.Error("the stream outlived its master")
	}
	last := fill(t, s, "b")
	for name, state := range map[string]*rpctest.State{"the same master, restarted": s, "another master, with no leader": other} {
		again := subscribe(t, serve(t, state, rpctest.Options{LeaderName: "none"}), first.at)
		for k, v := range first.known {
			again.known[k] = v
		}
		again.reach(t, last)
		if again.snapshots != 0 {
			t.Errorf("%s: a snapshot although nothing was trimmed", name)
		}
		whole := subscribe(t, serve(t, s, rpctest.Options{}), 0)
		whole.reach(t, last)
		sameKnowledge(t, again, whole)
	}
}

// workers gives commands that register workers with numbers in their names.
func workers(from, to int, format string) []fsm.Command {
	var out []fsm.Command
	for i := from; i < to; i++ {
		out = append(out, fsm.RegisterWorker{Name: fsm.WorkerName(fmt.Sprintf(format, i)), Addr: fmt.Sprintf(format, i) + ":1"})
	}
	return out
}

// TestChangesOfTheFutureAreWaitedFor: a reader that knows more than a master
// that lags behind is not thrown back.
func TestChangesOfTheFutureAreWaitedFor(t *testing.T) {
	s := rpctest.Open(t)
	behind := subscribe(t, serve(t, s, rpctest.Options{}), 100)
	last := fill(t, s, "a")
	if last >= 100 {
		t.Fatalf("the test expects the first changes to end before 100, not at %d", last)
	}
	behind.reach(t, s.MustAll(t, workers(0, 100, "w%d")...))
	if behind.snapshots != 0 {
		t.Error("a reader ahead of the master got an older snapshot")
	}
}

// TestChangesAfterAGapAreASnapshot: what was trimmed is never skipped silently.
func TestChangesAfterAGapAreASnapshot(t *testing.T) {
	s := rpctest.OpenLimits(t, fsm.Limits{Changes: 4, Requests: 10})
	addr := serve(t, s, rpctest.Options{})
	from := uint64(fill(t, s, "a"))
	s.MustAll(t, workers(0, 5000, "w%d")...) // far more than the feed keeps in memory
	last := fill(t, s, "b")
	r := subscribe(t, addr, from)
	r.reach(t, last)
	if r.snapshots != 1 {
		t.Errorf("%d snapshots after a gap", r.snapshots)
	}
	whole := subscribe(t, addr, 0)
	whole.reach(t, last)
	sameKnowledge(t, r, whole)
}

// TestSlowReaderHoldsUpNobody: a reader that stops reading falls behind alone;
// when it goes on, what it missed comes as a snapshot.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	s := rpctest.OpenLimits(t, fsm.Limits{Changes: 8, Requests: 10})
	addr := serve(t, s, rpctest.Options{})
	slow, brisk := subscribe(t, addr, 0), subscribe(t, addr, 0)
	if err := slow.next(); err != nil {
		t.Fatal(err)
	}
	var last fsm.Index
	// Far more than the windows of gRPC and the feed's memory hold.
	for i := range 60 {
		last = s.MustAll(t, workers(100*i, 100*i+100, "worker-with-a-name-as-long-as-it-gets-in-practice-%060d")...)
	}
	brisk.reach(t, last)
	before := slow.snapshots
	slow.reach(t, last)
	if slow.snapshots == before {
		t.Error("the slow reader was served every change: the test did not make it slow enough")
	}
	sameKnowledge(t, slow, brisk)
}

func TestManyReaders(t *testing.T) {
	const readers = 100
	s := rpctest.Open(t)
	addr := serve(t, s, rpctest.Options{})
	all := make([]*reader, readers)
	for i := range all {
		all[i] = subscribe(t, addr, 0)
	}
	for i := range 10 {
		s.MustAll(t, workers(5*i, 5*i+5, "w%d")...)
	}
	last := fill(t, s, "a")
	var wg sync.WaitGroup
	errs := make([]error, readers)
	for i, r := range all {
		wg.Go(func() {
			for r.at < uint64(last) && errs[i] == nil {
				errs[i] = r.next()
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Fatalf("reader %d: %v", i, err)
		}
		sameKnowledge(t, all[i], all[0])
	}
}

// TestOtherClustersAreRefused: a call that is meant for another cluster is
// answered by none of its services, and both ids are named.
func TestOtherClustersAreRefused(t *testing.T) {
	addr := serve(t, rpctest.Open(t), rpctest.Options{})
	conn, master := client(t, addr)
	ctx := rpc.WithCluster(t.Context(), "cluster-2")
	_, pingErr := clusterpb.NewMembersClient(conn).Ping(ctx, &clusterpb.PingRequest{})
	stream, err := clusterpb.NewChangesClient(conn).Subscribe(ctx, &clusterpb.SubscribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, streamErr := stream.Recv()
	for what, err := range map[string]error{"Ping": pingErr, "Subscribe": streamErr} {
		if st, _ := grpcstatus.FromError(err); st.Code() != codes.FailedPrecondition || !names(st.Message(), "cluster-1", "cluster-2") {
			t.Errorf("%s: %v", what, err)
		}
	}
	list, err := master.ListMember(ctx, &pb.ListMemberRequest{})
	if err != nil || list.GetResult() || !names(list.GetMsg(), "cluster-1", "cluster-2") {
		t.Errorf("ListMember: %v, %v", list, err)
	}
	own, err := clusterpb.NewMembersClient(conn).Ping(rpc.WithCluster(t.Context(), "cluster-1"), &clusterpb.PingRequest{})
	if err != nil || own.GetClusterId() != "cluster-1" || own.GetName() != "master-1" {
		t.Errorf("%v, %v", own, err)
	}
}
