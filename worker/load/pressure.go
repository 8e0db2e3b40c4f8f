package load

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
)

const (
	// batchBytes is how many bytes of statements one transaction carries at most:
	// enough that its commit, which waits for the target's disk, does not count
	// much; far below TiDB's limit of a transaction and of what one lane may keep
	// in memory.
	batchBytes = 4 << 20
	// batchLeast is where making transactions smaller ends.
	batchLeast = 16 << 10
	// growAfter is how many transactions in a row must do well before the next are
	// made larger, or one more is allowed at the same time.
	growAfter = 16
	// slow is how long a transaction takes at least before the target counts as
	// being under pressure.
	slow = 3 * time.Second
	// worse is how many times longer than at first a byte must take for that.
	worse = 4
	// samples is how many transactions at the beginning say what is usual.
	samples = 8
	// calm is how long a reason is shown after it was met last.
	calm = 10 * time.Second
)

// pressure watches how the target takes the transactions of all lanes and
// decides how large they are and how many run at the same time. Both shrink by
// half at a sign of trouble and grow back step by step.
type pressure struct {
	mu sync.Mutex
	// mu guards the following.
	bytes  int           // of one transaction at most
	packet int           // of one statement at most
	lanes  int           // that there are
	width  int           // transactions at the same time, at most
	inside int           // that run now
	freeC  chan struct{} // closed and replaced when one ends or width grows
	good   int           // transactions in a row without trouble
	usual  time.Duration // what a mebibyte took at first
	seen   int           // transactions in usual
	since  time.Time     // of the last narrowing
	reason string
	when   time.Time // when reason was met last
}

func newPressure(lanes int) *pressure {
	return &pressure{bytes: batchBytes, packet: batchBytes, lanes: lanes, width: lanes, freeC: make(chan struct{})}
}

// limits are the sizes of the next transaction and of each of its statements.
func (p *pressure) limits() (transaction, statement int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes, min(p.bytes, p.packet)
}

// enter waits until one more transaction may run.
func (p *pressure) enter(ctx context.Context) error {
	for {
		p.mu.Lock()
		if p.inside < p.width {
			p.inside++
			p.mu.Unlock()
			return nil
		}
		free := p.freeC
		p.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// leave says how a transaction of so many bytes ended.
func (p *pressure) leave(now time.Time, bytes int, took time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inside--
	defer p.wake()
	if err != nil {
		p.good = 0
		return
	}
	perMiB := time.Duration(float64(took) * (1 << 20) / float64(max(bytes, 64<<10)))
	if p.seen < samples {
		p.usual = (p.usual*time.Duration(p.seen) + perMiB) / time.Duration(p.seen+1)
		p.seen++
		return
	}
	if took > slow && perMiB > worse*p.usual {
		p.narrow(now, took, perMiB)
		return
	}
	if p.good++; p.good < growAfter {
		return
	}
	p.good = 0
	p.bytes = min(batchBytes, p.bytes+p.bytes/4)
	p.width = min(p.lanes, p.width+1)
}

// narrow lets fewer transactions run at the same time; when only one is left,
// they become smaller. Those that were under way together count once.
func (p *pressure) narrow(now time.Time, took, perMiB time.Duration) {
	p.good = 0
	p.reason = fmt.Sprintf("the target has become slow: a transaction took %s, a megabyte %s instead of %s",
		took.Round(100*time.Millisecond), perMiB.Round(10*time.Millisecond), p.usual.Round(10*time.Millisecond))
	p.when = now
	if now.Sub(p.since) < took {
		return
	}
	p.since = now
	if p.width > 1 {
		p.width = max(1, p.width/2)
		return
	}
	p.bytes = max(batchLeast, p.bytes/2)
}

// shrink makes transactions smaller after one of so many bytes, with a largest
// statement of so many, has failed, when the failure is one that this helps
// against. It answers whether another try will be smaller.
func (p *pressure) shrink(now time.Time, bytes, statement int, err error) bool {
	why, packet := tooLarge(err)
	if why == "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = 0
	p.reason, p.when = why+": transactions are made smaller", now
	if packet {
		// The server's limit stays, so this one does not grow back.
		p.reason = why + ": statements are cut"
		p.packet = min(p.packet, max(batchLeast, statement/2))
		return p.packet < statement
	}
	p.bytes = min(p.bytes, max(batchLeast, bytes/2))
	return p.bytes < bytes
}

// tooLarge says which limit of the target a transaction has met, "" for none,
// and whether it is that of one statement.
func tooLarge(err error) (why string, packet bool) {
	var answer *mysql.MySQLError
	answered := errors.As(err, &answer)
	if errors.Is(err, mysql.ErrPktTooLarge) || answered && answer.Number == 1153 {
		return "a statement is larger than the target's max_allowed_packet", true
	}
	if !answered {
		return "", false
	}
	return tooLargeNumber(answer.Number), false
}

func tooLargeNumber(n uint16) string {
	switch n {
	case 8004:
		return "a transaction is larger than TiDB allows"
	case 8175, 8176, 1041:
		return "a transaction needs more memory than the target gives it"
	case 1197:
		return "a transaction is larger than the target's binlog cache"
	case 1205:
		return "a transaction waited too long for a lock on the target"
	case 1213, 9007, 8022:
		return "a transaction met another one on the target"
	case 9003, 9013:
		return "the target says that it is busy"
	}
	return ""
}

// wake lets those look again who wait in enter. Called with mu held.
func (p *pressure) wake() {
	close(p.freeC)
	p.freeC = make(chan struct{})
}

// text says why the load goes slower than it could; "" when it does not.
func (p *pressure) text(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	narrow := p.width < p.lanes || min(p.bytes, p.packet) < batchBytes
	if p.reason == "" || !narrow && now.Sub(p.when) > calm {
		return ""
	}
	return fmt.Sprintf("%s (%d of %d transactions at a time, of at most %d KiB)", p.reason, p.width, p.lanes, min(p.bytes, p.packet)>>10)
}

// pace keeps the load below a number of things a second.
type pace struct {
	perSecond float64 // 0: any
	unit      string

	mu sync.Mutex
	// mu guards the following.
	next   time.Time // when the next may begin
	waited time.Time // when something had to wait last
}

// wait books n things and waits until they may begin.
func (p *pace) wait(ctx context.Context, n int64) error {
	if p.perSecond <= 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	begin := p.next
	if begin.Before(now) {
		begin = now
	}
	p.next = begin.Add(time.Duration(float64(n) / p.perSecond * float64(time.Second)))
	if begin.After(now) {
		p.waited = now
	}
	p.mu.Unlock()
	select {
	case <-time.After(begin.Sub(now)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// text says that the limit is what holds the load up; "" when it is not.
func (p *pace) text(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perSecond <= 0 || p.waited.IsZero() || now.Sub(p.waited) > calm {
		return ""
	}
	return fmt.Sprintf("held at %.0f %s by the task's loaders section", p.perSecond, p.unit)
}

// held says what makes the load slower than it could be; "" for nothing.
func (r *run) held(now time.Time) string {
	var all []string
	for _, s := range []string{r.pressure.text(now), r.maxRows.text(now), r.maxBytes.text(now)} {
		if s != "" {
			all = append(all, s)
		}
	}
	return strings.Join(all, "; ")
}
