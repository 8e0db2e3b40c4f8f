package check

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/raftdm/raftdm/jepsen/history"
)

// replica is a model of the product: an upstream's log, and a target on which
// lanes apply it in parallel, each row in order. It is either right or wrong in
// one way, and leaves a history such as the inserts workload records.
type replica struct {
	r     *rand.Rand
	wrong string // "" or one of the sabotages below
	h     history.History
	now   int64
	busy  map[int]int64 // client -> when its last operation returned

	log      []txn
	next     map[int]int    // client -> next sequence number
	live     map[rowKey]int // rows that their client may change
	upstream map[rowKey]int
	keyed    map[rowKey]int
	keyless  map[rowKey][]int // a row may be there more than once
	lanes    [3]history.Lane
	public   string
}

// txn is one committed transaction.
type txn struct {
	rows    []rowKey
	version int // 0 deletes
	applied bool
	second  bool // its half in the table without a key is still to come
}

func newReplica(seed uint64, wrong string) *replica {
	p := &replica{r: rand.New(rand.NewPCG(seed, 7)), wrong: wrong, busy: map[int]int64{}, next: map[int]int{}, live: map[rowKey]int{},
		upstream: map[rowKey]int{}, keyed: map[rowKey]int{}, keyless: map[rowKey][]int{}}
	return p
}

// run does n steps, lets everything arrive and records both sides.
func (p *replica) run(n int) history.History {
	for range n {
		p.now += 2 * tick
		switch p.r.IntN(6) {
		case 0, 1:
			p.write(p.r.IntN(3))
		case 2, 3, 4:
			if len(p.log)-p.closed() > p.r.IntN(12) { // a lag, in which there is something to choose from
				p.apply()
			}
		default:
			p.read()
		}
	}
	for p.apply() {
	}
	p.wrong = "" // the end must show what was wrong before it
	p.read()
	end := history.RowsEnd{UpstreamKeyed: ownedRows(p.upstream), UpstreamKeyless: ownedRows(p.upstream), TargetKeyed: ownedRows(p.keyed)}
	for k, list := range p.keyless {
		for _, version := range list {
			end.TargetKeyless = append(end.TargetKeyless, history.OwnedRow{k.client, k.seq, version})
		}
	}
	p.record("r", history.RowsFinal, history.OK, history.Side{Source: "s"}, end)
	slices.SortStableFunc(p.h.Ops, func(a, b history.Op) int { return cmp.Compare(a.Call, b.Call) })
	return p.h
}

func ownedRows(rows map[rowKey]int) []history.OwnedRow {
	var out []history.OwnedRow
	for k, version := range rows {
		out = append(out, history.OwnedRow{k.client, k.seq, version})
	}
	return out
}

// record writes an operation that took effect now, somewhere between its call
// and its return.
func (p *replica) record(client string, kind history.Kind, outcome history.Outcome, in, out any) int64 {
	op := history.Op{Client: client, Kind: kind, Call: p.now - p.r.Int64N(9*tick), Return: p.now + p.r.Int64N(9*tick), Outcome: outcome, In: in, Out: out}
	p.h.Ops = append(p.h.Ops, op)
	return op.Return
}

// write does one transaction of a client, with one of the three outcomes.
func (p *replica) write(client int) {
	if p.now-9*tick <= p.busy[client] {
		return
	}
	in := history.Write{Source: "s", Client: client, Op: history.Insert, Seq: p.next[client], Count: 1 + p.r.IntN(3), Version: 1}
	if seq := p.next[client] - 1 - p.r.IntN(6); p.live[rowKey{"s", client, seq}] > 0 && p.r.IntN(3) > 0 {
		in.Op, in.Seq, in.Count, in.Version = history.Update, seq, 1, p.live[rowKey{"s", client, seq}]+1
		if p.r.IntN(5) == 0 {
			in.Op, in.Version = history.Delete, 0
		}
	} else {
		p.next[client] += in.Count
	}
	t := txn{version: in.Version}
	for n := range in.Count {
		t.rows = append(t.rows, rowKey{"s", client, in.Seq + n})
	}
	outcome := history.OK
	switch p.r.IntN(12) {
	case 0:
		outcome = history.Failed
	case 1, 2:
		outcome = history.Unknown
	}
	var out any
	if outcome == history.OK || (outcome == history.Unknown && p.r.IntN(2) == 0) || (outcome == history.Failed && p.wrong == "undone") {
		p.log = append(p.log, t)
		if outcome != history.Failed {
			set(p.upstream, t)
		}
		if outcome == history.OK {
			out = gtid(len(p.log))
		}
	}
	for _, k := range t.rows {
		switch {
		case outcome == history.OK && in.Version > 0:
			p.live[k] = in.Version
		case outcome != history.Failed:
			delete(p.live, k)
		}
	}
	p.busy[client] = p.record(fmt.Sprint("w", client), history.RowsWrite, outcome, in, out)
}

func set(rows map[rowKey]int, t txn) {
	for _, k := range t.rows {
		if t.version == 0 {
			delete(rows, k)
		} else {
			rows[k] = t.version
		}
	}
}

// apply lets a lane apply one of the next transactions whose rows nobody before
// it writes; false when there is none.
func (p *replica) apply() bool {
	for i := range p.log {
		if p.log[i].second && (p.r.IntN(2) == 0 || p.wrong == "") {
			p.log[i].second = false
			p.setKeyless(p.log[i], 1)
			return true
		}
	}
	var ready []int
	touched := map[rowKey]bool{}
	for i := p.closed(); i < len(p.log) && len(ready) < 8; i++ {
		free := !p.log[i].applied
		for _, k := range p.log[i].rows {
			free = free && (!touched[k] || p.wrong == "reorder")
			touched[k] = touched[k] || !p.log[i].applied
		}
		if free {
			ready = append(ready, i)
		}
	}
	if len(ready) == 0 {
		return false
	}
	i := ready[p.r.IntN(len(ready))]
	t := &p.log[i]
	t.applied = true
	p.execute(t)
	p.note(i)
	return true
}

// execute changes both tables, or does not, as the sabotage has it.
func (p *replica) execute(t *txn) {
	hit := p.r.IntN(5) == 0
	switch {
	case p.wrong == "lose" && hit:
	case p.wrong == "tear" && hit:
		set(p.keyed, *t)
		t.second = true
	case p.wrong == "twice" && hit:
		set(p.keyed, *t)
		p.setKeyless(*t, 2)
	default:
		set(p.keyed, *t)
		p.setKeyless(*t, 1)
	}
}

func (p *replica) setKeyless(t txn, times int) {
	for _, k := range t.rows {
		delete(p.keyless, k)
		for range times {
			if t.version > 0 {
				p.keyless[k] = append(p.keyless[k], t.version)
			}
		}
	}
}

// closed is how many transactions from the first on are applied.
func (p *replica) closed() int {
	for i, t := range p.log {
		if !t.applied {
			return i
		}
	}
	return len(p.log)
}

// note records a transaction in the row of some lane, as the syncer does.
func (p *replica) note(i int) {
	mark := p.closed()
	if p.wrong == "ahead" {
		mark = min(len(p.log), mark+3)
	}
	l := &p.lanes[p.r.IntN(len(p.lanes))]
	l.Watermark = gtid(mark).GTID
	l.Applied = map[string]string{"0-1-": fmt.Sprint(i + 1)}
	if p.r.IntN(10) == 0 {
		p.public = l.Watermark
	}
}

// read looks at a window of one client's rows.
func (p *replica) read() {
	client := p.r.IntN(3)
	in := history.Window{Source: "s", Client: client, Low: max(0, p.next[client]-p.r.IntN(30))}
	in.High = in.Low + 30
	out := history.Rows{Published: p.public}
	for seq := in.Low; seq < in.High; seq++ {
		k := rowKey{"s", client, seq}
		if version := p.keyed[k]; version > 0 {
			out.Keyed = append(out.Keyed, row(seq, version))
		}
		for _, version := range p.keyless[k] {
			out.Keyless = append(out.Keyless, row(seq, version))
		}
	}
	for _, l := range p.lanes {
		l.Lane = len(out.Lanes)
		out.Lanes = append(out.Lanes, l)
	}
	p.record("r", history.RowsRead, history.OK, in, out)
}

// A replica that is right never raises an alarm, whatever overlaps and however
// many outcomes are unknown; one that is wrong in one way is always found out,
// by the promise that it breaks.
func TestReplicas(t *testing.T) {
	for _, c := range []struct {
		wrong string
		want  []error
	}{
		{"", nil},
		{"lose", []error{ErrLostRow, ErrCheckpointAhead}},
		{"tear", []error{ErrTornTxn}},
		{"twice", []error{ErrPhantomRow}},
		{"reorder", []error{ErrStaleWin}},
		{"ahead", []error{ErrCheckpointAhead}},
		{"undone", []error{ErrPhantomRow}},
	} {
		t.Run("wrong "+c.wrong, func(t *testing.T) {
			for seed := range uint64(40) {
				h := newReplica(seed, c.wrong).run(4000)
				err := errors.Join(All(h)...)
				if len(c.want) == 0 && err != nil {
					t.Fatalf("seed %d: a false alarm: %v", seed, err)
				}
				for _, want := range c.want {
					if !errors.Is(err, want) {
						t.Fatalf("seed %d: not found out: %v; what was found: %v", seed, want, err)
					}
				}
			}
		})
	}
}
