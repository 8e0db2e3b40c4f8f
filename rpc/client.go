package rpc

import (
	"context"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"
)

// dialIn bounds one attempt to connect.
const dialIn = 3 * time.Second

// Dial gives a connection to a master or worker at host:port. It connects when
// first used, and is plain unless WithTLS says otherwise. Proxy variables of the environment are not obeyed: everything
// raftdm speaks to by gRPC is inside the cluster.
func Dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	all := append([]grpc.DialOption{
		WithTLS(nil, nil),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		connectWithin(dialIn),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second}),
	}, opts...)
	return grpc.NewClient("passthrough:///"+addr, all...)
}

// connectWithin bounds one attempt to connect.
func connectWithin(d time.Duration) grpc.DialOption {
	return grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: d,
		Backoff: backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: 3 * time.Second}})
}

// Ready connects and waits until the connection is up (true), or has failed
// once or ctx has ended.
func Ready(ctx context.Context, conn *grpc.ClientConn) bool {
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
