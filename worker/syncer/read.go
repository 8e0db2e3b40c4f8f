package syncer

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	driver "github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/replica"
	"github.com/raftdm/raftdm/internal/rowevent"
)

// DM's numbers for what can go wrong with the binlog.
const (
	codeMissingColumn = 11126
	codeGetEvent      = 36069
	codeDML           = 36014
	codeParseDDL      = 36067
	codeColumnCount   = 36027
)

const (
	// heartbeat makes a source without traffic say so.
	heartbeat = 5 * time.Second
	// readTimeout is some heartbeats long. A source that is silent for longer
	// is taken for dead, unless it has never spoken: see reader.patience.
	readTimeout = 30 * time.Second
	maxPatience = time.Hour
	// backoffMin and backoffMax bound the wait between two attempts.
	backoffMin = 100 * time.Millisecond
	backoffMax = 3 * time.Second
)

// reader reads the binlog of the source and sends its transactions.
type reader struct {
	source  config.Database
	flavor  string
	version string // of the source
	id      uint32 // replica id
	byGTID  bool
	// upstream is asked whether the source has what was read of another one.
	upstream *dbconn.DB
	group    *grouper
	trouble  *trouble
	// patience is how long the source may be silent at first. Searching for a
	// GTID in many files takes time in which MariaDB sends nothing; a fixed
	// limit would give up and search anew for ever (peer-bugs 42). It begins with
	// readTimeout, unless it is set before.
	patience time.Duration
	// leaves tells which changes of a table's rows are left out; nil for none.
	leaves func(schema, table string) [rowevent.Kinds]bool
	bytes  atomic.Uint64
	ahead  *budget
	meter  *readMeter
}

// budget bounds the memory of what is read and not yet taken: a channel counts
// transactions, of which some are a thousand times as large as others.
type budget struct {
	mu sync.Mutex

	bytes int64         // guarded by mu
	freed chan struct{} // guarded by mu: closed by the next give; nil while nobody waits
}

func newBudget() *budget { return &budget{} }

// take waits for room for n bytes; whatever its size, one always has room.
func (b *budget) take(ctx context.Context, n int64) error {
	for {
		b.mu.Lock()
		if b.bytes == 0 || b.bytes+n <= readAheadBytes {
			b.bytes += n
			b.mu.Unlock()
			return nil
		}
		if b.freed == nil {
			b.freed = make(chan struct{})
		}
		freed := b.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// give says that n bytes are taken care of by someone else.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes -= n
	if b.freed != nil {
		close(b.freed)
		b.freed = nil
	}
}

// replicaID derives the id under which one task reads: tasks of one source
// must not share the source's server-id, for the server ends the older of two
// readers with the same id. Neither must a worker and its successor: they would
// end each other's connections until the first one meets the fence.
func replicaID(base uint32, task string, epoch uint64) uint32 {
	h := fnv.New32a()
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, base), epoch))
	h.Write([]byte(task))
	return 1<<31 | h.Sum32()>>1
}

// run reads until ctx ends or something needs an operator; it closes out. A
// broken connection is not an error: reading begins anew at the last boundary
// between transactions.
func (r *reader) run(ctx context.Context, out chan<- *Txn) error {
	defer close(out)
	first := cmp.Or(r.patience, readTimeout)
	r.patience = first
	wait := backoff{}
	for {
		got, err := r.stream(ctx, out)
		if ctx.Err() != nil {
			return nil // the end was asked for
		}
		err = r.explain(err)
		if !fault.Is(err, fault.Unavailable) {
			return err
		}
		if got {
			wait.reset()
			r.patience = first
		} else {
			r.patience = min(2*r.patience, maxPatience)
		}
		r.trouble.set("upstream", err)
		if !wait.sleep(ctx, nil) {
			return nil
		}
		r.group.reconnect()
	}
}

// decoder makes one for a connection.
func (r *reader) decoder() *decoder {
	d := newDecoder(r.flavor, r.group.include)
	if r.leaves != nil {
		d.leaveOut(r.leaves)
	}
	return d
}

// stream reads over one connection until it breaks. got tells whether
// anything of worth was read. While the coordinator has enough, nothing is read,
// and so the source is not read any faster than it is applied.
func (r *reader) stream(ctx context.Context, out chan<- *Txn) (got bool, err error) {
	if err := r.lacking(ctx); err != nil {
		return false, err
	}
	conn, err := replica.Read(ctx, r.config(), r.group.loc, r.byGTID)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	emit := func(t *Txn) error {
		r.meter.waits()
		if err := r.ahead.take(ctx, t.size); err != nil {
			return err
		}
		select { // there is room mostly, and this is a third of the cost
		case out <- t:
			return nil
		default:
		}
		select {
		case out <- t:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	group := func(h *replication.EventHeader, content any) error { return r.group.event(h, content, emit) }
	decode := r.decoder()
	decode.counts = r.uncounted()
	for {
		r.meter.reads()
		raw, err := conn.Next()
		if err != nil {
			return got, err
		}
		r.meter.arrived()
		r.bytes.Add(uint64(len(raw)))
		worth, err := decode.event(raw, group)
		if worth && !got {
			got = true
			r.trouble.clear("upstream")
		}
		if err != nil {
			return got, err
		}
		r.meter.leaves(decode, len(raw))
	}
}

func (r *reader) config() replica.Config {
	return replica.Config{
		Source: r.source, Flavor: r.flavor, ServerID: r.id, Heartbeat: heartbeat, Patience: r.patience,
		Annotated: r.uncounted(),
	}
}

// uncounted tells that not each event of the source says where it ends.
func (r *reader) uncounted() bool {
	return r.flavor == binlog.MariaDB && !strings.HasPrefix(r.version, "10.")
}

const (
	// purged is the server's number for a binlog that it cannot send.
	purged = 1236
	// sameReplica is MariaDB's number for a reader that another one with the same
	// id has ended. MySQL says it with 1236.
	sameReplica = 4052
)

// explain makes an error of the replication protocol one that says what to do.
func (r *reader) explain(err error) error {
	const op = "read the binlog"
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.Corrupt {
		return fault.Wrap(op, err)
	}
	var answer *gomysql.MyError
	if errors.As(err, &answer) {
		if answer.Code == purged {
			return &fault.Error{Op: op, Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent, Err: err,
				Msg: "the source cannot send its binlog from " + r.group.loc.String(),
				Hint: "if the binlog was purged, or the source has lost the end of it in a crash, copy the data anew" +
					" (stop-task, then start-task --remove-meta), and keep binlogs longer or set sync_binlog = 1;" +
					" if it is another server of its group that lags behind, wait until it has caught up, then resume-task;" +
					" if another replica uses the same server id, give the source another server-id"}
		}
		if answer.Code == sameReplica {
			return &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.Upstream, Code: codeGetEvent, Err: err,
				Hint: "if it stays, give the source another server-id"}
		}
		return dbconn.Error(fault.Upstream, op, &driver.MySQLError{Number: answer.Code, Message: answer.Message})
	}
	var event *replication.EventError
	if known != nil || errors.As(err, &event) {
		return &fault.Error{Op: op, Kind: fault.Corrupt, Side: fault.Upstream, Code: codeGetEvent, Err: err,
			Msg:  "an event after " + r.group.loc.String() + " cannot be decoded",
			Hint: "check the binlog file with mysqlbinlog --verify-binlog-checksum"}
	}
	return &fault.Error{Op: op, Kind: fault.Unavailable, Side: fault.Upstream, Code: codeGetEvent, Err: err,
		Hint: "check that the source runs and is reachable; reading goes on by itself"}
}
