package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// openIn bounds what opening a session may take: the worker goes elsewhere
// after welcomeIn.
const openIn = welcomeIn

// leadLook is how often a master that serves a session looks whether it still
// leads: the worker need not wait for a refused renewal to go to the next leader.
const leadLook = 200 * time.Millisecond

// sessions serves the masters' side of sessions.
type sessions struct {
	clusterpb.UnimplementedSessionsServer
	m    *Master
	sent sentAssignments
}

// Session serves one stream of a worker.
func (s *sessions) Session(stream clusterpb.Sessions_SessionServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if hello == nil {
		return grpcstatus.Error(codes.InvalidArgument, "the first message of a session must be a hello")
	}
	if !s.m.cfg.Cluster.IsLeader() {
		return stream.Send(s.welcome(0, "")) // names the leader; the worker goes there
	}
	v, err := s.open(stream.Context(), hello)
	if err != nil {
		s.count("handle", err)
		return statusError(err)
	}
	hi := s.welcome(v.session, v.clusterID)
	if err := stream.Send(hi); err != nil {
		return err
	}
	v.told = hi.GetWelcome().GetMasters()
	s.m.cfg.Log.Info("worker session is open", "worker", string(v.worker), "session", uint64(v.session))
	err = v.serve(stream)
	if !s.m.cfg.Cluster.IsLeader() {
		s.m.reports.forget(v.worker, v.session) // should this master lead again, it would be long out of date
	}
	if err != nil && stream.Context().Err() == nil {
		s.m.cfg.Log.Warn("worker session is interrupted", "worker", string(v.worker), "session", uint64(v.session), "err", err)
	}
	return statusError(err)
}

// count notes trouble that is this master's and not the worker's or an election's.
func (s *sessions) count(what string, err error) {
	switch fault.KindOf(err) {
	case fault.Internal, fault.Corrupt, fault.Unavailable:
		s.m.cfg.WorkerTrouble(what)
	}
}

func (s *sessions) welcome(id fsm.SessionID, clusterID string) *clusterpb.SessionResponse {
	return &clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Welcome{Welcome: &clusterpb.Welcome{
		SessionId: uint64(id), ClusterId: clusterID, Masters: s.masters()}}}
}

// masters lists the client addresses of all masters, the leader's first.
func (s *sessions) masters() []string {
	var out []string
	_, leader := s.m.cfg.Cluster.Leader()
	if leader != "" {
		out = append(out, leader)
	}
	for _, m := range s.m.cfg.Cluster.Members() {
		if m.Client != "" && m.Client != leader {
			out = append(out, m.Client)
		}
	}
	return out
}

// open registers the worker if need be and resumes or opens its session.
func (s *sessions) open(ctx context.Context, h *clusterpb.Hello) (*visit, error) {
	ctx, cancel := context.WithTimeout(ctx, openIn)
	defer cancel()
	if err := s.m.cfg.Reader.Barrier(ctx); err != nil {
		return nil, err
	}
	v := &visit{s: s, worker: fsm.WorkerName(h.GetName())}
	var known fsm.Worker
	err := s.m.cfg.Reader.View(func(view *fsm.View) error {
		known, _ = view.Worker(v.worker)
		v.clusterID = view.ClusterID()
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c := h.GetClusterId(); c != "" && c != v.clusterID {
		return nil, &fault.Error{Kind: fault.Conflict, Hint: "correct join in the worker's configuration, or restart the worker if the cluster was set up anew",
			Msg: fmt.Sprintf("worker %s belongs to cluster %s; this is cluster %s", v.worker, c, v.clusterID)}
	}
	meta := fsm.Meta{Actor: "worker " + h.GetName(), Addr: peerAddr(ctx)}
	if known.Addr != h.GetAddr() || known.Name == "" {
		if _, err := s.m.propose(ctx, meta, fsm.RegisterWorker{Name: v.worker, Addr: h.GetAddr()}); err != nil {
			return nil, err
		}
	}
	if id := fsm.SessionID(h.GetSessionId()); id != 0 && id == known.Session {
		if !s.m.cfg.Leases.Renew(v.worker, id) {
			// Either the session is about to end, or this master only begins to
			// lead. A new session now would disturb a worker that is all right.
			return nil, errNoLease
		}
		v.session = id
		v.has = s.sent.at(v.worker, fsm.Index(h.GetHaveIndex()))
		return v, nil
	}
	res, err := s.m.propose(ctx, meta, fsm.OpenSession{Worker: v.worker, TTLSeconds: h.GetTtlSeconds()})
	if err != nil {
		return nil, err
	}
	id, ok := res.Value.(fsm.SessionID)
	if !ok {
		return nil, fault.New(fault.Internal, fmt.Sprintf("opening a session answered %T", res.Value))
	}
	v.session = id
	return v, nil
}

// visit is one stream of one session.
type visit struct {
	s         *sessions
	worker    fsm.WorkerName
	session   fsm.SessionID
	clusterID string
	has       *fsm.Assignment   // what the worker has, nil when it needs a complete set
	told      []string          // the masters that the worker was told of last
	toldAt    fsm.Index         // how far the state was then
	opened    map[string]string // see forWorker
}

// Reasons to end a stream; the worker comes back.
var (
	errReplaced = fault.New(fault.Unavailable, "the session is over: its lease had ended")
	errNoLease  = fault.New(fault.Unavailable, "the lease was not renewed: it is over, or this master does not lead any more")
)

// errTaken ends a stream in use whose session was superseded. A worker leaves its
// old stream before it opens another session, so another process did.
func errTaken(w fsm.WorkerName) error {
	return grpcstatus.Error(codes.Aborted, fmt.Sprintf("another process has opened a session as worker %s", w))
}

// serve answers renewals and sends assignments until either side ends it. The
// receiving goroutine ends when serve's caller has returned and gRPC thereby
// closed the stream: a server has no other way to interrupt Recv.
func (v *visit) serve(stream clusterpb.Sessions_SessionServer) error {
	renewC := make(chan uint64)
	reportedC := make(chan struct{}, 1)
	leftC := make(chan error, 1)
	go func() { leftC <- v.receive(stream, renewC, reportedC) }()

	g, ctx := errgroup.WithContext(stream.Context())
	changedC := make(chan struct{}, 1)
	signal(changedC) // the first look
	g.Go(func() error {
		err := v.follow(ctx, changedC)
		if ctx.Err() == nil {
			v.s.count("watch", err)
		}
		return err
	})
	g.Go(func() error { return v.noteFiles(ctx, reportedC) })
	g.Go(func() error {
		lead := time.NewTicker(leadLook)
		defer lead.Stop()
		for {
			var err error
			select {
			case <-lead.C:
				if !v.s.m.cfg.Cluster.IsLeader() {
					err = errNoLease
				} else {
					err = v.tellMasters(stream)
				}
			case seq := <-renewC:
				err = v.renew(stream, seq)
			case <-changedC:
				err = v.look(stream)
			case err = <-leftC:
				if err == nil {
					err = io.EOF
				}
			case <-ctx.Done():
				err = ctx.Err()
			}
			if err != nil {
				return err // also ends follow
			}
		}
	})
	err := g.Wait()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// receive reads what the worker says; nil means that it said goodbye or left.
func (v *visit) receive(stream clusterpb.Sessions_SessionServer, renewC chan<- uint64, reportedC chan<- struct{}) error {
	ctx := stream.Context()
	for {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		switch x := m.GetMessage().(type) {
		case *clusterpb.SessionRequest_Renew:
			select {
			case renewC <- x.Renew.GetSeq():
			case <-ctx.Done():
				return ctx.Err()
			}
		case *clusterpb.SessionRequest_Report:
			v.s.m.reports.put(v.worker, v.session, decodeReport(x.Report))
			signal(reportedC)
		case *clusterpb.SessionRequest_Goodbye:
			v.s.m.cfg.Leases.Goodbye(v.worker, v.session)
			v.s.m.cfg.Log.Info("worker said goodbye", "worker", string(v.worker), "session", uint64(v.session))
			return nil
		}
	}
}

// renew acknowledges a renewal if the session still exists.
func (v *visit) renew(stream clusterpb.Sessions_SessionServer, seq uint64) error {
	err := v.s.m.cfg.Reader.View(func(view *fsm.View) error { return v.present(view) })
	if err != nil {
		return err
	}
	if !v.s.m.cfg.Leases.Renew(v.worker, v.session) {
		return errNoLease
	}
	return stream.Send(&clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Renewed{
		Renewed: &clusterpb.Renewed{Seq: seq}}})
}

// tellMasters tells the worker of masters that came or went since the welcome,
// so that it finds the others when this one is gone.
func (v *visit) tellMasters(stream clusterpb.Sessions_SessionServer) error {
	// Masters come and go by commands; while there are none nothing is looked up.
	at := v.s.m.cfg.Feed.Index()
	if at == v.toldAt {
		return nil
	}
	v.toldAt = at
	now := v.s.masters()
	if slices.Equal(now, v.told) {
		return nil
	}
	v.told = now
	return stream.Send(&clusterpb.SessionResponse{Message: &clusterpb.SessionResponse_Masters{
		Masters: &clusterpb.Masters{Addrs: now}}})
}

// look sends the worker what changed for it.
func (v *visit) look(stream clusterpb.Sessions_SessionServer) error {
	now, err := v.assignment()
	if err != nil {
		return err
	}
	m := step(v.has, now)
	if m == nil {
		return nil
	}
	if err := stream.Send(m); err != nil {
		return err
	}
	v.has = &now
	v.s.sent.put(v.worker, now)
	return nil
}

// assignment reads what the worker has to do; errReplaced when the session is
// over, errTaken when there is a newer one.
func (v *visit) assignment() (fsm.Assignment, error) {
	var now fsm.Assignment
	err := v.s.m.cfg.Reader.View(func(view *fsm.View) error {
		now = view.Assignment(v.worker)
		return v.present(view)
	})
	v.opened = v.s.m.forWorker(&now, v.opened)
	return now, err
}

// forWorker gives an assignment the secrets as workers can read them: they have
// no key of the masters. before are texts that were made for it, by the stored ones.
func (m *Master) forWorker(a *fsm.Assignment, before map[string]string) map[string]string {
	if len(m.cfg.Key.IDs()) == 0 {
		return nil
	}
	out := map[string]string{}
	open := func(text string, with func(string) string) string {
		readable, ok := before[text]
		if !ok {
			readable = with(text)
		}
		out[text] = readable
		return readable
	}
	if a.Source != nil {
		src := *a.Source
		src.Config = open(src.Config, m.cfg.Key.SourceForWorker)
		a.Source = &src
	}
	for i, s := range a.Subtasks {
		a.Subtasks[i].Config = open(s.Config, m.cfg.Key.TaskForWorker)
	}
	return out
}

// present tells whether the session is still the worker's.
func (v *visit) present(view *fsm.View) error {
	switch w, ok := view.Worker(v.worker); {
	case !ok || w.Session < v.session:
		return errReplaced
	case w.Session > v.session:
		return errTaken(v.worker)
	default:
		return nil
	}
}
