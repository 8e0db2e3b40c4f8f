// Package rpc is the wire and nothing behind it: DM's services (pb.Master,
// pb.Worker), raftdm's own ones (clusterpb: worker sessions, members, the stream
// of changes), and the HTTP paths that share their port.
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
// cmd/dm-master builds a Master and a Server around it and asks other masters
// with AskMasters, cmd/dm-worker builds a Worker, a Server and a Session,
// cmd/dmctl uses Dial.
//
// # Any master answers
//
// route (forward.go) brings a request to the leader: here, or passed on once.
// When the leadership is lost on the way, the next leader is asked under the
// same request id, which the first master gives to requests without one.
// Commands execute once under it: each command of a request has a part name of
// its own (meta), and a handler that does more than propose one command must
// come to the same answer when it is run again: what it looks at before, in the
// databases and in the state, counts only as long as its command was not
// executed (repeated). The trailer raftdm-fault-kind
// tells a forwarding master what a body with result false cannot.
//
// Reads go through read, which asks raft's barrier first: a deposed leader
// answers nothing. What waits for workers' reports asks stillLeads meanwhile.
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
// a complete set. A worker believes a master about who leads once, and otherwise
// asks all of them in turn: one that lost the others may know nothing true.
//
// # Changes
//
// Every master serves the stream of changes (changes.go) from its own state,
// with or without a leader. A reader that is too slow blocks its own goroutine
// only, falls behind the change log and gets a snapshot.
//
// # History
//
// What operators did is read from the change log (history.go). note.go adds to
// it what leaves no change: refusals, and what only workers or targets keep. A
// request whose outcome nobody knows is not noted.
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
// A lost leadership makes a proposal's outcome unknown: propose asks again with
// the same request id, which the FSM executes once; when nobody answers in time
// the client is told that it may or may not have been carried out. Without a
// leader the answer is 38043, after an election was waited for. A master that
// has just begun to lead knows no reports until workers came to it, which they
// do within a second; query-status says so. A call that names another cluster in
// the header raftdm-cluster-id is refused.
package rpc

//go:generate sh generate.sh
