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
// # Binding rules
//
// A worker without source gets one when it comes online, when it loses its
// source to another worker or to a removal, and when a source is added; a source
// without worker gets one on the same occasions. Only workers that are online
// count. In this order:
//
//  1. A source goes to a worker that has load files it needs: unfinished files
//     of a task that is wanted Running. If no such worker is free, it goes to
//     one whose own source needs no files there; that source looks for another
//     worker, and finds the one that was left, if any. This rule alone
//     takes a source from a worker that serves it, because nobody else can
//     finish the load.
//  2. An unbound source goes to a free worker that has load files of it, be
//     the task paused.
//  3. Else to a free worker that served it last.
//  4. Else to any free worker: the first by name.
//
// Sources are served in the order of their ids, each rule for all of them
// before the next. A source that finds no worker stays unbound, and its tasks
// hang until one is free; WhyUnbound says why.
//
// Why it does not flap: call a source settled while its worker has files it
// needs. Rule 1 settles a source and never unsettles one; the others bind and
// never unbind. So the pair (sources settled, sources bound) grows with each
// step, and between two events at most two steps per source are made. An
// operator's transfer away from the files stays, since it needs paused tasks;
// resuming one calls the source back to its files.
//
// # Lease rules
//
// A worker counts the lease from when it asked for it, the leader from when it
// heard of it, hence later; a new leader grants every session its full lease
// anew. So a worker stops by itself before its source is given away. Once a
// lease has ended it is never renewed; the worker opens a new session.
//
// # Dead processes
//
// A lease of a minute is long to wait for a process that is known to be dead.
// The leader probes the address of an online worker that it has not heard of
// for 1.5 s, every 500 ms, by opening a connection. Two refusals in a row end
// the session at once: the machine is there, and nobody listens. That takes
// less than 3 s. A new leader does the same for workers that do not come to it.
//
// Everything else waits for the end of the lease: a probe without answer, since
// a worker that is cut off may go on writing until then, and one that is
// accepted, since the process is there, be it stopped. A worker that is heard
// of between the probes is spared.
//
// Each worker's address is also probed once when its session is first seen. One
// that refuses while its worker goes on to renew, behind a firewall that rejects
// or for a wrong advertise-addr, proves nothing: the log says so, and that
// worker keeps its lease until its end.
//
// Ending a lease early is safe though the process might live after all, as a new
// leader may find before it has heard of a worker: the target fences by the
// epoch, and a deposed worker's transactions fail. It opens a new session and
// works on.
//
// Failure cases: a refusal or an unknown outcome is no error, as the next view
// shows what became of it; the loop tries again after a pause. A plan that was
// carried out in part is completed by the next leader's.
package scheduler
