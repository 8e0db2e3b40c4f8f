// Package rpc is the wire and nothing behind it: DM's services (pb.Master,
// pb.Worker), raftdm's own session between workers and masters (clusterpb), and
// the HTTP paths that share their port.
//
// # What it is not
//
// It decides nothing. A handler decodes, validates, makes one call and encodes;
// the call goes to an interface of deps.go that cmd hands in (raftnode,
// scheduler, precheck, worker). Handlers return ordinary errors; shape.go is the
// one place that turns them into DM's `result: false, msg`, and code.go the one
// table of DM's numbers, classes and levels.
//
// # Who calls
//
// cmd/dm-master builds a Master and a Server around it, cmd/dm-worker builds a
// Worker, a Server and a Session, cmd/dmctl uses Dial.
//
// # The session
//
// A worker holds a lease while it holds a session. session.go is the worker's
// half: it finds the leader, renews, delivers assignments and calls Expire
// before the lease can be over at any master. session_server.go and feed.go are
// the master's half: they open or resume the session in the FSM and send what
// View.Assignment says, each message naming the index it applies to and the one
// it results in. Assignments are pure functions of the FSM at an index, so an
// index means the same at every master; whatever does not chain is replaced by
// a complete set.
//
// # Invariants
//
//   - A renewal is acknowledged only while this master leads, the session in
//     the FSM is the stream's, and the lease keeper agreed (Leases.Renew).
//   - The worker's lease counts from when the last acknowledged renewal was
//     sent, so it always ends before the master's.
//   - No assignment is delivered after Expire until a renewal sent later was
//     acknowledged, and the first one then is a complete set.
//
// # Failure cases
//
// A lost leadership makes a proposal's outcome unknown: propose.go asks again
// with the same request id, which the FSM executes once. A master that does not
// lead forwards DM's calls once (forward.go) or answers 38043. A restarted
// master knows no reports until workers came back; query-status says so.
package rpc

//go:generate sh generate.sh
