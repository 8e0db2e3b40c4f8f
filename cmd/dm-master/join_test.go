package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// joiner gives a master that joins through others.
func joiner(t *testing.T, name string, through ...*box) *box {
	t.Helper()
	b := newBox(t, name)
	for _, x := range through {
		b.cfg.Join = append(b.cfg.Join, x.cfg.Addr)
	}
	return b
}

func offline(t *testing.T, asked *box, name string) {
	t.Helper()
	resp, err := asked.client().OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "master", Name: name})
	if err != nil || !resp.GetResult() {
		t.Fatalf("offline-member %s: %v, %v", name, resp, err)
	}
}

// refused checks that a program ended with one clear error.
func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil || fault.HintOf(err) == "" {
		t.Fatalf("the program ended with %v (hint: %q)", err, fault.HintOf(err))
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q does not name %q", err, w)
		}
	}
}

// TestJoinLeaveAndJoinAgain: a master joins, votes once it has caught up, is
// removed and says so, and joins again with an empty directory, but not with
// the old one.
func TestJoinLeaveAndJoinAgain(t *testing.T) {
	t.Parallel()
	all := founders(t, 1, nil)
	m1 := all[0]
	for range 3 {
		m1.client().RegisterWorker(t.Context(), &pb.RegisterWorkerRequest{Name: "w", Address: "w:1"})
	}
	gone := newBox(t, "gone") // never started: it is asked first and does not answer
	m2 := joiner(t, "m2", gone, m1)
	m2.start()
	until(t, "m2 votes", func() bool { return m1.voters() == 2 })
	m3 := joiner(t, "m3", m2)
	m3.start()
	until(t, "m3 votes and knows everybody", func() bool { return m1.voters() == 3 && m3.knows(3) })
	if got := m3.masters(); len(got) != 3 || !got["m3"].GetAlive() || got["m2"].GetClientURLs()[0] != "http://"+m2.cfg.Addr {
		t.Errorf("m3 shows %v", got)
	}
	// A restart of a member that joined is an ordinary restart.
	if err := m3.end(); err == nil {
		t.Error("a stopped program gave no reason")
	}
	m3.start()
	until(t, "m3 is back", func() bool { return m3.m.health(t.Context()) == nil })

	offline(t, m2, "m3")
	refused(t, m3.ended(15*time.Second), "m3", "removed from the cluster")
	until(t, "its record is gone", func() bool { return m1.knows(2) && m2.knows(2) && m1.voters() == 2 })
	m3.start()
	refused(t, m3.ended(15*time.Second), "m3", "removed from the cluster")
	if err := os.RemoveAll(m3.cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	m3.start()
	until(t, "m3 votes again", func() bool { return m1.voters() == 3 && m3.knows(3) })

	resp, err := m2.client().OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "master", Name: "m9"})
	if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=38048:") {
		t.Errorf("removing an unknown master: %v, %v", resp, err)
	}
	resp, err = m2.client().OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "tracer", Name: "m2"})
	if err != nil || resp.GetResult() || !strings.HasPrefix(resp.GetMsg(), "[code=38049:") {
		t.Errorf("removing a tracer: %v, %v", resp, err)
	}
}

// TestTheLeaderCanBeRemoved: it hands over first and the next leader removes it,
// whichever master was asked.
func TestTheLeaderCanBeRemoved(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{true, false} {
		all := founders(t, 3, nil)
		leader := leaderOf(all)
		asked := leader
		for _, b := range all {
			if !direct && b != leader {
				asked = b
			}
		}
		offline(t, asked, leader.cfg.Name)
		refused(t, leader.ended(15*time.Second), leader.cfg.Name, "removed from the cluster")
		until(t, "two masters remain", func() bool { b := leaderOf(all); return b != nil && b.voters() == 2 })
	}
}

// TestRemovalThatWouldStopTheClusterIsRefused: with one of three down, removing
// another one that is up would leave a majority of none.
func TestRemovalThatWouldStopTheClusterIsRefused(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	leader := leaderOf(all)
	var others []*box
	for _, b := range all {
		if b != leader {
			others = append(others, b)
		}
	}
	others[0].kill()
	resp, err := leader.client().OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "master", Name: others[1].cfg.Name})
	if err != nil || resp.GetResult() || !strings.Contains(resp.GetMsg(), "stand still") || !strings.Contains(resp.GetMsg(), others[0].cfg.Name) {
		t.Errorf("%v, %v", resp, err)
	}
	offline(t, leader, others[0].cfg.Name) // the one that is down can go
	if n := leader.voters(); n != 2 {
		t.Errorf("%d masters vote", n)
	}
	one := founders(t, 1, nil)[0]
	resp, err = one.client().OfflineMember(t.Context(), &pb.OfflineMemberRequest{Type: "master", Name: "m1"})
	if err != nil || resp.GetResult() || !strings.Contains(resp.GetMsg(), "only") {
		t.Errorf("the only master was removed: %v, %v", resp, err)
	}
}

// TestJoiningWrongly: every mistake is one clear error and changes nothing.
func TestJoiningWrongly(t *testing.T) {
	t.Parallel()
	all := founders(t, 3, nil)
	other := founders(t, 1, nil)[0]

	name := joiner(t, "m2", all[0])
	name.start()
	refused(t, name.ended(10*time.Second), "m2", "already")

	addr := joiner(t, "m4", all[1])
	addr.cfg.AdvertiseAddr = all[2].cfg.Addr
	addr.start()
	refused(t, addr.ended(10*time.Second), "m4", all[2].cfg.Addr, "m3")

	peer := joiner(t, "m5", all[1])
	peer.cfg.AdvertisePeer = all[0].cfg.PeerAddr
	peer.start()
	refused(t, peer.ended(10*time.Second), "m5", all[0].cfg.PeerAddr, "m1")

	alone := newBox(t, "m6")
	alone.start()
	refused(t, alone.ended(10*time.Second), "empty", "join")

	twice := joiner(t, "m7", other)
	twice.start()
	until(t, "m7 votes", func() bool { return other.voters() == 2 })
	if err := twice.end(); err == nil {
		t.Error("a stopped program gave no reason")
	}
	twice.cfg.Join = []string{all[0].cfg.Addr}
	twice.start()
	refused(t, twice.ended(10*time.Second), all[0].m.clusterID(), other.m.clusterID())

	if n := all[0].voters(); n != 3 || !all[0].knows(3) {
		t.Errorf("after all that the cluster has %d voters", n)
	}
}

// TestAnotherDirectoryIsAnotherMember: a member that comes back under its name
// with another data directory gets no vote and is told why (it might vote twice).
func TestAnotherDirectoryIsAnotherMember(t *testing.T) {
	t.Parallel()
	m1 := founders(t, 1, nil)[0]
	m2 := joiner(t, "m2", m1)
	m2.start()
	until(t, "m2 votes", func() bool { return m1.voters() == 2 })
	_, err := m1.members().Join(t.Context(), &clusterpb.JoinRequest{Name: "m2", PeerAddr: m2.cfg.PeerAddr, ClientAddr: m2.cfg.Addr, Instance: "another"})
	if grpcstatus.Code(err) != codes.AlreadyExists {
		t.Errorf("joining with another directory: %v", err)
	}
	_, err = m1.members().Promote(t.Context(), &clusterpb.PromoteRequest{Name: "m2", Instance: "another"})
	if grpcstatus.Code(err) != codes.AlreadyExists {
		t.Errorf("asking for a vote with another directory: %v", err)
	}
	_, err = m1.members().Announce(t.Context(), &clusterpb.AnnounceRequest{Name: "m2", PeerAddr: m2.cfg.PeerAddr, ClientAddr: m2.cfg.Addr, Instance: "another"})
	if grpcstatus.Code(err) != codes.AlreadyExists {
		t.Errorf("announcing with another directory: %v", err)
	}
	// The same request again, as after a lost answer, is the same member.
	resp, err := m1.members().Join(t.Context(), &clusterpb.JoinRequest{Name: "m2", PeerAddr: m2.cfg.PeerAddr, ClientAddr: m2.cfg.Addr, Instance: m2.m.node.Instance()})
	if err != nil || resp.GetClusterId() != m1.m.clusterID() {
		t.Errorf("joining again with the same directory: %v, %v", resp, err)
	}
}

// TestNoVoteBeforeCatchingUp: a member that lacks much of the log is told how
// much, and stays without a vote.
func TestNoVoteBeforeCatchingUp(t *testing.T) {
	t.Parallel()
	m1 := founders(t, 1, nil)[0]
	for i := range 100 {
		if _, err := m1.m.node.Propose(t.Context(), fsm.Meta{}, fsm.RegisterWorker{Name: fsm.WorkerName("w" + string(rune('a'+i%26))), Addr: "w:1"}); err != nil {
			t.Fatal(err)
		}
	}
	peer := freeAddr(t) // nobody listens there
	if _, err := m1.members().Join(t.Context(), &clusterpb.JoinRequest{Name: "m2", PeerAddr: peer, ClientAddr: freeAddr(t), Instance: "i"}); err != nil {
		t.Fatal(err)
	}
	resp, err := m1.members().Promote(t.Context(), &clusterpb.PromoteRequest{Name: "m2", Instance: "i", Applied: 3})
	if err != nil || resp.GetVoter() || resp.GetCommit() < 100 || m1.voters() != 1 {
		t.Errorf("%v, %v; %d voters", resp, err, m1.voters())
	}
}

// TestCallsForAnotherClusterAreRefused: over real sockets, on every service.
func TestCallsForAnotherClusterAreRefused(t *testing.T) {
	t.Parallel()
	a, b := founders(t, 1, nil)[0], founders(t, 1, nil)[0]
	if a.m.clusterID() == b.m.clusterID() {
		t.Fatal("two clusters have one id")
	}
	ctx := rpc.WithCluster(t.Context(), a.m.clusterID())
	_, err := b.members().Ping(ctx, &clusterpb.PingRequest{})
	if grpcstatus.Code(err) != codes.FailedPrecondition {
		t.Errorf("%v", err)
	}
	resp, err := b.client().RegisterWorker(ctx, &pb.RegisterWorkerRequest{Name: "w", Address: "w:1"})
	if err != nil || resp.GetResult() || !strings.Contains(resp.GetMsg(), a.m.clusterID()) || !strings.Contains(resp.GetMsg(), b.m.clusterID()) {
		t.Errorf("%v, %v", resp, err)
	}
}
