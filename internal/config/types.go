package config

import (
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/onlineddl"
	"github.com/raftdm/raftdm/internal/route"
)

// Database is how to reach one MySQL-protocol server.
type Database = endpoint.Database

// Secret is a password.
type Secret = endpoint.Secret

// StartPoint is where an incremental task begins when it has no checkpoint.
type StartPoint = endpoint.StartPoint

// Source is a source file, validated and with its defaults filled in.
type Source struct {
	SourceID   string
	EnableGTID bool
	// Flavor is "mysql" or "mariadb"; "" until it was detected at create time.
	Flavor string
	// ServerID is the replica id to read the binlog with; 0 until one was chosen.
	ServerID uint32
	From     Database
	Checker  Checker
	// CaseSensitive follows the upstream's lower_case_table_names.
	CaseSensitive bool
	// Events are the binlog event filters for all tasks of the source.
	Events []filter.EventRule
}

// Checker is the auto-resume setting of a source.
type Checker struct {
	Enable          bool
	BackoffRollback time.Duration
	BackoffMax      time.Duration
}

// Mode is which units a task runs.
type Mode string

// The task modes.
const (
	ModeFull        Mode = "full"
	ModeIncremental Mode = "incremental"
	ModeAll         Mode = "all"
	ModeDump        Mode = "dump" // full without the load
	ModeLoad        Mode = "load" // full without the dump: of files that are there
)

// Subtask is everything a worker has to know to run one task for one source.
// It is made by Task.Subtask and never changed.
type Subtask struct {
	Task          string
	SourceID      string
	Sources       int // of the task: several may write to one table of the target
	Mode          Mode
	MetaSchema    string
	CaseSensitive bool
	// Timezone is the time_zone of sessions that execute DDL; rows travel in UTC.
	Timezone      string
	CleanDumpFile bool
	// StrictCollation spells out in each statement which collation the source means;
	// otherwise what a statement does not say is the target's choice.
	StrictCollation bool
	Source          Source
	Target          Database
	// Start is nil unless the file gives a meta section.
	Start *StartPoint
	// Filter decides which upstream tables belong to the task; it was made from
	// Rules, the entry of block-allow-list called RulesName ("" when the file
	// names none).
	Filter    TableFilter
	Rules     filter.Rules
	RulesName string
	// Online tells the tables of online DDL tools, which Filter and DumpFilter leave
	// out; nil without online-ddl, when there are none.
	Online *onlineddl.Rules
	// Routes says what tables are called on the target; Events and Exprs say which
	// changes of them are left out, by kind and by value. nil: no rule says anything.
	Routes *route.Router
	Events *filter.Events
	Exprs  *expr.Rules
	Dump   Dump
	// DumpFilter is which tables are dumped: Filter, unless Dump.Tables is set.
	DumpFilter TableFilter
	Load       Load
	Sync       Sync
}

// TableFilter tells which upstream tables belong to a task.
type TableFilter interface {
	// MatchSchema is the decision for statements about a whole schema.
	MatchSchema(schema string) bool
	// MatchTable is the decision for a table and its rows.
	MatchTable(schema, table string) bool
}

// Dump is the resolved mydumper section.
type Dump struct {
	Threads       int
	ChunkBytes    int64  // size of one data file, bytes
	StatementSize int64  // size of one INSERT, bytes
	Rows          int64  // rows per chunk, 0: choose
	Where         string // filter of exported rows
	Consistency   string // one of the Consistency constants
	Compress      string // "gzip", "zstd" or "" for none
	// Tables replaces the block-allow-list in the dump; nil unless extra-args
	// chooses tables.
	Tables *DumpTables
	// MaxRows and MaxMB are how much is read a second at most, MaxThreadsRunning
	// how many threads of others may run on the source when a chunk begins; 0 for
	// any number.
	MaxRows           int64
	MaxMB             int64
	MaxThreadsRunning int
	// ExtraArgs is the text of extra-args. What it says is in the fields above.
	ExtraArgs string
}

// Load is the resolved loader section.
type Load struct {
	PoolSize int
	Dir      string // with ".{task}" appended
	GivenDir string // without it
	// OnDuplicate is "" for DuplicateError.
	OnDuplicate OnDuplicate
	MaxRows     int64 // rows a second at most, 0: any
	MaxMB       int64 // megabytes (10^6) a second at most, 0: any
	// Overlap lets a load begin while its dump goes on; MaxDisk is how many bytes
	// of files may wait between the two, 0: any.
	Overlap bool
	MaxDisk int64
}

// Sync is the resolved syncer section.
type Sync struct {
	WorkerCount             int
	Batch                   int
	CheckpointFlushInterval time.Duration
	SafeMode                bool
	// Compact makes one change of several changes of a row, MultipleRows one
	// statement of several rows' changes.
	Compact, MultipleRows bool
	// Strict stops the task when an UPDATE or DELETE matches no row outside a
	// replay window.
	Strict bool
}
