// Package scheduler is the leader's opinion of what should happen next: which
// worker serves which source, which subtasks a task needs, whose session has
// ended. It decides on a fsm.View and acts only by proposing commands, each of
// which the state machine checks again; so a wrong or stale opinion does no harm.
//
// plan is pure: the same view gives the same commands. Loop calls it while
// this node leads, after changes; the program starts Loop.Run anew for each
// term. Leases is the one thing kept in memory: when each worker was last
// heard of. It is told by rpc, on the leader only.
//
// Binding rules: a source goes to an online, free worker, first to one that
// served it last, else to the first by name. Sources are served in the order
// of their ids. A source that finds no worker stays unbound until one is free;
// WhyUnbound says why.
//
// Lease rules: a worker counts the lease from when it asked for it, the leader
// from when it heard of it, hence later; a new leader grants every session its
// full lease anew. So a worker stops by itself before its source is given away.
//
// Failure cases: a refusal or an unknown outcome is no error, as the next view
// shows what became of it; the loop tries again after a pause.
package scheduler
