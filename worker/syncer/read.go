package syncer

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"log/slog"
	"net"
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
	group   *grouper
	trouble *trouble
	// patience is how long the source may be silent at first. Searching for a
	// GTID in many files takes time in which MariaDB sends nothing; a fixed
	// limit would give up and search anew for ever (peer-bugs 42).
	patience time.Duration
	bytes    atomic.Uint64
	ahead    *budget
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
	r.patience = readTimeout
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
			r.patience = readTimeout
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

// stream reads over one connection until it breaks. got tells whether
// anything of worth was read.
func (r *reader) stream(ctx context.Context, out chan<- *Txn) (got bool, err error) {
	h := &handler{r: r, decode: newDecoder(r.flavor, r.group.include), emit: func(t *Txn) error {
		if err := r.ahead.take(ctx, t.size); err != nil {
			return err
		}
		select {
		case out <- t:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	cfg := r.config(h)
	syncer := replication.NewBinlogSyncer(cfg)
	var once sync.Once
	stop := func() { once.Do(func() { h.closing.Store(true); syncer.Close() }) }
	defer stop()
	unhook := context.AfterFunc(ctx, stop)
	defer unhook()

	var s *replication.BinlogStreamer
	if r.byGTID {
		s, err = syncer.StartSyncGTID(r.group.loc.GTID.Raw())
	} else {
		p := r.group.loc.Position
		s, err = syncer.StartSync(gomysql.Position{Name: p.Name, Pos: p.Pos})
	}
	if err != nil {
		return false, err
	}
	_, err = s.GetEvent(ctx) // events go to the handler; this is where the end shows
	stop()                   // after it the handler runs no more, so its fields may be read
	if h.err != nil {
		err = h.err
	}
	return h.got, err
}

func (r *reader) config(h *handler) replication.BinlogSyncerConfig {
	patience := r.patience
	return replication.BinlogSyncerConfig{
		ServerID: r.id, Flavor: r.flavor,
		Host: r.source.Host, Port: uint16(r.source.Port), User: r.source.User, Password: r.source.Password.Reveal(),
		RawModeEnabled:          true, // decoder takes events apart
		HeartbeatPeriod:         heartbeat,
		ReadTimeout:             patience,
		DisableRetrySync:        true, // it would not resume at a transaction boundary
		DiscardGTIDSet:          true,
		EventCacheCount:         1, // unused: the handler takes the events
		FillZeroLogPos:          r.flavor == binlog.MariaDB && !strings.HasPrefix(r.version, "10."),
		SynchronousEventHandler: h,
		Logger:                  slog.New(slog.DiscardHandler), // what it would log is returned too
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if h.closing.Load() {
				// Closing would connect once more only to KILL the reader's thread,
				// and wait long for a source that is away.
				return nil, net.ErrClosed
			}
			var d net.Dialer
			conn, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &patientConn{Conn: conn}, nil
		},
	}
}

// patientConn moves its read deadline about once a second, and not three times
// for each packet, which go-mysql asks for.
type patientConn struct {
	net.Conn
	deadline time.Time
}

// SetReadDeadline may leave an earlier deadline, by a second at most.
func (c *patientConn) SetReadDeadline(t time.Time) error {
	if d := t.Sub(c.deadline); !t.IsZero() && d >= 0 && d < time.Second {
		return nil
	}
	c.deadline = t
	return c.Conn.SetReadDeadline(t)
}

// handler receives the events of one connection, in its goroutine. When out is
// full it blocks, and so the source is not read any faster than it is applied.
type handler struct {
	r       *reader
	decode  *decoder
	emit    func(*Txn) error // blocks while the coordinator has enough
	closing atomic.Bool
	got     bool
	err     error
}

// HandleEvent takes one event.
func (h *handler) HandleEvent(ev *replication.BinlogEvent) error {
	h.r.bytes.Add(uint64(ev.Header.EventSize))
	if !artificial(ev.Header) {
		h.got = true
		h.r.trouble.clear("upstream")
	}
	err := h.decode.event(ev, func(at *replication.EventHeader, content any) error { return h.r.group.event(at, content, h.emit) })
	if err != nil {
		h.err = err
	}
	return err
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
