package history

// Move is one account's part of a transfer.
type Move struct {
	Account int   `json:"account"`
	Delta   int64 `json:"delta"`
}

// Transfer is the input of a BankTransfer. The deltas add up to zero. Undone
// means that the client rolled it back on purpose.
type Transfer struct {
	Source string `json:"source"`
	Moves  []Move `json:"moves"`
	Undone bool   `json:"undone,omitempty"`
}

// Committed is the output of a transaction on an upstream.
type Committed struct {
	GTID string `json:"gtid,omitempty"`
}

// Bank is the input of BankRead and BankFinal: one source's accounts, and what
// all of them hold together at any time.
type Bank struct {
	Source   string `json:"source"`
	Accounts int    `json:"accounts"`
	Total    int64  `json:"total"`
}

// Balance is an account number and what it holds.
type Balance [2]int64

// Balances is the output of BankRead: one snapshot of the target, by account.
type Balances struct {
	Rows []Balance `json:"rows"`
}

// BankEnd is the output of BankFinal: both sides after the last transfer.
type BankEnd struct {
	Upstream []Balance `json:"upstream"`
	Target   []Balance `json:"target"`
}

// What a RowsWrite does.
const (
	Insert = "insert"
	Update = "update"
	Delete = "delete"
)

// Write is the input of RowsWrite: Count rows from Seq on are inserted in one
// transaction, into the table with a key and into the one without; or one row
// of both is given a higher version or deleted. Only the client writes its
// rows, and no row after an Unknown outcome about it.
type Write struct {
	Source  string `json:"source"`
	Client  int    `json:"client"`
	Op      string `json:"op"`
	Seq     int    `json:"seq"`
	Count   int    `json:"count"`
	Version int    `json:"version"` // 1 for an insert, 0 for a delete
	Undone  bool   `json:"undone,omitempty"`
}

// Window is the input of RowsRead: one client's rows with Low <= seq < High.
type Window struct {
	Source string `json:"source"`
	Client int    `json:"client"`
	Low    int    `json:"low"`
	High   int    `json:"high"`
}

// Row is a sequence number and a version.
type Row [2]int

// Rows is the output of RowsRead: all of it from one snapshot of the target.
type Rows struct {
	Keyed   []Row `json:"keyed"`
	Keyless []Row `json:"keyless"`
	// Published is the GTID set of the global row of DM's checkpoint table, ""
	// when there is none.
	Published string `json:"published,omitempty"`
	Lanes     []Lane `json:"lanes,omitempty"`
}

// Lane is one row of the lane table: a GTID set and, above it, transactions as
// ranges of numbers behind a common beginning.
type Lane struct {
	Lane      int               `json:"lane"`
	Watermark string            `json:"watermark,omitempty"`
	Applied   map[string]string `json:"applied,omitempty"`
}

// Side is the input of RowsFinal.
type Side struct {
	Source string `json:"source"`
}

// OwnedRow is client, seq and version.
type OwnedRow [3]int

// RowsEnd is the output of RowsFinal: both sides after the last write.
type RowsEnd struct {
	UpstreamKeyed   []OwnedRow `json:"upstream_keyed"`
	UpstreamKeyless []OwnedRow `json:"upstream_keyless"`
	TargetKeyed     []OwnedRow `json:"target_keyed"`
	TargetKeyless   []OwnedRow `json:"target_keyless"`
}

// The verbs of Request.
const (
	CreateSource   = "create-source"
	StopSource     = "stop-source"
	ShowSource     = "show-source"
	TransferSource = "transfer-source"
	ListWorkers    = "list-workers"
	StartTask      = "start-task"
	StopTask       = "stop-task"
	PauseTask      = "pause-task"
	ResumeTask     = "resume-task"
	QueryTask      = "query-task"
	// FinalStage is asked once, at the end, and waits until what the workers do
	// is what is wanted of them.
	FinalStage = "final-stage"
)

// Request is the input of a Control operation: one run of dmctl.
type Request struct {
	Verb   string `json:"verb"`
	Object string `json:"object,omitempty"` // the source or task
	Worker string `json:"worker,omitempty"` // of transfer-source
	Master int    `json:"master"`           // who was asked, -1 for all of them
}

// Answer is the output of a Control operation. Code is DM's number of a
// refusal; Missing means that the answer says the object does not exist.
type Answer struct {
	Code    int    `json:"code,omitempty"`
	Missing bool   `json:"missing,omitempty"`
	Stage   string `json:"stage,omitempty"`  // of query-task and final-stage
	Worker  string `json:"worker,omitempty"` // of show-source
	// Bindings of list-workers: worker to source.
	Bindings map[string]string `json:"bindings,omitempty"`
	Text     string            `json:"text,omitempty"`
}

// Subscription is the input of FeedBatch: which master's stream, asked for
// which index. A stream is one operation per message, in order, under one
// client name.
type Subscription struct {
	Master string `json:"master"`
	From   uint64 `json:"from"`
}

// Batch is the output of FeedBatch: one message of a master's change stream.
type Batch struct {
	From     uint64   `json:"from"`
	To       uint64   `json:"to"`
	Snapshot bool     `json:"snapshot,omitempty"`
	Changes  []Change `json:"changes,omitempty"`
}

// Change is what one command did.
type Change struct {
	Index       uint64  `json:"index"`
	Kind        string  `json:"kind,omitempty"`
	AtUnixMilli int64   `json:"at,omitempty"`
	RequestID   string  `json:"request,omitempty"`
	Touches     []Touch `json:"touches,omitempty"`
}

// Touch is one record that a change wrote or deleted.
type Touch struct {
	Noun    string `json:"noun"`
	Source  string `json:"source,omitempty"`
	Task    string `json:"task,omitempty"`
	Worker  string `json:"worker,omitempty"`
	Member  string `json:"member,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Epoch   uint64 `json:"epoch,omitempty"`
	Session uint64 `json:"session,omitempty"`
	Stage   string `json:"stage,omitempty"`
}

// AuditRow is one commit of a lane as the target's trigger saw it, in the order
// in which the target gave out the ids.
type AuditRow struct {
	ID     uint64 `json:"id"`
	Task   string `json:"task,omitempty"`
	Source string `json:"source"`
	Lane   int    `json:"lane"`
	Epoch  uint64 `json:"epoch"`
	Conn   uint64 `json:"conn"`
	Worker string `json:"worker,omitempty"` // whose connection it was; "" when not known
}

// AuditLog is the output of Audit.
type AuditLog struct {
	Rows []AuditRow `json:"rows"`
}
