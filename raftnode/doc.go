// Package raftnode runs one member of the raft group over hashicorp/raft: its
// log, its snapshots, its transport, and who leads. It knows bytes and
// indexes, not tasks; what commands mean is fsm's.
//
// Callers are the programs (Open, Close), rpc (Propose, Barrier, Leader, the
// members) and, through a function of the program, the scheduler, which runs
// while this node leads (WhileLeading).
//
// Data directory, all of it belonging to one member of one cluster:
//
//	member.json   the member's name and the directory's own id (Instance)
//	state.db      the fsm.Store; opened with OpenStore
//	raft.db       raft's log, term and vote
//	snapshots/    raft's snapshots, the two newest
//
// Invariants:
//
//   - A node says it leads only once everything of earlier terms is applied
//     here and the cluster has its id, so that leader services see all that was
//     ever acknowledged. One that is evicted never says so.
//   - Every term is told apart: a service of one term ends before it can
//     mistake itself for one of the next, even when it never saw the gap.
//   - The store never misses an entry. If applying fails, the node stops
//     (Done, Err) and takes no snapshot: one would let raft drop the entries.
//     A full disk is no failure: the node waits for room.
//   - Members talk only to members: each connection begins with a handshake
//     that keeps out other clusters and directories that forgot a vote.
//
// Failure cases: a proposal of which nobody knows what became answers
// ErrUnknownOutcome; it is to be repeated with the same request id. A lost,
// damaged or foreign data directory, or one in use, is refused at Open with a
// sentence. A leader whose disk hangs makes room for another and stops with
// ErrDiskHangs. Trouble says in words what is wrong meanwhile.
package raftnode
