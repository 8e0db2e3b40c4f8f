package rpc

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/internal/fault"
)

// forward passes DM's requests on to the leader when this master does not
// lead: once, so that two masters that each believe in the other cannot play
// ball. Requests about the contacted master itself are never forwarded.
func (m *Master) forward(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !strings.HasPrefix(info.FullMethod, "/pb.Master/") || aboutItself(info.FullMethod) {
		return next(ctx, req)
	}
	name, addr := m.awaitLeader(ctx)
	switch {
	case m.cfg.Cluster.IsLeader():
		return next(ctx, req)
	case name == "" || name == m.cfg.Name:
		return nil, notLeader("no master leads at the moment", "try again; if it stays so, the log of dm-master says why: its disk is full or broken, or too few masters run")
	case addr == "":
		return nil, notLeader("master "+m.cfg.Name+" does not lead; the leader is "+name, "send the request to "+name)
	case header(ctx, headerForwarded) != "":
		return nil, notLeader("master "+m.cfg.Name+" does not lead; the leader is "+name+" at "+addr, "send the request to "+addr)
	}
	reply := newReply(info.FullMethod)
	if reply == nil {
		return nil, grpcstatus.Error(codes.Unimplemented, "unknown method "+info.FullMethod)
	}
	conn, err := Dial(addr)
	if err != nil {
		return nil, notLeader("the leader "+name+" cannot be reached at "+addr, "check the network between the masters")
	}
	defer conn.Close()
	meta := m.meta(ctx, "")
	out := metadata.Pairs(headerForwarded, m.cfg.Name, headerClientAddr, meta.Addr, headerActor, meta.Actor)
	if id := header(ctx, headerRequestID); id != "" {
		out.Set(headerRequestID, id)
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		out.Set(headerFiles, md.Get(headerFiles)...)
	}
	if err := conn.Invoke(metadata.NewOutgoingContext(ctx, out), info.FullMethod, req, reply); err != nil {
		return nil, &fault.Error{Op: "forward to the leader " + name + " at " + addr, Kind: fault.Unavailable,
			Code: codeNoLeader, Err: plain(err), Hint: "try again, or send the request to another master"}
	}
	return reply, nil
}

// How long a request waits for an election, and how often it looks. A master
// that has just been started leads within a second; an operator need not see it.
const (
	electWithin = 3 * time.Second
	electLook   = 20 * time.Millisecond
)

// awaitLeader gives the leader, waiting for an election that is under way.
func (m *Master) awaitLeader(ctx context.Context) (name, addr string) {
	ctx, cancel := context.WithTimeout(ctx, electWithin)
	defer cancel()
	look := time.NewTicker(electLook)
	defer look.Stop()
	for {
		name, addr = m.cfg.Cluster.Leader()
		if m.cfg.Cluster.IsLeader() || (name != "" && name != m.cfg.Name) {
			return name, addr
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return name, addr
		}
	}
}

// aboutItself tells which requests concern the contacted master only.
func aboutItself(fullMethod string) bool {
	return fullMethod == "/pb.Master/OperateLeader" || fullMethod == "/pb.Master/GetMasterCfg"
}

func notLeader(msg, hint string) error {
	return &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Msg: msg, Hint: hint}
}
