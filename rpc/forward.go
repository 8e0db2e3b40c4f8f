package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

const (
	// electWithin is how long a request waits for an election, and electLook how
	// often it looks: an operator need not see that masters change places.
	electWithin = 3 * time.Second
	electLook   = 20 * time.Millisecond
	// routeFor is for how long after its first failed attempt a request is sent
	// to leaders, which is longer when it may have been carried out: its client
	// would not know what to do. routePause lies between two attempts: a leader
	// that died is known as the leader until its silence was noticed.
	routeFor   = 3 * time.Second
	routeMaybe = 8 * time.Second
	routePause = 100 * time.Millisecond
	// deposedAfter is how long a leader that was replaced may still answer what
	// it was asked before; then the new one is asked, with the same request id.
	deposedAfter = 500 * time.Millisecond
)

// errMaybe marks an error of a request that may have been carried out.
var errMaybe = errors.New("it may or may not have been carried out")

// route brings a request to the leader: it is served here when this master
// leads, otherwise passed on, once, so that two masters that each believe in
// the other cannot play ball.
//
// A leadership that is lost meanwhile leaves the outcome unknown. Then the next
// leader is asked with the same request id, under which commands execute once;
// a request without one is given one here. What concerns the contacted master
// itself stays here.
func (m *Master) route(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !forLeader(info.FullMethod) {
		return next(ctx, req)
	}
	if header(ctx, headerForwarded) != "" {
		return m.serveForwarded(ctx, req, next)
	}
	ctx = withRequestID(ctx)
	maybe := false
	var failed time.Time
	for {
		resp, err := m.attempt(ctx, req, info, next)
		if !fault.Is(err, fault.NotLeader) && !errors.Is(err, errUnanswered) {
			return resp, err
		}
		maybe = maybe || (errors.Is(err, errMaybe) && changes(info.FullMethod))
		if failed.IsZero() {
			failed = time.Now()
		}
		patience := routeFor
		if maybe {
			patience = routeMaybe
		}
		if errors.Is(err, errNobodyLeads) || time.Since(failed) > patience || !pause(ctx, routePause) {
			return nil, givenUp(err, maybe)
		}
	}
}

// givenUp says what is known of a request that no leader answered.
func givenUp(err error, maybe bool) error {
	if !maybe {
		return err
	}
	return &fault.Error{Kind: fault.Unavailable, Code: codeGRPCRequest, Err: err,
		Msg:  "the masters did not confirm the request in time; it may or may not have been carried out",
		Hint: "look with query-status or list-member before repeating it"}
}

// pause waits; false when ctx ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errNobodyLeads ends a request: it has waited for an election already.
var errNobodyLeads = notLeader("no master leads at the moment",
	"try again; if it stays so, the log of dm-master says why: its disk is full or broken, or too few masters run")

// attempt tries once, waiting for a leader.
func (m *Master) attempt(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	name, addr := m.awaitLeader(ctx)
	switch {
	case m.cfg.Cluster.IsLeader():
		return next(ctx, req)
	case name == "" || name == m.cfg.Name:
		return nil, errNobodyLeads
	case addr == "":
		return nil, &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Err: errNobodyLeads, Hint: "send the request to " + name,
			Msg: "master " + m.cfg.Name + " does not lead; the leader is " + name + ", which has not told its address yet"}
	default:
		return m.passOn(ctx, name, addr, req, info.FullMethod)
	}
}

// serveForwarded serves what another master took this one to be the leader for.
func (m *Master) serveForwarded(ctx context.Context, req any, next grpc.UnaryHandler) (any, error) {
	name, addr := m.awaitLeader(ctx)
	if m.cfg.Cluster.IsLeader() {
		return next(ctx, req)
	}
	if name == "" || name == m.cfg.Name {
		return nil, errNobodyLeads
	}
	return nil, notLeader("master "+m.cfg.Name+" does not lead; the leader is "+name+" at "+addr, "send the request to "+addr)
}

// errUnanswered: the leader did not answer; what it did is not known.
var errUnanswered = errors.New("the leader did not answer")

// passOn forwards a request to the leader and gives its answer.
func (m *Master) passOn(ctx context.Context, name, addr string, req any, method string) (any, error) {
	reply := newReply(method)
	if reply == nil {
		return nil, grpcstatus.Error(codes.Unimplemented, "unknown method "+method)
	}
	conn, err := m.dial(addr)
	if err != nil {
		return nil, notLeader("the leader "+name+" cannot be reached at "+addr, "check the network between the masters")
	}
	defer conn.Close()
	if !connected(ctx, conn, reachIn) {
		return nil, notLeader("the leader "+name+" cannot be reached at "+addr, "check whether it runs, and the network between the masters")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go m.leaveDeposed(ctx, name, cancel)
	var trailer metadata.MD
	err = conn.Invoke(metadata.NewOutgoingContext(ctx, m.forwardHeaders(ctx)), method, req, reply, grpc.Trailer(&trailer))
	kind := trailer.Get(headerKind)
	switch {
	case len(kind) > 0 && kind[0] == fault.NotLeader.String():
		out := &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Msg: "master " + name + " does not lead any more", Hint: "try again"}
		if len(trailer.Get(headerMaybe)) > 0 {
			out.Err = errMaybe
		}
		return nil, out
	case err == nil:
		return reply, nil
	case len(kind) > 0 || !lost(err):
		return nil, err // the leader's own answer
	default:
		return nil, &fault.Error{Op: "forward to the leader " + name + " at " + addr, Kind: fault.Unavailable, Code: codeNoLeader,
			Err: errors.Join(plain(err), errUnanswered, errMaybe), Hint: "try again, or send the request to another master"}
	}
}

// connected is Ready within a time; what is asked on a connection that never was
// has certainly not been carried out.
func connected(ctx context.Context, conn *grpc.ClientConn, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return Ready(ctx, conn)
}

// lost tells whether gRPC rather than a handler failed a call.
func lost(err error) bool {
	switch grpcstatus.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Unknown, codes.Internal:
		return true
	default:
		return false
	}
}

// leaveDeposed cancels a call to a leader some time after another one was
// elected: the old one may hang, and so would everybody who waits for it.
func (m *Master) leaveDeposed(ctx context.Context, asked string, cancel func()) {
	look := time.NewTicker(electLook)
	defer look.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		name, _ := m.cfg.Cluster.Leader()
		switch {
		case name == asked || name == "":
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > deposedAfter:
			cancel()
			return
		}
	}
}

// forwardHeaders is what a forwarded request says about where it comes from.
func (m *Master) forwardHeaders(ctx context.Context) metadata.MD {
	meta := m.meta(ctx, "")
	out := metadata.Pairs(headerForwarded, m.cfg.Name, headerClientAddr, meta.Addr, headerActor, meta.Actor,
		headerRequestID, header(ctx, headerRequestID))
	if id := m.clusterID(); id != "" {
		out.Set(headerCluster, id)
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		out.Set(headerFiles, md.Get(headerFiles)...)
		out.Set(headerSecurity, md.Get(headerSecurity)...)
		out.Set(headerPlan, md.Get(headerPlan)...)
	}
	return out
}

// withRequestID gives a request an id of this master's making if its client did
// not: the repetitions that this master makes of it must not execute twice.
func withRequestID(ctx context.Context) context.Context {
	if header(ctx, headerRequestID) != "" {
		return ctx
	}
	md, _ := metadata.FromIncomingContext(ctx)
	md = md.Copy()
	if md == nil {
		md = metadata.MD{}
	}
	md.Set(headerRequestID, rand.Text())
	return metadata.NewIncomingContext(ctx, md)
}

// awaitLeader gives the leader, waiting for an election that is under way and
// for a new leader to tell its address.
func (m *Master) awaitLeader(ctx context.Context) (name, addr string) {
	ctx, cancel := context.WithTimeout(ctx, electWithin)
	defer cancel()
	look := time.NewTicker(electLook)
	defer look.Stop()
	for {
		name, addr = m.cfg.Cluster.Leader()
		if m.cfg.Cluster.IsLeader() || (name != "" && name != m.cfg.Name && addr != "") {
			return name, addr
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return name, addr
		}
	}
}

// forLeader tells which requests only the leader can answer.
func forLeader(fullMethod string) bool {
	switch fullMethod {
	case "/pb.Master/OperateLeader", "/pb.Master/GetMasterCfg", "/pb.Master/Encrypt":
		return false // the contacted master does them by itself
	case methodJoin, methodPromote, methodAnnounce:
		return true
	case clusterpb.Operator_History_FullMethodName, clusterpb.Operator_Export_FullMethodName, clusterpb.Operator_UpdateSource_FullMethodName:
		return true
	default:
		return strings.HasPrefix(fullMethod, "/pb.Master/")
	}
}

// changes tells whether a request may change something.
func changes(fullMethod string) bool {
	switch fullMethod {
	case "/pb.Master/QueryStatus", "/pb.Master/ListMember", "/pb.Master/CheckTask", "/pb.Master/GetCfg",
		"/pb.Master/GetSubTaskCfg", "/pb.Master/ShowDDLLocks",
		clusterpb.Operator_History_FullMethodName, clusterpb.Operator_Export_FullMethodName:
		return false
	default:
		return true
	}
}

func notLeader(msg, hint string) error {
	return &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Msg: msg, Hint: hint}
}
