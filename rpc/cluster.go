package rpc

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

// clusterID gives the id of the cluster that this master belongs to, "" while
// it does not know.
func (m *Master) clusterID() string {
	m.mu.Lock()
	id := m.cluster
	m.mu.Unlock()
	if id != "" {
		return id // it never changes
	}
	if err := m.cfg.Reader.View(func(v *fsm.View) error { id = v.ClusterID(); return nil }); err != nil {
		return "" // whoever needs the state meets the error
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cluster = id
	return id
}

// checkCluster refuses a call that is meant for another cluster, which happens
// when an address was given to another machine or a cluster was set up anew.
func (m *Master) checkCluster(ctx context.Context) error {
	want, have := header(ctx, headerCluster), m.clusterID()
	if want == "" || have == "" || want == have {
		return nil
	}
	return &fault.Error{Kind: fault.Conflict, Msg: fmt.Sprintf("the call is meant for cluster %s; master %s belongs to cluster %s", want, m.cfg.Name, have),
		Hint: "correct the addresses of the masters in the caller's configuration"}
}

func (m *Master) oneCluster(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if err := m.checkCluster(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (m *Master) oneClusterStream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if err := m.checkCluster(ss.Context()); err != nil {
		return statusError(err)
	}
	return next(srv, ss)
}

// WithCluster makes a call that only a master of this cluster answers; nothing
// is checked when id is empty.
func WithCluster(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, headerCluster, id)
}
