package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/scheduler"
)

// box is one dm-master of a test, as a program: it may be started, stopped and
// killed in turn.
type box struct {
	t   *testing.T
	cfg config.MasterConfig
	// wrap may stand in front of the node's proposals.
	wrap func(*box, scheduler.Proposer) scheduler.Proposer
	key  config.SecretKey

	m    *master
	stop context.CancelFunc
	endC chan error // what the program ended with, once
}

// newBox gives a master that is not started; it founds nothing and joins nobody.
func newBox(t *testing.T, name string) *box {
	t.Helper()
	b := &box{t: t, cfg: config.MasterConfig{Name: name, Addr: freeAddr(t), PeerAddr: freeAddr(t), DataDir: filepath.Join(t.TempDir(), name)}}
	b.cfg.AdvertiseAddr, b.cfg.AdvertisePeer = b.cfg.Addr, b.cfg.PeerAddr
	t.Cleanup(func() { b.end() })
	return b
}

// freeAddr gives an address at which this test can listen later.
func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := testbed.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// start runs the program; what it ends with is sent on endC.
func (b *box) start() {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	lis, err := net.Listen("tcp", b.cfg.Addr)
	if err != nil {
		cancel()
		b.t.Fatal(err)
	}
	b.m = &master{cfg: b.cfg, log: slog.New(slog.DiscardHandler), own: b.cfg.Addr, key: b.key}
	if testing.Verbose() {
		b.m.log = slog.New(slog.NewTextHandler(b.t.Output(), nil)).With("master", b.cfg.Name)
	}
	b.stop, b.endC = cancel, make(chan error, 1)
	if err := b.m.open(ctx); err != nil {
		cancel()
		_ = lis.Close()
		b.endC <- err
		return
	}
	if b.wrap != nil {
		b.m.proposer = b.wrap(b, b.m.proposer)
	}
	go func() {
		err := b.m.serve(ctx, lis)
		b.endC <- errors.Join(err, b.m.close())
	}()
}

// end stops the program as SIGTERM does, if it runs.
func (b *box) end() error {
	if b.stop == nil {
		return nil
	}
	b.stop()
	b.stop = nil
	return <-b.endC
}

// kill ends the program without giving it the time to hand anything over.
func (b *box) kill() {
	if err := b.m.node.Close(); err != nil {
		b.t.Error(err)
	}
	<-b.endC
	b.stop()
	b.stop = nil
}

// ended waits for a program to end by itself.
func (b *box) ended(within time.Duration) error {
	b.t.Helper()
	select {
	case err := <-b.endC:
		b.stop()
		b.stop = nil
		return err
	case <-time.After(within):
		b.t.Fatalf("%s still runs after %v", b.cfg.Name, within)
		return nil
	}
}

// dial connects to a master's port for clients.
func (b *box) dial() *grpc.ClientConn {
	b.t.Helper()
	conn, err := rpc.Dial(b.cfg.Addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (b *box) client() pb.MasterClient          { return pb.NewMasterClient(b.dial()) }
func (b *box) members() clusterpb.MembersClient { return clusterpb.NewMembersClient(b.dial()) }

// founders starts n masters that found a cluster, and waits until each knows
// where all of them are.
func founders(t *testing.T, n int, each func(*box)) []*box {
	t.Helper()
	var all []*box
	var list []config.Member
	for i := range n {
		b := newBox(t, fmt.Sprint("m", i+1))
		all = append(all, b)
		list = append(list, config.Member{Name: b.cfg.Name, Peer: b.cfg.PeerAddr})
	}
	for _, b := range all {
		b.cfg.InitialCluster = list
		if each != nil {
			each(b)
		}
		b.start()
	}
	for _, b := range all {
		until(t, "the masters know each other", func() bool { return b.knows(n) && leaderOf(all) != nil })
	}
	return all
}

// knows tells whether a master's own state has the records of n masters.
func (b *box) knows(n int) bool {
	count := 0
	err := b.m.store.View(func(v *fsm.View) error { count = len(v.Members()); return nil })
	return err == nil && count == n
}

// leaderOf gives the one that leads, nil when there is none now.
func leaderOf(all []*box) *box {
	for _, b := range all {
		if b.stop != nil && b.m.node != nil && b.m.node.IsLeader() {
			return b
		}
	}
	return nil
}

// until waits for a state of affairs.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s it is still not so that %s", what)
		}
		<-look.C
	}
}

// masters gives list-member's masters by name, as b tells.
func (b *box) masters() map[string]*pb.MasterInfo {
	b.t.Helper()
	resp, err := b.client().ListMember(b.t.Context(), &pb.ListMemberRequest{Master: true})
	if err != nil || !resp.GetResult() {
		b.t.Fatalf("%v, %v", resp, err)
	}
	out := map[string]*pb.MasterInfo{}
	for _, x := range resp.GetMembers()[0].GetMaster().GetMasters() {
		out[x.GetName()] = x
	}
	return out
}

// voters gives how many masters vote, as b sees it.
func (b *box) voters() int {
	list, err := b.m.node.Members()
	if err != nil {
		b.t.Fatal(err)
	}
	n := 0
	for _, x := range list {
		if x.Voter {
			n++
		}
	}
	return n
}
