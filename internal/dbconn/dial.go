package dbconn

import (
	"context"
	"net"
	"time"
)

// When a connection counts as dead because the other machine is silent: no sign
// of life while idle, or nothing acknowledged of what was sent. The kernel
// asks and answers, so a statement that takes hours is not affected.
const (
	aliveIdle  = 10 * time.Second
	aliveEvery = 5 * time.Second
	aliveTries = 3
	unheard    = aliveIdle + aliveEvery*aliveTries
)

// dial connects so that a peer that vanished without a word, its power or the
// network gone, is noticed within seconds and not after ioTimeout.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: dialTimeout, Control: limitUnacknowledged,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: aliveIdle, Interval: aliveEvery, Count: aliveTries}}
	return d.DialContext(ctx, network, addr)
}
