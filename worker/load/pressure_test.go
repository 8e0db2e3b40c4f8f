package load

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
)

// quiet brings a pressure past its first transactions, each a second a mebibyte.
func quiet(p *pressure, n int, took time.Duration) {
	for range n {
		p.mu.Lock()
		p.inside++
		p.mu.Unlock()
		p.leave(time.Now(), 1<<20, took, nil)
	}
}

// TestTransactionsFitTheTarget: an answer about their size halves them, down to
// an end; when all is well for a while they grow back.
func TestTransactionsFitTheTarget(t *testing.T) {
	p := newPressure(4)
	for range 20 {
		before := p.bytes
		if p.shrink(time.Now(), before, 1, &mysql.MySQLError{Number: 8004}) != (before > batchLeast) || p.bytes >= before && before > batchLeast {
			t.Fatalf("from %d bytes to %d", before, p.bytes)
		}
	}
	if p.bytes != batchLeast || !strings.Contains(p.text(time.Now()), "larger than TiDB allows") {
		t.Errorf("%d bytes, %q", p.bytes, p.text(time.Now()))
	}
	if p.shrink(time.Now(), 1<<20, 1<<20, &mysql.MySQLError{Number: 1062}) || p.shrink(time.Now(), 1<<20, 1<<20, errors.New("x")) {
		t.Error("a duplicate has nothing to do with size")
	}
	quiet(p, samples+growAfter, 10*time.Millisecond)
	if p.bytes <= batchLeast {
		t.Error("they do not grow back")
	}
	quiet(p, 100*growAfter, 10*time.Millisecond)
	if p.bytes != batchBytes || p.text(time.Now().Add(2*calm)) != "" {
		t.Errorf("%d bytes at last, %q", p.bytes, p.text(time.Now().Add(2*calm)))
	}
}

// TestStatementsFitThePacket: that limit of a server does not go away, so what
// was learned of it stays.
func TestStatementsFitThePacket(t *testing.T) {
	p := newPressure(1)
	if !p.shrink(time.Now(), 4<<20, 1<<20, mysql.ErrPktTooLarge) || !p.shrink(time.Now(), 4<<20, 512<<10, &mysql.MySQLError{Number: 1153}) {
		t.Fatal("a statement that is too large is not cut")
	}
	quiet(p, 100*growAfter, 10*time.Millisecond)
	if transaction, statement := p.limits(); transaction != batchBytes || statement != 256<<10 {
		t.Errorf("transactions of %d bytes, statements of %d", transaction, statement)
	}
	if p.shrink(time.Now(), batchLeast, batchLeast, mysql.ErrPktTooLarge) {
		t.Error("it is said to become smaller than the least")
	}
}

// TestFewerAtATimeWhileTheTargetIsSlow: slowness that was there from the
// beginning is no pressure; what comes later is.
func TestFewerAtATimeWhileTheTargetIsSlow(t *testing.T) {
	p := newPressure(8)
	quiet(p, samples, time.Second)
	quiet(p, 3, 3500*time.Millisecond)
	if p.width != 8 || p.text(time.Now()) != "" {
		t.Fatalf("width %d, %q", p.width, p.text(time.Now()))
	}
	now := time.Now()
	for i, want := range []int{4, 2, 1} {
		p.inside++
		p.leave(now.Add(time.Duration(i)*time.Minute), 1<<20, 5*time.Second, nil)
		p.inside++
		p.leave(now.Add(time.Duration(i)*time.Minute), 1<<20, 5*time.Second, nil) // of the same moment
		if p.width != want {
			t.Errorf("width %d, want %d", p.width, want)
		}
	}
	if text := p.text(now); !strings.Contains(text, "slow") || !strings.Contains(text, "1 of 8") {
		t.Errorf("it says %q", text)
	}
	p.inside++
	p.leave(now.Add(time.Hour), 1<<20, 5*time.Second, nil)
	if p.bytes >= batchBytes {
		t.Error("one at a time, they are not made smaller")
	}
	quiet(p, 10*growAfter, time.Second)
	if p.width != 8 {
		t.Errorf("width %d when all is well again", p.width)
	}
}

// TestNoMoreThanTheWidthAtATime: who is too many waits until another leaves.
func TestNoMoreThanTheWidthAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPressure(2)
		for range 2 {
			if err := p.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		in := make(chan error, 1)
		go func() { in <- p.enter(t.Context()) }()
		synctest.Wait()
		select {
		case <-in:
			t.Fatal("a third is inside")
		default:
		}
		p.leave(time.Now(), 1, time.Second, nil)
		if err := <-in; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.enter(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestPace: a limit is kept whatever the size of what comes.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := pace{perSecond: 100, unit: "rows/s"}
		began := time.Now()
		for range 10 {
			if err := p.wait(t.Context(), 50); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 4500*time.Millisecond { // the last of them is still to be paid for
			t.Errorf("500 rows at 100 a second began within %s", took)
		}
		if text := p.text(time.Now()); text != "held at 100 rows/s by the task's loaders section" {
			t.Errorf("it says %q", text)
		}
		if text := p.text(time.Now().Add(time.Minute)); text != "" {
			t.Errorf("a minute later it says %q", text)
		}
	})
}
