package fsm

import "github.com/raftdm/raftdm/internal/status"

// The identifiers of the nouns. Each is a type of its own so that none is
// passed where another is meant.
type (
	// SourceID names an upstream database, as its source file does.
	SourceID string
	// TaskName names a task, unique in the cluster.
	TaskName string
	// WorkerName names a dm-worker.
	WorkerName string
	// MasterName names a dm-master.
	MasterName string
	// Index is a raft log index: the clock of everything agreed.
	Index uint64
	// Epoch is the number of a binding: the index at which it was minted, above
	// SetClusterID.Epochs. The target database fences by it: a worker with an
	// older epoch cannot commit.
	Epoch uint64
	// SessionID is the index at which a worker's session was opened.
	SessionID uint64
	// RequestID makes a command of a client execute once however often it is
	// proposed; empty for commands of the cluster itself that are idempotent.
	RequestID string
)

// Source is an upstream database.
type Source struct {
	ID SourceID
	// Config is the source file as text (YAML), flavor and server-id filled in.
	Config string
	// Created is when the source came into being.
	Created Index
}

// Worker is a registered dm-worker.
type Worker struct {
	Name WorkerName
	Addr string // advertised host:port
	// Session is the open session, 0 when the worker is offline.
	Session SessionID
	// TTLSeconds is the lease the session asked for.
	TTLSeconds int64
	// LastSource is the source it served last; affinity for the next binding.
	LastSource SourceID
}

// Member is a dm-master that belongs to the cluster.
type Member struct {
	Name MasterName
	// Peer and Client are the advertised addresses, host:port.
	Peer, Client string
	// Instance is the random id of its data directory: the same name with
	// another one has forgotten what it promised.
	Instance string
}

// LoadFiles says that a worker's disk has files of a full migration that are
// not loaded yet.
type LoadFiles struct {
	Task   TaskName
	Source SourceID
	Worker WorkerName
}

// Binding says which worker serves a source, and since which epoch.
type Binding struct {
	Source SourceID
	Worker WorkerName
	Epoch  Epoch
}

// Task is what an operator started: the file, and for which sources.
type Task struct {
	Name    TaskName
	Created Index
	// Sources holds the configuration text (YAML) per source, since a source
	// may be added later with an edited file.
	Sources map[SourceID]string
}

// Subtask is a task's part for one source.
type Subtask struct {
	Task   TaskName
	Source SourceID
	// Config is the task file as text (YAML) that holds for this source.
	Config string
	// Stage is what is wanted: Running or Paused.
	Stage status.Stage
	// Revision is the index of the last command that changed this subtask. A
	// resume-task of a running subtask changes it too: it asks a subtask that
	// stopped on an error to try again.
	Revision Index
}
