package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// effect tells what it means to ask again.
type effect uint8

const (
	reads  effect = iota // nothing is done, at whichever master
	writes               // carried out once, at whichever master
	local                // as writes, but it concerns the master that was asked first
)

const (
	// electFor is how long masters without a leader are asked again, as long as
	// it is sure that nothing was done: an election takes three seconds, a restart
	// of one master after the other a little longer.
	electFor = 10 * time.Second
	// confirmTimes is how many times longer they are asked when something may have
	// been done. Masters that answer for so long that they cannot confirm it have
	// a reason, and say it: a full disk, too few of them. Only masters that do not
	// answer at all are asked until the rpc-timeout.
	confirmTimes = 3
	// repeatAfter is the pause between two attempts.
	repeatAfter = 100 * time.Millisecond
	// noteAfter is when an operator begins to wonder.
	noteAfter = 3 * time.Second
	// pingEvery and pingWithin find a master that is there and does not answer,
	// while a request that takes long may go on at one that does.
	pingEvery, pingWithin = time.Second, 3 * time.Second
)

// query is one request until it has its answer. All attempts carry the same
// request id, so that the cluster carries it out once however often it is asked.
type query struct {
	shared  *shared
	effect  effect
	addrs   []string
	timeout time.Duration
	tls     *tlsconf.Set // nil: plain
	failing time.Time    // when the first attempt failed
	asked   []string     // the masters that an attempt was sent to
	doubt   bool         // an attempt may have been carried out, although it was not confirmed
	noted   bool
}

// ask sends a request of DM's service; see askConn.
func ask[T proto.Message](cmd *cobra.Command, s *shared, e effect, call func(context.Context, pb.MasterClient) (T, error)) (T, error) {
	return askConn(cmd, s, e, func(ctx context.Context, conn *grpc.ClientConn) (T, error) {
		return call(ctx, pb.NewMasterClient(conn))
	})
}

// askOwn sends a request of our own service; see askConn.
func askOwn[T proto.Message](cmd *cobra.Command, s *shared, e effect, call func(context.Context, clusterpb.OperatorClient) (T, error)) (T, error) {
	return askConn(cmd, s, e, func(ctx context.Context, conn *grpc.ClientConn) (T, error) {
		return call(ctx, clusterpb.NewOperatorClient(conn))
	})
}

// askConn sends a request to the first master that can be reached. As long as it
// is not answered by one that knows, the others are asked, round and round.
func askConn[T proto.Message](cmd *cobra.Command, s *shared, e effect, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	var none T
	c, set, err := s.masters(cmd)
	if err != nil {
		return none, err
	}
	q := &query{shared: s, effect: e, addrs: c.MasterAddrs, timeout: c.RPCTimeout, tls: set}
	ctx, cancel := context.WithTimeout(cmd.Context(), c.RPCTimeout)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "raftdm-request-id", rand.Text(), "raftdm-actor", actor())
	for {
		resp, why := attempt(ctx, q, call)
		var last *noAnswer
		switch {
		case why == nil:
			return resp, nil
		case cmd.Context().Err() != nil:
			return none, interrupted()
		case !errors.As(why, &last):
			return none, why
		}
		q.doubt = q.doubt || last.doubt
		if !q.again(ctx, last) {
			if last.body && (last.doubt || !q.inDoubt()) {
				return resp, nil // the master says itself how sure it is
			}
			return none, q.failure(ctx, last)
		}
	}
}

// interrupted is the answer to Ctrl-C.
func interrupted() error {
	return fault.New(fault.Cancelled, "interrupted; what was asked for may be carried out nevertheless")
}

// noAnswer is the end of an attempt that left the question open.
type noAnswer struct {
	err   error
	doubt bool // it may have been carried out
	body  bool // a master said so in an answer of its own
}

func (n *noAnswer) Error() string { return n.err.Error() }

// attempt asks one master. A *noAnswer may be repeated, no other error.
func attempt[T proto.Message](ctx context.Context, q *query, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	var none T
	conn, addr, err := reach(ctx, q.tls, q.addrs)
	if err != nil {
		if len(q.asked) > 0 {
			err = &noAnswer{err: err}
		}
		return none, err
	}
	defer conn.Close()
	if !slices.Contains(q.asked, addr) {
		q.asked = append(q.asked, addr)
	}
	if q.effect == local && len(q.addrs) > 1 {
		q.addrs = []string{addr}
		q.shared.note("several masters are named; this concerns only " + addr)
	}
	for q.addrs[len(q.addrs)-1] != addr { // the next attempt begins behind this one
		q.addrs = append(q.addrs[1:], q.addrs[0])
	}
	resp, err := supervised(ctx, conn, call)
	if err == nil {
		return resp, q.verdict(resp)
	}
	return none, q.lost(ctx, err)
}

// lost judges a call that ended without an answer.
func (q *query) lost(ctx context.Context, err error) error {
	deadline, _ := ctx.Deadline()
	switch {
	case ctx.Err() != nil || time.Until(deadline) < repeatAfter/2: // the master knows the deadline and may be a little early
		return &noAnswer{err: context.DeadlineExceeded, doubt: true}
	case errors.Is(err, errSilent):
		return &noAnswer{err: err, doubt: true}
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Canceled, codes.DeadlineExceeded, codes.Aborted:
		return &noAnswer{err: fmt.Errorf("%s", status.Convert(err).Message()), doubt: true}
	default:
		return &fault.Error{Kind: fault.Unavailable, Code: 38008, Msg: "the master " + q.asked[len(q.asked)-1] + " did not answer the request",
			Err: fmt.Errorf("%s", status.Convert(err).Message()), Hint: q.advice()}
	}
}

// verdict tells whether an answer is one: a master that found no leader, or that
// could not get the request confirmed, leaves it open. DM's answers have no place
// for that but the number that their text begins with.
func (q *query) verdict(resp proto.Message) error {
	if q.effect == local {
		return nil // it speaks of itself only
	}
	m := resp.ProtoReflect()
	result, msg := m.Descriptor().Fields().ByName("result"), m.Descriptor().Fields().ByName("msg")
	if result == nil || msg == nil || m.Get(result).Bool() {
		return nil
	}
	text := m.Get(msg).String()
	number, _, _ := strings.Cut(strings.TrimPrefix(text, "[code="), ":")
	switch {
	case number == "38043":
		return &noAnswer{err: errors.New(text), body: true}
	case number == "38008":
		return &noAnswer{err: errors.New(text), body: true, doubt: true}
	case number == "46024" && q.inDoubt(): // in use by an attempt of ours that was lost
		return &noAnswer{err: errors.New(text), body: true}
	default:
		return nil
	}
}

// inDoubt tells whether the request may have been carried out without anybody
// having said so.
func (q *query) inDoubt() bool { return q.doubt && q.effect != reads }

// again waits a little, and tells whether to ask again.
func (q *query) again(ctx context.Context, last *noAnswer) bool {
	if q.failing.IsZero() {
		q.failing = time.Now()
	}
	since, patience := time.Since(q.failing), q.shared.patience()
	if q.inDoubt() {
		patience *= confirmTimes
	}
	if since > patience && (last.body || !q.inDoubt()) {
		return false
	}
	if !q.noted && since > noteAfter {
		q.noted = true
		q.shared.note("no master has answered yet, dmctl goes on asking: " + last.Error())
	}
	pause := time.NewTimer(repeatAfter)
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// failure says what dmctl gives up with.
func (q *query) failure(ctx context.Context, last *noAnswer) error {
	f := &fault.Error{Kind: fault.Unavailable, Code: 38008, Hint: q.advice(),
		Msg: "the master " + strings.Join(q.asked, "") + " did not answer"}
	if len(q.asked) > 1 {
		f.Msg = "none of the masters " + strings.Join(q.asked, ", ") + " answered"
	}
	if ctx.Err() != nil {
		f.Msg += fmt.Sprintf(" within the rpc-timeout of %s", q.timeout)
	}
	if q.inDoubt() {
		f.Msg += "; the request may or may not have been carried out"
	}
	if !errors.Is(last.err, context.DeadlineExceeded) {
		f.Err = last.err
	}
	return f
}

func (q *query) advice() string {
	if q.effect != reads {
		return "look with query-status or list-member what became of it"
	}
	return "check that the masters run and can reach each other"
}

// errSilent is a master that takes no notice of anybody.
var errSilent = errors.New("the master has stopped to answer")

// supervised makes a call that ends when the master stops to answer at all.
func supervised[T proto.Message](ctx context.Context, conn *grpc.ClientConn, call func(context.Context, *grpc.ClientConn) (T, error)) (T, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var g sync.WaitGroup
	g.Go(func() { watch(ctx, conn, cancel) })
	resp, err := call(ctx, conn)
	silent := context.Cause(ctx)
	cancel(nil)
	g.Wait()
	if err != nil && errors.Is(silent, errSilent) {
		err = errSilent
	}
	return resp, err
}

// watch pings a master until ctx ends, and ends it when the master is silent.
// What it answers does not matter: also "unknown method" is a sign of life.
func watch(ctx context.Context, conn *grpc.ClientConn, end context.CancelCauseFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		pctx, cancel := context.WithTimeout(ctx, pingWithin)
		_, err := clusterpb.NewMembersClient(conn).Ping(pctx, &clusterpb.PingRequest{})
		cancel()
		if status.Code(err) == codes.DeadlineExceeded && ctx.Err() == nil {
			end(errSilent)
			return
		}
	}
}

// actor says who runs dmctl, for the cluster's audit trail.
func actor() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "dmctl " + u.Username
	}
	return "dmctl"
}
