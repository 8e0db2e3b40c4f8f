package rpc

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// attendance is one stream of a session, from hello to its end. One goroutine
// receives, the one that called serve sends and decides.
type attendance struct {
	s      *Session
	stream clusterpb.Sessions_SessionClient
	// watchdog ends the stream when the master fell silent.
	watchdog *time.Timer

	seq     uint64
	pending []renewal // sent and not acknowledged, oldest first
}

type renewal struct {
	seq uint64
	at  time.Time
}

// Reasons to leave a stream and come back on a new one.
var (
	errElsewhere = fault.New(fault.NotLeader, "this master does not lead")
	errResync    = fault.New(fault.Conflict, "a complete assignment is needed")
)

// hello opens or resumes the session.
func (a *attendance) hello() error {
	s := a.s
	sent := time.Now()
	err := a.stream.Send(&clusterpb.SessionRequest{Message: &clusterpb.SessionRequest_Hello{Hello: &clusterpb.Hello{
		Name: s.cfg.Name, Addr: s.cfg.Addr, TtlSeconds: int64(s.cfg.TTL / time.Second),
		SessionId: s.id, HaveIndex: s.lease.haveIndex(), ClusterId: s.clusterID,
	}}})
	if err != nil && !errors.Is(err, io.EOF) {
		return err // after io.EOF, Recv gives the reason
	}
	m, err := a.stream.Recv()
	if err != nil {
		return err
	}
	w := m.GetWelcome()
	if w == nil {
		return fault.New(fault.Internal, "the master did not begin with a welcome")
	}
	s.learn(w)
	if w.GetSessionId() == 0 {
		return errElsewhere
	}
	if s.id != w.GetSessionId() {
		s.cfg.Log.Info("session is open", "session", w.GetSessionId())
	}
	s.id = w.GetSessionId()
	s.lease.acknowledged(sent)
	return nil
}

// learn notes the masters that a welcome lists; the leader comes first.
func (s *Session) learn(w *clusterpb.Welcome) {
	if w.GetClusterId() != "" {
		s.clusterID = w.GetClusterId()
	}
	s.leader = ""
	if len(w.GetMasters()) == 0 {
		return
	}
	if w.GetSessionId() == 0 {
		s.leader = w.GetMasters()[0]
	}
	s.learnMasters(w.GetMasters())
}

// learnMasters notes where to look for a master when this one is lost. Those in
// join stay, as the last resort. The order stays too: a master that lost the
// others says the same again and again, and must not lead back to itself.
func (s *Session) learnMasters(now []string) {
	stays := func(addr string) bool { return slices.Contains(now, addr) || slices.Contains(s.cfg.Join, addr) }
	s.masters = slices.DeleteFunc(s.masters, func(addr string) bool { return !stays(addr) })
	for _, addr := range now {
		if !slices.Contains(s.masters, addr) {
			s.masters = append(s.masters, addr)
		}
	}
}

// serve renews, reports and delivers until the stream or ctx ends; cancel
// unblocks the receiver.
func (a *attendance) serve(ctx context.Context, cancel func()) error {
	var g errgroup.Group
	inC := make(chan *clusterpb.SessionResponse)
	quit := make(chan struct{})
	var ended error
	g.Go(func() error {
		defer close(inC)
		for {
			m, err := a.stream.Recv()
			if err != nil {
				ended = err // read after inC is closed
				return nil
			}
			select {
			case inC <- m:
			case <-quit:
				return nil
			}
		}
	})
	err := a.loop(ctx, inC)
	if errors.Is(err, errStreamEnd) {
		err = nil
	}
	if ctx.Err() != nil {
		a.goodbye(inC)
	}
	close(quit)
	cancel()
	_ = g.Wait()
	if err == nil {
		err = ended
	}
	if err == nil {
		err = errStreamEnd // the receiver was busy with a message when sending failed
	}
	return err
}

// errStreamEnd: the receiver knows why.
var errStreamEnd = errors.New("the stream ended")

func (a *attendance) loop(ctx context.Context, inC <-chan *clusterpb.SessionResponse) error {
	ttl := a.s.cfg.TTL
	a.watchdog.Reset(min(ackIn, ttl/2))
	renew := time.NewTicker(min(renewEvery, ttl/6))
	defer renew.Stop()
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	if err := a.report(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case m, ok := <-inC:
			if !ok {
				return errStreamEnd
			}
			err = a.handle(m)
		case <-renew.C:
			err = a.renew()
		case <-report.C:
			err = a.report()
		case <-a.s.cfg.Changed:
			err = a.report()
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// handle acts on one message of the master.
func (a *attendance) handle(m *clusterpb.SessionResponse) error {
	switch x := m.GetMessage().(type) {
	case *clusterpb.SessionResponse_Renewed:
		return a.renewed(x.Renewed.GetSeq())
	case *clusterpb.SessionResponse_Masters:
		if now := x.Masters.GetAddrs(); len(now) > 0 {
			a.s.learnMasters(now)
		}
		return nil
	case *clusterpb.SessionResponse_Assign:
		return a.s.lease.deliver(decodeAssign(x.Assign))
	case *clusterpb.SessionResponse_Update:
		return a.s.lease.update(x.Update)
	default:
		return nil // a newer master's message that this version can do without
	}
}

func (a *attendance) renew() error {
	a.seq++
	a.pending = append(a.pending, renewal{seq: a.seq, at: time.Now()})
	return a.send(&clusterpb.SessionRequest{Message: &clusterpb.SessionRequest_Renew{Renew: &clusterpb.Renew{Seq: a.seq}}})
}

// renewed counts the lease from when the acknowledged renewal was sent.
func (a *attendance) renewed(seq uint64) error {
	for i, r := range a.pending {
		if r.seq == seq {
			a.pending = append([]renewal(nil), a.pending[i+1:]...)
			a.watchdog.Reset(min(ackIn, a.s.cfg.TTL/2))
			a.s.lease.acknowledged(r.at)
			if a.s.lease.haveIndex() == 0 {
				return errResync // Expire came in between
			}
			return nil
		}
	}
	return nil // acknowledged before
}

func (a *attendance) report() error {
	return a.send(&clusterpb.SessionRequest{Message: &clusterpb.SessionRequest_Report{Report: encodeReport(a.s.cfg.Report())}})
}

func (a *attendance) send(m *clusterpb.SessionRequest) error {
	err := a.stream.Send(m)
	if errors.Is(err, io.EOF) {
		return errStreamEnd
	}
	return err
}

// goodbye tells the master that the worker writes nothing any more, and waits
// until it heard it; the watchdog bounds the wait.
func (a *attendance) goodbye(inC <-chan *clusterpb.SessionResponse) {
	err := a.send(&clusterpb.SessionRequest{Message: &clusterpb.SessionRequest_Goodbye{Goodbye: &clusterpb.Goodbye{}}})
	if err != nil || a.stream.CloseSend() != nil {
		return
	}
	for range inC { // the master ends the stream
	}
}
