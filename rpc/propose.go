package rpc

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	headerPlan       = "raftdm-plan"        // CheckTask: answer with the plan
	headerFiles      = "raftdm-file-bin"    // the paths of the files in the request, in their order
	headerSecurity   = "raftdm-tls-bin"     // path, contents, path, contents ...: files that TLS sections name
	headerCluster    = "raftdm-cluster-id"  // the cluster the caller means; another one refuses

	headerKind = "raftdm-fault-kind" // trailer: what sort of failure the answer is
	// What a master that does not lead has done at an operator's request, and who it
	// is: the leader writes it down.
	headerDone, headerDoneBy = "raftdm-done", "raftdm-done-by"
	headerNotDone            = "raftdm-not-done-bin" // what it could not do, and why

	headerMaybe = "raftdm-maybe" // trailer: the request may have been carried out
)

// How long an unknown outcome is asked about, and how often.
const (
	proposeFor   = 5 * time.Second
	proposeAgain = 200 * time.Millisecond
)

// propose has a command agreed on and gives its result; a refusal is an error.
// When the outcome is unknown it asks again with the same request id, which
// executes once. When this master does not lead any more, the answer is of kind
// NotLeader, so that route takes the request to the next leader; it carries
// errMaybe when the command may have been carried out.
func (m *Master) propose(ctx context.Context, meta fsm.Meta, c fsm.Command) (fsm.Result, error) {
	if meta.RequestID == "" {
		meta.RequestID = fsm.RequestID(rand.Text())
	}
	meta.UnixMilli = time.Now().UnixMilli()
	giveUp := time.Now().Add(proposeFor)
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
		case fault.Is(err, fault.NotLeader) && unknown:
			return res, &fault.Error{Kind: fault.NotLeader, Code: codeNoLeader, Err: errors.Join(err, errMaybe)}
		default:
			return res, err
		}
		if time.Now().After(giveUp) || !pause(ctx, proposeAgain) {
			return res, givenUp(err, true)
		}
	}
}

// meta says who asks. part tells the commands of one request apart.
func (m *Master) meta(ctx context.Context, part string) fsm.Meta {
	out := fsm.Meta{Actor: header(ctx, headerActor), Addr: header(ctx, headerClientAddr)}
	if out.Actor == "" {
		out.Actor = "client"
	}
	out.Actor = m.named(ctx, out.Actor)
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

// SecurityFiles sends the contents of the files that TLS sections name, by their
// paths, along with a request.
func SecurityFiles(ctx context.Context, files map[string]string) context.Context {
	for _, path := range slices.Sorted(maps.Keys(files)) {
		ctx = metadata.AppendToOutgoingContext(ctx, headerSecurity, path, headerSecurity, files[path])
	}
	return ctx
}

// securityFiles gives what SecurityFiles sent.
func securityFiles(ctx context.Context) map[string]string {
	md, _ := metadata.FromIncomingContext(ctx)
	list := md.Get(headerSecurity)
	out := map[string]string{}
	for i := 0; i+1 < len(list); i += 2 {
		out[list[i]] = list[i+1]
	}
	return out
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

// held is an operation on a task under way.
type held struct {
	request fsm.RequestID
	freeC   chan struct{} // closed when it ended
}

// hold serialises operations on one task: a second one is refused rather than
// queued, as its author should first see what the first came to. A repetition
// of the same request is no second one; it waits until the first try, whose
// answer nobody waits for any more, has ended.
func (m *Master) hold(ctx context.Context, task string) (release func(), err error) {
	me := held{request: m.meta(ctx, "").RequestID, freeC: make(chan struct{})}
	for {
		m.mu.Lock()
		other, busy := m.latch[task]
		if !busy {
			m.latch[task] = me
		}
		m.mu.Unlock()
		switch {
		case !busy:
			return func() {
				m.mu.Lock()
				defer m.mu.Unlock()
				delete(m.latch, task)
				close(me.freeC)
			}, nil
		case me.request == "" || me.request != other.request:
			return nil, &fault.Error{Kind: fault.Conflict, Code: codeLatchInUse,
				Msg: fmt.Sprintf("task %s is in use by other client", task), Hint: "wait until the other operation ended and try again"}
		}
		select {
		case <-other.freeC:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
