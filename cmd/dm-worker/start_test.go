package main

import (
	"net"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/rpc"
)

// TestTheAddressIsTaken: a worker whose port another process has ends with DM's
// number for that (40048), and says nothing to the masters.
func TestTheAddressIsTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	addr := other.Addr().String()
	err = run(t.Context(), config.WorkerConfig{Name: "w1", Addr: addr, AdvertiseAddr: addr, Join: []string{addr}, Log: config.Log{Level: config.LevelFatal, Format: "text"}})
	if err == nil {
		t.Fatal("it has run")
	}
	if got := rpc.Render(err); got.Code != 40048 || got.Class != "dm-worker" || got.Scope != "internal" || got.Advice == "" || got.RawCause == "" {
		t.Errorf("%+v", got)
	}
}
