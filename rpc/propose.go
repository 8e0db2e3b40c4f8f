package rpc

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

// gRPC metadata of our own clients and of forwarding masters.
const (
	headerRequestID  = "raftdm-request-id"  // makes a repeated request execute once
	headerActor      = "raftdm-actor"       // who asks, for the audit trail
	headerClientAddr = "raftdm-client-addr" // where they ask from, set by a forwarding master
	headerForwarded  = "raftdm-forwarded"   // set by a forwarding master: do not forward again
	headerFiles      = "raftdm-file-bin"    // the paths of the files in the request, in their order
)

// How long an unknown outcome is asked about, and how often.
const (
	proposeFor   = 5 * time.Second
	proposeAgain = 200 * time.Millisecond
)

// propose has a command agreed on and gives its result; a refusal is an error.
// When a leadership was lost on the way it asks again with the same request id,
// which executes once, because the outcome is unknown until somebody answers.
func (m *Master) propose(ctx context.Context, meta fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if meta.RequestID == "" {
		meta.RequestID = fsm.RequestID(rand.Text())
	}
	meta.UnixMilli = time.Now().UnixMilli()
	giveUp := time.NewTimer(proposeFor)
	defer giveUp.Stop()
	unknown := false
	for {
		res, err := m.cfg.Proposer.Propose(ctx, meta, c)
		switch {
		case err == nil && res.Err != nil:
			return res, res.Err
		case err == nil:
			return res, nil
		case fault.Is(err, fault.Unavailable):
			unknown = true
		case !unknown || !fault.Is(err, fault.NotLeader):
			return res, err
		}
		again := time.NewTimer(proposeAgain)
		select {
		case <-again.C:
			continue
		case <-giveUp.C:
		case <-ctx.Done():
		}
		again.Stop()
		return res, &fault.Error{Kind: fault.Unavailable, Code: codeGRPCRequest, Err: err,
			Msg:  "the masters did not confirm the request in time; it may or may not have been carried out",
			Hint: "look with query-status or list-member before repeating it"}
	}
}

// meta says who asks. part tells the commands of one request apart.
func (m *Master) meta(ctx context.Context, part string) fsm.Meta {
	out := fsm.Meta{Actor: header(ctx, headerActor), Addr: header(ctx, headerClientAddr)}
	if out.Actor == "" {
		out.Actor = "client"
	}
	if out.Addr == "" {
		out.Addr = peerAddr(ctx)
	}
	if id := header(ctx, headerRequestID); id != "" {
		out.RequestID = fsm.RequestID(id + "/" + part)
	}
	return out
}

// fileName says how to call the i-th file of a request in errors about it: by
// its path if the client told it.
func fileName(ctx context.Context, i int, otherwise string) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if paths := md.Get(headerFiles); i < len(paths) && paths[i] != "" {
		return strings.ToValidUTF8(paths[i], "?")
	}
	return otherwise
}

// FileNames tells the master, with a request that carries texts of files, what
// the files are called.
func FileNames(ctx context.Context, paths ...string) context.Context {
	for _, p := range paths {
		ctx = metadata.AppendToOutgoingContext(ctx, headerFiles, p)
	}
	return ctx
}

// maxHeader bounds what of a client's header is kept: it ends up in the log.
const maxHeader = 128

func header(ctx context.Context, name string) string {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, v := range md.Get(name) {
		return strings.ToValidUTF8(v[:min(len(v), maxHeader)], "")
	}
	return ""
}

func peerAddr(ctx context.Context) string {
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		return p.Addr.String()
	}
	return ""
}

// hold serialises operations on one task: a second one is refused rather than
// queued, as its author should first see what the first came to.
func (m *Master) hold(task string) (release func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.latch[task] {
		return nil, &fault.Error{Kind: fault.Conflict, Code: codeLatchInUse,
			Msg: fmt.Sprintf("task %s is in use by other client", task), Hint: "wait until the other operation ended and try again"}
	}
	m.latch[task] = true
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.latch, task)
	}, nil
}
