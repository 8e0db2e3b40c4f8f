// Package status holds what a worker says about itself: plain data that the
// units fill, the worker collects and rpc renders in DM's JSON. It has no
// behaviour and no protobuf, so that neither side has to know the other.
package status

import "time"

// Stage is the stage of a subtask, numbered as on DM's wire.
type Stage uint8

// The stages of a subtask.
const (
	StageInvalid Stage = iota
	StageNew
	StageRunning
	StagePaused
	StageStopped
	StageFinished
)

var stageNames = [...]string{"InvalidStage", "New", "Running", "Paused", "Stopped", "Finished"}

// String gives the stage as DM prints it.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return stageNames[0]
}

// Unit is the kind of work a subtask is doing, numbered as on DM's wire.
type Unit uint8

// The units of a subtask, in the order in which they run.
const (
	UnitInvalid Unit = 0
	UnitDump    Unit = 2
	UnitLoad    Unit = 3
	UnitSync    Unit = 4
)

// String gives the unit as DM prints it.
func (u Unit) String() string {
	switch u {
	case UnitDump:
		return "Dump"
	case UnitLoad:
		return "Load"
	case UnitSync:
		return "Sync"
	default:
		return "InvalidUnit"
	}
}

// Report is everything a worker tells the masters at one moment.
type Report struct {
	Source   string // the source the worker serves, "" when free
	Epoch    uint64 // the epoch of the binding it obeys
	Subtasks []Subtask
}

// Subtask is one subtask at one moment. Exactly one of Dump, Load and Sync is
// set, the one that Unit names; none before the first unit started.
type Subtask struct {
	Task  string
	Stage Stage
	Unit  Unit
	// Revision is the revision of the desired subtask that the worker acted on
	// last, so that a master can tell an answer to its command from an older state.
	Revision uint64
	// Err is why the subtask is Paused, or, while it is Running, the failure
	// that it is retrying right now; nil when all is well.
	Err  error
	Dump *Dump
	Load *Load
	Sync *Sync
}

// Dump is the progress of the dump unit.
type Dump struct {
	TotalTables     int64
	CompletedTables float64 // a table dumped half counts 0.5
	FinishedBytes   float64
	FinishedRows    float64
	EstimateRows    float64
	BytesPerSecond  int64
	Progress        string // "25.44 %"
	// ETALow and ETAHigh are between which numbers of seconds the end is to be
	// expected; both 0 when nothing can be said.
	ETALow, ETAHigh int64
	// Held says why the dump goes slower than it could; "" when it does not.
	Held string
	// Loaded is how many bytes of it are on the target, where it is loaded meanwhile.
	Loaded int64
	Disk
}

// Disk is how many bytes of data files are on the worker's disk, and how many
// may be, 0 for any number.
type Disk struct {
	Used, Most int64
}

// Load is the progress of the load unit.
type Load struct {
	FinishedBytes  int64
	TotalBytes     int64
	Progress       string // "25.44 %"
	MetaBinlog     string // "(mariadb-bin.000001, 1234)": where the dump was taken
	MetaBinlogGTID string
	BytesPerSecond int64
	FinishedRows   int64
	// ETALow and ETAHigh are between which numbers of seconds the end is to be
	// expected; both 0 when nothing can be said.
	ETALow, ETAHigh int64
	// Conflicts counts rows that the target held already, since the unit began;
	// LastConflict names the last one whose values were looked at.
	Conflicts    int64
	LastConflict string
	// Held says why the load goes slower than it could; "" when it does not.
	Held string
	Disk
}

// Sync is the progress of the syncer unit.
type Sync struct {
	TotalEvents         int64
	TotalTPS            int64
	RecentTPS           int64
	TotalRows           int64
	TotalRPS            int64
	RecentRPS           int64
	MasterBinlog        string // "(mariadb-bin.000001, 1234)"
	MasterBinlogGTID    string
	SyncerBinlog        string // the watermark
	SyncerBinlogGTID    string
	BlockingDDLs        []string
	Synced              bool
	BinlogType          string // "remote" or "local"
	SecondsBehindMaster int64
	IOTotalBytes        uint64
	// UnmatchedRows counts UPDATEs and DELETEs that met no row outside a
	// replay window, and LastUnmatched says which was the last (key and position).
	UnmatchedRows int64
	LastUnmatched string
	// Cascades are foreign keys that came while the unit ran and change rows by
	// CASCADE or SET NULL, which the source's binlog does not show.
	Cascades []string
	// Lanes is how many connections apply rows, LanesApplying how many of them have
	// a target transaction in hand, LanesWaiting how many wait for rows of others;
	// QueuedRows is what they have not applied yet.
	Lanes, LanesApplying, LanesWaiting int
	QueuedRows                         int64
	// Held is what everything waits for; "" when nothing is in the way.
	Held string
	At   time.Time
}
