package syncer

import (
	"sync"
	"sync/atomic"
	"time"
)

// width is how many lanes get something to do.
//
// How many serve best depends on the target, the network and the rows, and too
// many cost as well as too few: their transactions wait for each other's pages
// and processors. So the number is found by trying: from time to time the next
// greater or smaller one is taken for a while, and kept when more rows a second
// come through. So a worker-count that is too large does no harm.
type width struct {
	levels []int          // the numbers to choose from; the last one is that of the lanes
	lanes  atomic.Int64   // the present one
	load   []atomic.Int64 // rows that each lane has to apply

	mu sync.Mutex
	// mu guards the following.
	level int // in levels, of the present
	home  int // in levels, the best so far
	step  int // +1 or -1: where the next try goes
	stay  int // measurements until then
	pause int // as many came before the last try
	score []float64
	since time.Time // of the measurement below; zero when it has not begun
	rows  int
	ended int // target transactions
	other int // those that ended while other lanes had something to do than may have
	void  int // measurements of this number that said nothing
}

const (
	// firstWidth is where the search begins: few lanes make the most of a target
	// with few processors, and one with more shows soon that it takes more.
	firstWidth = 8
	// measured is how long a number of lanes is looked at, and rounds how many
	// transactions each of them makes at least.
	measured = 400 * time.Millisecond
	rounds   = 4
	// settled is how many measurements come before another number is tried, twice
	// as many each time that it was in vain, up to longest.
	settled, longest = 4, 32
	// hopeless is how many measurements of a number may say nothing: with fewer
	// lanes, the others still have something from before.
	hopeless = 10
	// recent is the weight of the last measurement among those of its number.
	recent = 0.3
	// gainOfMore and gainOfFewer are what another number must bring: measurements
	// are not exact, and between equal ones fewer are better.
	gainOfMore, gainOfFewer = 1.05, 1.01
)

func newWidth(load []atomic.Int64) *width {
	w := &width{load: load, step: 1, stay: 1, pause: settled / 2}
	lanes := len(load)
	for n := 1; n < lanes; { // 1, 2, 3, 4, 6, 8, 12, 16, 24 and so on
		w.levels = append(w.levels, n)
		if n&(n-1) == 0 {
			n = max(n+1, n*3/2)
		} else {
			n = n / 3 * 4
		}
	}
	w.levels = append(w.levels, lanes)
	for w.home+1 < len(w.levels) && w.levels[w.home+1] <= firstWidth {
		w.home++
	}
	w.score = make([]float64, len(w.levels))
	w.take(w.home)
	return w
}

// take has so many lanes at work from now on. Called with mu held.
func (w *width) take(level int) {
	w.level, w.void = level, 0
	w.lanes.Store(int64(w.levels[level]))
}

// applied says that a lane has put so many rows on the target. It says something
// only while as many lanes have something to do as may have, and no more.
func (w *width) applied(now time.Time, rows int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.levels[w.level]
	at, over := w.busy(limit)
	if at+over == 0 { // a pause is no part of a measurement
		w.begin(time.Time{})
		return
	}
	if w.since.IsZero() {
		w.begin(now)
		return
	}
	w.rows += rows
	w.ended++
	if at < limit || over > 0 {
		w.other++
	}
	took := now.Sub(w.since)
	if w.ended < rounds*limit || took < measured {
		return
	}
	switch {
	case w.other*4 <= w.ended:
		w.judge(float64(w.rows) / took.Seconds())
	case w.level != w.home:
		if w.void++; w.void > hopeless {
			w.turn()
		}
	}
	w.begin(now)
}

// busy counts the lanes with something to do, up to the limit and beyond it.
func (w *width) busy(limit int) (at, over int) {
	for i := range w.load {
		switch {
		case w.load[i].Load() <= 0:
		case i < limit:
			at++
		default:
			over++
		}
	}
	return at, over
}

// begin begins a measurement. Called with mu held.
func (w *width) begin(now time.Time) { w.since, w.rows, w.ended, w.other = now, 0, 0, 0 }

// judge takes the rows a second that the present number of lanes has brought,
// and decides on the next. Called with mu held.
func (w *width) judge(rate float64) {
	s := &w.score[w.level]
	if *s == 0 {
		*s = rate
	}
	*s += recent * (rate - *s)
	if w.level == w.home {
		if w.stay--; w.stay <= 0 {
			w.try()
		}
		return
	}
	least := gainOfFewer
	if w.level > w.home {
		least = gainOfMore
	}
	if *s > least*w.score[w.home] { // and it may go on like this
		w.home, w.pause = w.level, settled/2
		w.try()
		return
	}
	w.turn()
}

// try takes the next number in the direction of step, if there is one. Called with
// mu held.
func (w *width) try() {
	if next := w.home + w.step; next >= 0 && next < len(w.levels) {
		w.take(next)
		return
	}
	w.turn()
}

// turn stays with the best for a while, and then tries the other direction. Called
// with mu held.
func (w *width) turn() {
	w.take(w.home)
	w.pause = min(2*w.pause, longest)
	w.step, w.stay = -w.step, w.pause
}
