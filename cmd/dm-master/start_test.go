package main

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/rpc"
)

// TestTheAddressIsTaken: a master whose port another process has ends with DM's
// number for that (38017), and has founded nothing.
func TestTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr, peer, dir := other.Addr().String(), freeAddr(t), filepath.Join(t.TempDir(), "m1")
	err = run(t.Context(), config.MasterConfig{Name: "m1", Addr: addr, AdvertiseAddr: addr, PeerAddr: peer, AdvertisePeer: peer, DataDir: dir,
		Log: config.Log{Level: config.LevelFatal, Format: "text"}, InitialCluster: []config.Member{{Name: "m1", Peer: peer}}})
	if err == nil {
		t.Fatal("it has run")
	}
	if got := rpc.Render(err); got.Code != 38017 || got.Class != "dm-master" || got.Scope != "internal" || got.Advice == "" || got.RawCause == "" {
		t.Errorf("%+v", got)
	}
	if left, err := filepath.Glob(dir + "/*"); err != nil || len(left) > 0 {
		t.Errorf("in its data-dir: %v, %v", left, err)
	}
}
