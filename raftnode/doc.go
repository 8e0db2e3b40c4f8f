// Package raftnode runs one member of the raft group over hashicorp/raft: its
// log, its snapshots, its transport, and who leads. It knows bytes and
// indexes, not tasks; what commands mean is fsm's.
//
// Callers are the programs (Open, Close), rpc (Propose, Barrier, Leader) and,
// through a function of the program, the scheduler, which runs while this
// node leads (WhileLeading).
//
// Data directory, all of it belonging to one member of one cluster:
//
//	member.json   the member's name: a directory is never used by another
//	state.db      the fsm.Store; opened with OpenStore
//	raft.db       raft's log, term and vote
//	snapshots/    raft's snapshots, the two newest
//
// Invariants:
//
//   - A node says it leads only once everything of earlier terms is applied
//     here, so that leader services see all that was ever acknowledged.
//   - Every term is told apart: a service of one term ends before it can
//     mistake itself for one of the next, even when it never saw the gap.
//   - The store never misses an entry. If applying fails, the node stops
//     (Done, Err) and takes no snapshot: one would let raft drop the entries.
//
// Failure cases: a proposal of which nobody knows what became answers
// ErrUnknownOutcome; it is to be repeated with the same request id. A lost or
// foreign data directory, or one in use, is refused at Open with a sentence.
package raftnode
