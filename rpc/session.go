package rpc

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// How a worker speaks to the masters.
const (
	renewEvery   = time.Second     // at most; TTL/6 when that is less
	reportEvery  = time.Second     // at least; also whenever Changed fires
	welcomeIn    = 3 * time.Second // a master that answers later is left for another
	ackIn        = 2 * time.Second // two renewals; TTL/2 when that is less
	reachIn      = time.Second     // an address that swallows what is sent to it is left after that
	goodbyeIn    = time.Second     // a master gets this long to hear the goodbye
	backoffFirst = 100 * time.Millisecond
	backoffLast  = 500 * time.Millisecond // an election takes a second or two
	// takenTwice is how long after its session was taken by another process a
	// worker gives way when that happens again. The first time it insists: the
	// other one may have been a request of its own that arrived late.
	takenTwice = time.Minute
)

// SessionConfig is what a Session needs.
type SessionConfig struct {
	// Name and Addr are the worker's name and advertised address.
	Name, Addr string
	// Join are addresses of masters, host:port; one that answers is enough.
	Join []string
	// TTL is the lease asked for, in whole seconds and at least one.
	TTL time.Duration
	// Assign receives the complete assignment whenever it changes. It must only
	// take note of it: while it runs, Expire cannot be called.
	Assign func(fsm.Assignment)
	// Expire is called when the lease ends soon: nothing may be written to a
	// target any more. It must not block either. Assign and Expire are never
	// called at the same time.
	Expire func()
	// Report gives the present status.
	Report func() status.Report
	// Changed asks for a report to be sent at once.
	Changed <-chan struct{}
	Log     *slog.Logger
	// DialOptions are added when connecting to a master.
	DialOptions []grpc.DialOption
}

// Session is a worker's side of its session with the masters: it finds the
// leader, holds the lease, delivers assignments and sends reports.
type Session struct {
	cfg   SessionConfig
	lease *lease

	// Only the goroutine of connect uses what follows.
	id        uint64
	clusterID string
	leader    string    // whom to try first, "" when nobody said
	masters   []string  // every master heard of
	next      int       // whom to try next
	failed    string    // who was tried last in vain: others come first
	taken     time.Time // when another process last took the session
}

// NewSession makes a session; Run opens it.
func NewSession(cfg SessionConfig) *Session {
	cfg.TTL = max(cfg.TTL.Truncate(time.Second), time.Second)
	s := &Session{cfg: cfg, masters: slices.Clone(cfg.Join)}
	s.lease = newLease(cfg.TTL, cfg.Assign, cfg.Expire)
	return s
}

// Run holds the session until ctx ends, whatever happens to the masters
// meanwhile. Its end says goodbye, which gives the source away at once: cancel
// ctx only when nothing is written any more. It returns another error than
// ctx's when the masters refuse this worker for good: its name is taken by
// another address or process, or it belongs to another cluster.
func (s *Session) Run(ctx context.Context) error {
	if len(s.masters) == 0 {
		return fault.New(fault.Invalid, "no master to join is given")
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.lease.watch(ctx) })
	g.Go(func() error { return s.connect(ctx) })
	return g.Wait()
}

// connect goes from master to master until ctx ends.
func (s *Session) connect(ctx context.Context) error {
	wait, said, hopped := backoffFirst, "", false
	for {
		addr := s.pick()
		welcomed, err := s.attend(ctx, addr)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refusedForGood(err) {
			return refusedBy(addr, plain(err).Error())
		}
		if s.givesWay(err) {
			return &fault.Error{Op: "run as worker " + s.cfg.Name, Kind: fault.Conflict, Code: 40077, Err: plain(err),
				Hint: "give each dm-worker a name of its own"}
		}
		if welcomed {
			wait, said = backoffFirst, ""
		}
		s.failed = addr
		level := slog.LevelWarn
		if text := addr + " " + plain(err).Error(); text == said {
			level = slog.LevelDebug // once is enough: it is tried every second
		} else {
			said = text
		}
		s.cfg.Log.Log(ctx, level, "the session with a master is interrupted", "master", addr, "err", plain(err))
		if s.leader == addr {
			s.leader = "" // it does not lead and knows nobody who does
		}
		if s.leader != "" && !hopped {
			hopped = true
			continue // somebody just named the leader
		}
		hopped = false // while masters change places two of them may name each other
		pause := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, backoffLast)
	}
}

// givesWay tells whether another process goes on under this worker's name: each
// would take the session from the other for ever.
func (s *Session) givesWay(err error) bool {
	if grpcstatus.Code(err) != codes.Aborted {
		return false
	}
	before := s.taken
	s.taken = time.Now()
	return !before.IsZero() && time.Since(before) < takenTwice
}

// pick gives the leader if somebody named one, else the masters in turn.
func (s *Session) pick() string {
	if addr := s.leader; addr != "" {
		s.leader = "" // once: it may be dead
		return addr
	}
	addr := s.inTurn()
	if addr == s.failed {
		addr = s.inTurn()
	}
	return addr
}

func (s *Session) inTurn() string {
	addr := s.masters[s.next%len(s.masters)]
	s.next++
	return addr
}

// attend connects to one master and serves the stream until it ends. It tells
// whether the master opened the session.
func (s *Session) attend(ctx context.Context, addr string) (bool, error) {
	opts := append([]grpc.DialOption{connectWithin(reachIn)}, s.cfg.DialOptions...)
	conn, err := Dial(addr, opts...)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	// The stream outlives ctx by a goodbye.
	sctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cancel(nil)
	late := time.AfterFunc(welcomeIn, func() { cancel(errSilent) })
	defer late.Stop()
	abort := context.AfterFunc(ctx, func() { late.Reset(goodbyeIn) })
	defer abort()

	stream, err := clusterpb.NewSessionsClient(conn).Session(sctx)
	if err != nil {
		return false, err
	}
	a := &attendance{s: s, stream: stream, watchdog: late}
	if err := a.hello(); err != nil {
		return false, because(sctx, err)
	}
	return true, because(sctx, a.serve(ctx, func() { cancel(nil) }))
}

// errSilent: the master holds the connection and says nothing.
var errSilent = fault.New(fault.Unavailable, "the master does not answer in time")

// because prefers the reason why a context was cancelled over what followed.
func because(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errSilent) {
		return errSilent
	}
	return err
}

// refusedForGood tells whether trying again cannot help.
func refusedForGood(err error) bool {
	switch grpcstatus.Code(err) {
	case codes.InvalidArgument, codes.AlreadyExists, codes.FailedPrecondition:
		return true
	default:
		return false
	}
}

// refusedBy makes the error of a worker out of a master's words, of which the
// advice is the hint.
func refusedBy(addr, text string) error {
	text, hint := words(text)
	if hint == "" {
		hint = "correct the worker's name, advertise-addr or join"
	}
	return &fault.Error{Op: "join the master at " + addr, Kind: fault.Conflict, Code: 40077, Msg: text, Hint: hint}
}

// words takes a rendered error apart into what happened and what to do.
func words(text string) (message, hint string) {
	text, hint, _ = strings.Cut(text, ", Workaround: ")
	if _, rest, ok := strings.Cut(text, "], Message: "); ok && strings.HasPrefix(text, "[code=") {
		text = rest
	}
	return text, hint
}

// plain takes gRPC's words off an error.
func plain(err error) error {
	st, ok := grpcstatus.FromError(err)
	if !ok || st.Code() == codes.OK {
		return err
	}
	text := st.Message()
	for _, frame := range []string{"connection error: desc = ", "transport: Error while dialing: ",
		"transport: authentication handshake failed: ", "error reading server preface: "} {
		text = strings.TrimPrefix(text, frame)
		if inner, err := strconv.Unquote(text); err == nil {
			text = inner
		}
	}
	return errors.New(text)
}
