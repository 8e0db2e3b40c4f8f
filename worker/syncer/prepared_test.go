package syncer

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestXAMemoryIsBounded: what is remembered of prepared transactions does not grow.
func TestXAMemoryIsBounded(t *testing.T) {
	p := newPrepared(10_000)
	work := func(i, size int) *xaWork {
		return &xaWork{verb: xaPrepare, xid: xid(fmt.Sprint(i)), events: []xaEvent{{body: make([]byte, size)}}}
	}
	for i := range 1000 {
		p.keep(work(i%300, 100*(i%7)))
		if i%3 == 0 {
			p.take(xid(fmt.Sprint(i % 290)))
		}
		var held int64
		for _, e := range p.by {
			held += e.Value.(*xaWork).size() + preparedOverhead
		}
		if held != p.bytes || held > p.limit || p.aged.Len() != len(p.by) {
			t.Fatalf("%d bytes are held, %d counted, by %d and %d", held, p.bytes, p.aged.Len(), len(p.by))
		}
	}
	p.keep(work(7, 100))
	p.keep(work(7, 20_000)) // too large; the one before it is not to be taken for it
	if p.take("7") != nil {
		t.Error("remembered")
	}
	var got []string
	for i := range 20 {
		p.keep(work(i, 1000))
	}
	for e := p.aged.Front(); e != nil; e = e.Next() {
		got = append(got, string(e.Value.(*xaWork).xid))
	}
	if diff := cmp.Diff([]string{"14", "15", "16", "17", "18", "19"}, got); diff != "" {
		t.Error(diff)
	}
}
