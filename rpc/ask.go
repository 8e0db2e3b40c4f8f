package rpc

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// AskMasters asks masters at client addresses one thing, each in turn and for a
// bounded time, until one answers. A refusal is an answer. When all addresses
// were tried in vain the error is of kind Unavailable and says of each why;
// clusterID, if known, is the cluster that is meant.
func AskMasters(ctx context.Context, addrs []string, clusterID string, each time.Duration,
	ask func(context.Context, clusterpb.MembersClient) error, opts ...grpc.DialOption) error {
	var failed []error
	for _, addr := range addrs {
		err := askOne(ctx, addr, clusterID, each, ask, opts)
		if err == nil {
			return nil
		}
		if refused := refusalOf(err); refused != nil {
			return fault.Wrap("ask the master at "+addr, refused)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failed = append(failed, fault.Wrap(addr, plain(err)))
	}
	return &fault.Error{Kind: fault.Unavailable, Msg: "no master answers", Err: errors.Join(failed...),
		Hint: "start the masters, or correct their addresses"}
}

func askOne(ctx context.Context, addr, clusterID string, each time.Duration, ask func(context.Context, clusterpb.MembersClient) error, opts []grpc.DialOption) error {
	conn, err := Dial(addr, append([]grpc.DialOption{connectWithin(reachIn)}, opts...)...)
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(WithCluster(ctx, clusterID), each)
	defer cancel()
	return ask(ctx, clusterpb.NewMembersClient(conn))
}

// refusalOf gives the refusal that a status stands for, nil when it only says
// that nobody could answer.
func refusalOf(err error) error {
	kind := map[codes.Code]fault.Kind{codes.InvalidArgument: fault.Invalid, codes.NotFound: fault.NotFound, codes.AlreadyExists: fault.Exists,
		codes.FailedPrecondition: fault.Conflict, codes.Unimplemented: fault.Unsupported}
	k, ok := kind[grpcstatus.Code(err)]
	if !ok {
		return nil
	}
	text, hint := words(plain(err).Error())
	return &fault.Error{Kind: k, Msg: text, Hint: hint}
}
