package syncer

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// breaker is a proxy that knows the statements which pass it. It breaks the
// connection of each k-th one, before or after the server has got it, with k
// growing, so that in the end every ordinal has failed both ways.
type breaker struct {
	target string
	listen net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	on     bool
	seen   int // statements since the last break
	gap    int // statements until the next
	breaks int
	// choose decides instead, given the statement.
	choose func(text string) verdict
}

func openBreaker(t testing.TB, s *testbed.Server) *breaker {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &breaker{target: s.Addr(), listen: l, gap: 1}
	b.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.wg.Go(func() { b.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); b.wg.Wait() })
	return b
}

// verdict is what becomes of one statement.
type verdict int

const (
	pass verdict = iota
	breakBefore
	breakAfter
)

func (b *breaker) judge(text string) verdict {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.choose != nil {
		return b.choose(text)
	}
	if !b.on {
		return pass
	}
	if b.seen++; b.seen < b.gap {
		return pass
	}
	b.seen = 0
	b.breaks++
	b.gap++
	if b.breaks%2 == 0 {
		return breakAfter
	}
	return breakBefore
}

func (b *breaker) set(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.on = on
}

func (b *breaker) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.breaks
}

// serve forwards one connection, packet by packet towards the server.
func (b *breaker) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", b.target)
	if err != nil {
		return
	}
	defer server.Close()
	var mute sync.Mutex // held: answers are not passed on any more
	answered := make(chan struct{}, 1)
	muted := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer client.Close()
		buf := make([]byte, 32<<10)
		for {
			n, err := server.Read(buf)
			mute.Lock()
			drop := muted
			mute.Unlock()
			if n > 0 && drop {
				answered <- struct{}{}
				return
			}
			if n > 0 {
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	head := make([]byte, 4)
	for {
		if _, err := io.ReadFull(client, head); err != nil {
			break
		}
		body := make([]byte, binary.LittleEndian.Uint32([]byte{head[0], head[1], head[2], 0}))
		if _, err := io.ReadFull(client, body); err != nil {
			break
		}
		what := pass
		if head[3] == 0 && len(body) > 0 && body[0] == 3 { // COM_QUERY
			what = b.judge(string(body[1:]))
		}
		if what == breakBefore {
			break
		}
		if what == breakAfter {
			mute.Lock()
			muted = true
			mute.Unlock()
		}
		if _, err := server.Write(append(head[:4:4], body...)); err != nil {
			break
		}
		if what == breakAfter {
			select {
			case <-answered:
			case <-done:
			}
			break
		}
	}
	_ = server.Close()
	_ = client.Close()
	<-done
}

// TestEveryStatementFails breaks the connection to the target at successive
// statements, before and after the server has got them: BEGIN, rows, COMMIT,
// DDL, intents, lane rows. What is applied in the end is equal, keyless table
// included, so nothing was lost and nothing done twice (peer-bugs 1, 9). Unlike
// TestEveryOrdinalFails, all happens to one run, while the source is written.
func TestEveryStatementFails(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		br := openBreaker(t, down)
		b.sub.Target = through(t, down, br.listen.Addr().String())
		b.meta = b.sub.Target
		w := &testbed.Workload{DB: up.DB(), Schema: b.schema(), SysbenchTables: 1, DDL: true, Pace: 20 * time.Millisecond}
		r := b.start()
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		defer cancel()
		b.must(w.Load(ctx, 500, 3))
		br.set(true)
		_, err := w.Writers(ctx, 4, 3)
		b.must(err)
		const enough = 18
		// Each break makes the next way one statement longer, until the longest
		// chain of statements, that of a DDL, comes through.
		r.until("enough ordinals failed", 150*time.Second, func() bool { return br.count() >= enough || r.status().Synced })
		br.set(false)
		r.caughtUp()
		t.Logf("%d breaks", br.count())
		if br.count() < enough/2 {
			t.Errorf("only %d breaks", br.count())
		}
		r.end()
		b.equal()
	})
}
