package syncer

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// recorded is an event and where it begins.
type recorded struct {
	at      binlog.Position
	over    bool // where positions cannot be named
	h       *replication.EventHeader
	content any
}

// recording is a binlog with XA and other transactions, and what it comes to.
type recording struct {
	t      *rapid.T
	maria  bool
	events []recorded
	at     binlog.Position
	seq    uint64
	rows   int64 // of which each has a number of its own
	tall   bool  // the file is larger than 4 GiB
	ids    []string

	want     []string         // rows in the order in which they are committed
	prepared map[xid][]string // that nobody has ended
}

func (r *recording) put(kind replication.EventType, content any) { r.sized(kind, content, 100) }

func (r *recording) sized(kind replication.EventType, content any, size uint32) {
	begin := r.at
	r.at.Pos += size
	r.events = append(r.events, recorded{begin, r.tall, &replication.EventHeader{EventType: kind, LogPos: r.at.Pos, EventSize: size, Timestamp: 7}, content})
}

// huge makes the file larger than 4 GiB, in a transaction.
func (r *recording) huge() {
	for range 5 {
		r.sized(replication.TABLE_MAP_EVENT, nil, 1<<30)
		r.tall = r.tall || r.at.Pos < 1<<30
	}
}

func (r *recording) gtid(x xid, flags byte) {
	r.seq++
	if !r.maria {
		r.ids = append(r.ids, fmt.Sprintf("30313233-3435-3637-3839-616263646566:%d", r.seq))
		r.put(replication.GTID_EVENT, &replication.GTIDEvent{SID: []byte("0123456789abcdef"), GNO: int64(r.seq)})
		return
	}
	e := &replication.MariadbGTIDEvent{Flags: flags}
	e.GTID.ServerID, e.GTID.SequenceNumber = 1, r.seq
	r.ids = append(r.ids, e.GTID.String())
	if flags&preparedXA != 0 {
		r.put(replication.MARIADB_GTID_EVENT, &xaGTID{e, x})
		return
	}
	r.put(replication.MARIADB_GTID_EVENT, e)
}

func (r *recording) query(text string) {
	r.put(replication.QUERY_EVENT, &replication.QueryEvent{Query: []byte(text), Schema: []byte("d")})
}

// change puts some rows of two tables.
func (r *recording) change() (out []string) {
	for range rapid.IntRange(0, 5).Draw(r.t, "events") {
		out = append(out, r.insert(rapid.SampledFrom([]string{"a", "b"}).Draw(r.t, "table"), rapid.IntRange(1, 4).Draw(r.t, "rows"))...)
	}
	return out
}

func (r *recording) insert(table string, rows int) (out []string) {
	values := [][]any{}
	for range rows {
		r.rows++
		values = append(values, []any{r.rows})
		out = append(out, fmt.Sprintf("%s%d", table, r.rows))
	}
	const kind = byte(replication.WRITE_ROWS_EVENTv1)
	id, columns := uint64(table[0]), []string{"bigint"}
	e := rowtest.Rows(r.t, rowtest.TableMap(r.t, id, "d", table, columns), kind, rowtest.RowsEvent(r.t, kind, id, columns, values...))
	r.put(replication.WRITE_ROWS_EVENTv1, &e)
	return out
}

func (r *recording) ordinary() {
	r.gtid("", 0)
	if !r.maria {
		r.query("BEGIN")
	}
	r.want = append(r.want, r.change()...)
	if rapid.IntRange(0, 9).Draw(r.t, "huge") == 0 {
		r.huge()
		r.want = append(r.want, r.change()...)
	}
	r.put(replication.XID_EVENT, &replication.XIDEvent{})
}

func (r *recording) xa(x xid, onePhase bool) {
	if r.maria && onePhase {
		r.ordinary()
		return
	}
	r.gtid(x, preparedXA)
	if !r.maria {
		r.query("XA START " + string(x))
	}
	rows := r.change()
	r.query("XA END " + string(x))
	mark := byte(0)
	if onePhase {
		mark = 1
		r.want = append(r.want, rows...)
	} else {
		r.prepared[x] = rows
	}
	n := byte(x[2]-'0')<<4 | byte(x[3]-'0')
	r.put(replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{Data: []byte{mark, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, n}})
}

func (r *recording) ends(x xid, commit bool) {
	r.gtid("", 1)
	if commit {
		r.query("XA COMMIT " + string(x))
		r.want = append(r.want, r.prepared[x]...)
	} else {
		r.query("XA ROLLBACK " + string(x))
	}
	delete(r.prepared, x)
}

// rotate begins another file, sometimes because the source has died while it
// wrote a large transaction.
func (r *recording) rotate() {
	h := &replication.EventHeader{EventType: replication.ROTATE_EVENT, LogPos: r.at.Pos + 40, EventSize: 40}
	if rapid.Bool().Draw(r.t, "dies") {
		h.Flags = replication.LOG_EVENT_ARTIFICIAL_F
		complete := len(r.ids)
		switch {
		case r.tall && rapid.Bool().Draw(r.t, "inside another"):
			r.gtid("", 0)
			if !r.maria {
				r.query("BEGIN")
			}
			r.insert("a", 1) // not so large that it is cut, which would be an error
		case !r.tall:
			r.gtid("X'99',X'',1", preparedXA)
			if !r.maria {
				r.query("XA START X'99',X'',1")
			}
			r.change()
		}
		r.ids = r.ids[:complete]
	}
	begin, next := r.at, binlog.Position{Name: fmt.Sprintf("b.%06d", len(r.events)+2), Pos: 4}
	r.events = append(r.events, recorded{begin, r.tall, h, &replication.RotateEvent{NextLogName: []byte(next.Name), Position: 4}})
	r.at, r.tall = next, false
}

func drawRecording(t *rapid.T) *recording {
	r := &recording{t: t, maria: rapid.Bool().Draw(t, "maria"), at: binlog.Position{Name: "b.000001", Pos: 4}, prepared: map[xid][]string{}}
	names := []xid{"X'01',X'',1", "X'02',X'',1", "X'03',X'',1"}
	for range rapid.IntRange(1, 12).Draw(t, "transactions") {
		x := rapid.SampledFrom(names).Draw(t, "xid")
		_, there := r.prepared[x]
		what := rapid.IntRange(0, 5).Draw(t, "what")
		if r.tall {
			what %= 2 // the source begins another file soon
		}
		switch what {
		case 0:
			r.rotate()
		case 1:
			r.ordinary()
		default:
			if there {
				r.ends(x, rapid.IntRange(0, 3).Draw(t, "commit") > 0)
			} else {
				r.xa(x, rapid.IntRange(0, 4).Draw(t, "one phase") == 0)
			}
		}
	}
	if r.tall {
		r.rotate()
	}
	return r
}

// replayed is a target that is written by no more than what a grouper says.
type replayed struct {
	t       *rapid.T
	got     []string
	stored  map[xid]map[int64][]byte
	partial checkpoint.Partial
	loc     binlog.Location
	crash   bool // in the middle of what was done last
}

func rowNames(rows []Row) (out []string) {
	for _, r := range rows {
		out = append(out, fmt.Sprintf("%s%d", r.Table.Table, valuesOf(r.After)[0]))
	}
	return out
}

// take does what a coordinator and lanes do, and may crash inside it.
func (r *replayed) take(t *Txn) {
	if w := t.xa; w != nil {
		r.xa(t, w)
	} else {
		r.got = append(r.got, rowNames(t.Rows)...)
	}
	if r.crash {
		return
	}
	if !t.Last {
		r.partial = checkpoint.Partial{Txn: t.BeginID(), Rows: t.RowsBefore + t.rows(), Of: t.of}
		return
	}
	r.partial, r.loc = checkpoint.Partial{}, t.End
}

func (r *replayed) xa(t *Txn, w *xaWork) {
	if w.verb == xaPrepare {
		if t.RowsBefore == 0 {
			r.stored[w.xid] = map[int64][]byte{0: nil}
		}
		if data := w.store(); len(data) > 0 {
			r.stored[w.xid][t.RowsBefore] = data
		}
		return
	}
	parts := r.stored[w.xid]
	if len(parts) == 0 && w.verb == xaCommit {
		r.t.Fatalf("nothing is stored of %s", w.xid)
	}
	for i, n := range slices.Sorted(maps.Keys(parts)) {
		events, err := xaStored(parts[n])
		if err != nil {
			r.t.Fatal(err)
		}
		rows, err := xaRows(events)
		if err != nil {
			r.t.Fatal(err)
		}
		if i > 0 && rapid.IntRange(0, 3).Draw(r.t, "crash between parts") == 0 {
			r.crash = true
			return
		}
		if w.verb == xaCommit {
			r.got = append(r.got, rowNames(rows)...)
		}
		delete(parts, n)
		r.partial = checkpoint.Partial{Txn: t.BeginID(), Rows: t.RowsBefore + n + int64(len(rows))}
	}
	delete(r.stored, w.xid)
}

// TestAnyBreakIsEqual reads XA and other transactions over connections that
// break and in runs that end, at any event: each row is applied once, in the
// order in which they are committed, and what stays stored is what is prepared.
func TestAnyBreakIsEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bin := drawRecording(t)
		flavor := binlog.MySQL
		if bin.maria {
			flavor = binlog.MariaDB
		}
		set, err := binlog.ParseGTIDSet(flavor, "")
		if err != nil {
			t.Fatal(err)
		}
		to := &replayed{t: t, stored: map[xid]map[int64][]byte{}, loc: binlog.Location{Position: bin.events[0].at, GTID: set}}
		begin := func() *grouper {
			most := rapid.Int64Range(400, 4000).Draw(t, "size of pieces")
			t.Logf("a run with pieces of %d bytes begins at %s, %v", most, to.loc, to.partial)
			g := newGrouper(to.loc, flavor, false, most, func(_, _ string) bool { return true })
			g.sent = sentOf(to.partial)
			to.crash = false
			return g
		}
		g := begin()
		// Nothing comes to an end while all breaks again and again.
		breaks := rapid.IntRange(0, 12).Draw(t, "breaks")
		broken := func(how string) bool {
			if breaks == 0 || rapid.IntRange(0, 9).Draw(t, how) > 0 {
				return false
			}
			breaks--
			return true
		}
		for i := 0; i < len(bin.events); i++ {
			from := g.loc.Position
			switch e := &bin.events[i]; {
			case broken("break"):
				t.Log("reconnect")
				g.reconnect()
			case broken("restart"):
				g = begin()
			default:
				if err := g.event(e.h, e.content, func(tx *Txn) error { t.Log(show(tx)); to.take(tx); return nil }); err != nil {
					t.Fatal(err)
				}
				if !to.crash {
					continue
				}
				g = begin()
				from = to.loc.Position
			}
			i = slices.IndexFunc(bin.events, func(e recorded) bool { return e.at == from && !e.over }) - 1
			if i == -2 {
				t.Fatalf("nobody can begin to read at %s", from)
			}
		}
		for _, id := range bin.ids {
			if set, err = set.Add(id); err != nil {
				t.Fatal(err)
			}
		}
		if !g.loc.GTID.Equal(set) {
			t.Errorf("read %s, of %s", g.loc.GTID, set)
		}
		if diff := cmp.Diff(bin.want, to.got); diff != "" {
			t.Fatal(diff)
		}
		for x := range to.stored {
			if _, ok := bin.prepared[x]; !ok {
				t.Errorf("%s is stored", x)
			}
		}
		for x, want := range bin.prepared {
			var got []string
			for _, n := range slices.Sorted(maps.Keys(to.stored[x])) {
				events, err := xaStored(to.stored[x][n])
				if err != nil {
					t.Fatal(err)
				}
				rows, err := xaRows(events)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, rowNames(rows)...)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("stored of %s: %s", x, diff)
			}
		}
	})
}
