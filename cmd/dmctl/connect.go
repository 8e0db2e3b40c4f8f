package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/rpc"
)

const (
	// connectWithin is how long dmctl looks for a master that can be reached, and
	// eachWithin how long one of several gets: it may accept and never speak.
	connectWithin, eachWithin = 3 * time.Second, time.Second
)

// reach connects to the first of the masters that lets it. It goes round for a
// while, since a master may be restarting.
func reach(ctx context.Context, set *tlsconf.Set, addrs []string) (*grpc.ClientConn, string, error) {
	ctx, cancel := context.WithTimeout(ctx, max(connectWithin, time.Duration(len(addrs)+1)*eachWithin))
	defer cancel()
	var seen lastError
	for {
		for _, addr := range addrs {
			conn, err := rpc.Dial(addr, grpc.WithContextDialer(seen.dial), rpc.WithTLS(set, seen.note))
			if err != nil {
				return nil, "", err
			}
			if ready(ctx, conn, len(addrs) == 1) {
				return conn, addr, nil
			}
			_ = conn.Close()
		}
		if told := seen.told(); told != nil && told.Kind == fault.Conflict {
			return nil, "", seen.unreachable(ctx, addrs) // a certificate does not get better by waiting
		}
		pause := time.NewTimer(repeatAfter)
		select {
		case <-pause.C:
			continue
		case <-ctx.Done():
		}
		pause.Stop()
		return nil, "", seen.unreachable(ctx, addrs)
	}
}

// ready waits until a connection is up or has failed once. The only master there
// is may take its time.
func ready(ctx context.Context, conn *grpc.ClientConn, only bool) bool {
	if !only {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, eachWithin)
		defer cancel()
	}
	return rpc.Ready(ctx, conn)
}

// lastError remembers why the last connection failed.
type lastError struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (l *lastError) dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil && ctx.Err() == nil {
		l.note(err)
	}
	return c, err
}

// note remembers an error. What is wrong with TLS counts most: no other master
// will be reached either, and the network is not to blame.
func (l *lastError) note(err error) {
	var told *fault.Error
	l.mu.Lock()
	defer l.mu.Unlock()
	if !errors.As(l.err, &told) || errors.As(err, &told) {
		l.err = err
	}
}

// told is what is wrong with TLS, nil when that is not known to be the reason.
func (l *lastError) told() *fault.Error {
	var told *fault.Error
	l.mu.Lock()
	defer l.mu.Unlock()
	errors.As(l.err, &told)
	return told
}

// unreachable is the error when no master could be reached.
func (l *lastError) unreachable(ctx context.Context, addrs []string) error {
	f := &fault.Error{Kind: fault.Unavailable, Code: 48001, Msg: "can't connect to " + strings.Join(addrs, ","), Hint: "Please check your network connection."}
	if told := l.told(); told != nil {
		f.Err, f.Hint = told, told.Hint
		return f
	}
	f.Err = l.cause(ctx)
	return f
}

func (l *lastError) cause(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%v (%v)", ctx.Err(), l.err)
}
