package rpc

import (
	"context"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/internal/status"
)

// Proposer has commands agreed on. A refusal is Result.Err; an error means
// that the outcome is unknown (kind Unavailable) or that this master does not
// lead (kind NotLeader), in which case nothing was proposed.
type Proposer interface {
	Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error)
}

// Reader reads what was agreed on. After Barrier has returned nil, a View shows
// everything that was acknowledged to anyone before Barrier was called.
type Reader interface {
	Barrier(ctx context.Context) error
	View(fn func(*fsm.View) error) error
}

// Leases watches who holds a session.
type Leases interface {
	// Renew starts the lease of a session anew. False means that it is over, or
	// that this master no longer leads: the worker must open a new session.
	Renew(worker fsm.WorkerName, session fsm.SessionID) bool
	// Goodbye ends a session at once: the worker has stopped writing.
	Goodbye(worker fsm.WorkerName, session fsm.SessionID)
}

// Member is one master of the raft group.
type Member struct {
	Name string
	ID   uint64
	// Voter: it counts for the majority. A master that joined does once it has
	// caught up.
	Voter bool
	// Peer is where raft reaches it, host:port.
	Peer string
	// Client is the address for clients and workers, "" until it has told it.
	Client string
}

// Group changes who belongs to the masters. Only Evict, CancelEvict and
// Progress do something on a master that does not lead.
type Group interface {
	// AddNonvoter adds a master that receives everything and does not vote.
	AddNonvoter(ctx context.Context, name, peer string) error
	// AddVoter gives a master its vote.
	AddVoter(ctx context.Context, name, peer string) error
	// Remove takes a master out. A leader asked to remove itself hands
	// leadership over and answers kind NotLeader: the next one removes it.
	Remove(ctx context.Context, name string) error
	// Evict hands leadership over and lets this master not lead again until
	// CancelEvict.
	Evict(ctx context.Context) error
	CancelEvict()
	// Progress gives how far this master has applied the log, and how far it
	// knows it to be committed.
	Progress() (applied, commit uint64)
}

// Cluster knows the masters.
type Cluster interface {
	// IsLeader tells whether this master leads.
	IsLeader() bool
	// Leader gives the leader's name and client address, "" when none is known.
	Leader() (name, clientAddr string)
	// Members lists the masters of the group, this one included.
	Members() []Member
}

// Checker asks the databases themselves whether something can work.
type Checker interface {
	// CheckSource connects to the upstream and fills in what it detects.
	CheckSource(ctx context.Context, src config.Source) (config.Source, error)
	// CheckTask runs the pre-checks of a task without the items in ignore. Its
	// error shows at most so many failures and warnings.
	CheckTask(ctx context.Context, subs []config.Subtask, ignore []string, failures, warnings int) error
	// PlanTask says what a task would do.
	PlanTask(ctx context.Context, subs []config.Subtask, ignore []string) (*plan.Plan, error)
}

// Target cleans up on a task's target database.
type Target interface {
	// RemoveMeta drops every meta table of a task.
	RemoveMeta(ctx context.Context, target config.Database, metaSchema, task string) error
}

// Reporter tells what a worker is doing now.
type Reporter interface {
	Report() status.Report
}

// Operations is what a worker does when a master asks for it, beside what it is
// assigned. Both answer what to tell whoever has asked, and carry out a request
// with an id once.
type Operations interface {
	HandleError(ctx context.Context, whom operation.Whom, req operation.Operator) (string, error)
	OperateSchema(ctx context.Context, whom operation.Whom, req operation.Structure) (string, error)
}
