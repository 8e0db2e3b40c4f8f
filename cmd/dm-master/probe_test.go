package main

import (
	"context"
	"net"
	"testing"
)

func TestOnlyARefusalProvesAProcessDead(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	// Nobody accepts: a stopped process looks like this.
	if (tcpProber{}).Dead(t.Context(), addr) {
		t.Error("dead although the port is open")
	}
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	if !(tcpProber{}).Dead(t.Context(), addr) {
		t.Error("not dead although the port refuses")
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	for _, unknown := range []string{"no-such-host.invalid:8262", "no port"} {
		if (tcpProber{}).Dead(t.Context(), unknown) {
			t.Errorf("dead although nothing is known of %s", unknown)
		}
	}
	if (tcpProber{}).Dead(cut, addr) {
		t.Error("dead although the probe was given up")
	}
}
