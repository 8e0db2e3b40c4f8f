package main

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

// dialWithin bounds a probe: a machine that is there refuses within a round trip.
const dialWithin = 500 * time.Millisecond

// tcpProber tells dead workers by their port.
type tcpProber struct{}

// Dead opens a connection and closes it. Only a refusal counts: a time-out may
// be the network's, and a name that is not found the name server's.
func (tcpProber) Dead(ctx context.Context, addr string) bool {
	d := net.Dialer{Timeout: dialWithin}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = conn.Close() // nothing was said on it
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
