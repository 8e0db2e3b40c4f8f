package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os/user"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

// connectWithin is how long dmctl looks for a master that can be reached.
const connectWithin = 3 * time.Second

// ask sends one request to the first master that can be reached; when that one
// is lost on the way, the others are asked the same under the same request id.
func ask[T proto.Message](cmd *cobra.Command, s *shared, call func(context.Context, pb.MasterClient) (T, error)) (T, error) {
	var none T
	addrs, timeout, err := s.settings(cmd)
	if err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "raftdm-request-id", rand.Text(), "raftdm-actor", actor())
	for {
		conn, left, err := reach(ctx, addrs)
		if cmd.Context().Err() != nil {
			return none, interrupted()
		}
		if err != nil {
			return none, err
		}
		resp, err := call(ctx, pb.NewMasterClient(conn))
		_ = conn.Close()
		switch {
		case err == nil:
			return resp, nil
		case cmd.Context().Err() != nil:
			return none, interrupted()
		case ctx.Err() != nil:
			return none, &fault.Error{Kind: fault.Unavailable, Code: 38008, Msg: fmt.Sprintf("the master did not answer within the rpc-timeout of %s", timeout),
				Hint: "look with query-status what became of the request"}
		}
		if addrs = left; status.Code(err) != codes.Unavailable || len(left) == 0 {
			return none, &fault.Error{Kind: fault.Unavailable, Code: 38008, Msg: "the master did not answer the request",
				Err: fmt.Errorf("%s", status.Convert(err).Message()), Hint: "look with query-status what became of it"}
		}
	}
}

// interrupted is the answer to Ctrl-C.
func interrupted() error {
	return fault.New(fault.Cancelled, "interrupted; what was asked for may be carried out nevertheless")
}

// reach connects to the first of the masters that lets it, and gives those
// after it. It goes round for a while, since a master may be restarting.
func reach(ctx context.Context, addrs []string) (*grpc.ClientConn, []string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	var seen lastError
	for {
		for i, addr := range addrs {
			conn, err := rpc.Dial(addr, grpc.WithContextDialer(seen.dial))
			if err != nil {
				return nil, nil, err
			}
			if ready(ctx, conn) {
				return conn, addrs[i+1:], nil
			}
			_ = conn.Close()
		}
		pause := time.NewTimer(100 * time.Millisecond)
		select {
		case <-pause.C:
			continue
		case <-ctx.Done():
		}
		pause.Stop()
		return nil, nil, &fault.Error{Kind: fault.Unavailable, Code: 48001,
			Msg: "can't connect to " + strings.Join(addrs, ","), Err: seen.cause(ctx), Hint: "Please check your network connection."}
	}
}

// ready waits until a connection is up or has failed once.
func ready(ctx context.Context, conn *grpc.ClientConn) bool {
	conn.Connect()
	for {
		switch state := conn.GetState(); state {
		case connectivity.Ready:
			return true
		case connectivity.TransientFailure, connectivity.Shutdown:
			return false
		default:
			if !conn.WaitForStateChange(ctx, state) {
				return false
			}
		}
	}
}

// lastError remembers why the last connection failed.
type lastError struct {
	mu  sync.Mutex
	err error // guarded by mu
}

func (l *lastError) dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		l.err = err
	}
	return c, err
}

func (l *lastError) cause(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		return ctx.Err()
	}
	return fmt.Errorf("%v (%v)", ctx.Err(), l.err)
}

// actor says who runs dmctl, for the cluster's audit trail.
func actor() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "dmctl " + u.Username
	}
	return "dmctl"
}
