package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// wire is a TCP connection to a master that can be cut or frozen. What is said
// after that is lost, also what the master answers.
type wire struct {
	addr  string
	lis   net.Listener
	holdC chan struct{} // closed at the end, for those that are frozen

	mu     sync.Mutex
	frozen bool       // guarded by mu
	cutOff bool       // guarded by mu
	ends   []net.Conn // guarded by mu
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{addr: lis.Addr().String(), lis: lis, holdC: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := lis.Accept()
			if err != nil {
				return
			}
			var d net.Dialer
			far, err := d.DialContext(t.Context(), "tcp", to)
			if err != nil || !w.keep(near, far) {
				_ = near.Close()
				continue
			}
			wg.Go(func() { w.pump(near, far) })
			wg.Go(func() { w.pump(far, near) })
		}
	})
	t.Cleanup(func() { close(w.holdC); w.cut(); wg.Wait() })
	return w
}

// keep remembers the two ends of a connection; false when there is none any more.
func (w *wire) keep(near, far net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cutOff {
		_ = far.Close()
		return false
	}
	w.ends = append(w.ends, near, far)
	return true
}

func (w *wire) pump(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		w.mu.Lock()
		frozen := w.frozen
		w.mu.Unlock()
		if frozen {
			<-w.holdC
			return
		}
		if _, werr := dst.Write(buf[:n]); err != nil || werr != nil {
			_ = dst.Close()
			return
		}
	}
}

// cut closes all connections and takes no more.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cutOff = true
	_ = w.lis.Close()
	for _, c := range w.ends {
		_ = c.Close()
	}
}

// freeze keeps connections open, also new ones, and carries nothing any more.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = true
}

// after is a proposer that does something between a commit and its answer.
type after struct {
	rpc.Proposer
	then func(fsm.Meta, fsm.Command)
}

func (a after) Propose(ctx context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	res, err := a.Proposer.Propose(ctx, m, c)
	a.then(m, c)
	return res, err
}

// done is what one run of dmctl came to.
type done struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

func runDmctl(ctx context.Context, args ...string) done {
	var stdout, stderr bytes.Buffer
	p := program{Args: args, Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr, ElectFor: time.Second}
	begun := time.Now()
	code := p.Run(ctx)
	return done{code, stdout.String(), stderr.String(), time.Since(begun)}
}

// asked remembers the request ids of commands of one kind.
type asked struct {
	mu  sync.Mutex
	ids []fsm.RequestID // guarded by mu
}

func (a *asked) add(id fsm.RequestID) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids = append(a.ids, id)
	return len(a.ids)
}

// TestLostAnswer: a master that goes away between the commit and the answer
// costs nothing but a moment; the other one, asked the same under the same id,
// answers for what was done once.
func TestLostAnswer(t *testing.T) {
	for name, lose := range map[string]func(*wire){"dead": (*wire).cut, "silent": (*wire).freeze} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rpctest.Open(t)
			var puts asked
			var first *wire
			o := rpctest.Options{Wrap: func(p rpc.Proposer) rpc.Proposer {
				return after{p, func(m fsm.Meta, cmd fsm.Command) {
					if _, ok := cmd.(fsm.PutSource); ok && puts.add(m.RequestID) == 1 {
						lose(first)
					}
				}}
			}}
			first = newWire(t, rpctest.Start(t, s, o))
			second := rpctest.Start(t, s, o)
			got := runDmctl(t.Context(), "--master-addr", first.addr+","+second, "operate-source", "create", "testdata/source-1.yaml")
			if got.code != 0 || got.stderr != "" || !strings.HasPrefix(got.stdout, "{\n    \"result\": true,\n    \"msg\": \"\",\n    \"sources\"") {
				t.Errorf("%+v", got)
			}
			if len(puts.ids) != 2 || puts.ids[0] != puts.ids[1] {
				t.Errorf("the source was put under the ids %q, want the same twice", puts.ids)
			}
			if got.took > 10*time.Second {
				t.Errorf("it took %s", got.took)
			}
		})
	}
}

// TestSilentFromTheStart: a master that accepts connections and never speaks is
// left after a second.
func TestSilentFromTheStart(t *testing.T) {
	t.Parallel()
	s := rpctest.Open(t)
	addr := rpctest.Start(t, s, rpctest.Options{})
	mute := newWire(t, addr)
	mute.freeze()
	got := runDmctl(t.Context(), "--master-addr", mute.addr+","+addr, "list-member", "-l")
	if got.code != 0 || got.took > 3*time.Second {
		t.Errorf("%+v", got)
	}
	only := runDmctl(t.Context(), "--master-addr", mute.addr, "list-member", "-l")
	if only.code != 1 || !strings.Contains(only.stderr, "code=48001") || only.took > 5*time.Second {
		t.Errorf("%+v", only)
	}
}

// TestSlowIsNotSilent: a master that takes longer than a silent one is given is
// waited for, and asked once.
func TestSlowIsNotSilent(t *testing.T) {
	t.Parallel()
	s := rpctest.Open(t)
	var checks asked
	addr := rpctest.Start(t, s, rpctest.Options{CheckSource: func(src config.Source) (config.Source, error) {
		checks.add("")
		<-time.After(pingEvery + pingWithin + 2*time.Second)
		src.Flavor, src.ServerID = "mysql", 429500000
		return src, nil
	}})
	got := runDmctl(t.Context(), "--master-addr", addr+",127.0.0.1:1", "operate-source", "create", "testdata/source-1.yaml")
	if got.code != 0 || !strings.Contains(got.stdout, `"result": true`) || len(checks.ids) != 1 {
		t.Errorf("%+v, checked %d times", got, len(checks.ids))
	}
}

// TestNoLeader: masters without a leader are asked until there is one, or say so.
func TestNoLeader(t *testing.T) {
	t.Parallel()
	s := rpctest.Open(t)
	begun := time.Now()
	addr := rpctest.Start(t, s, rpctest.Options{Elected: func() bool { return time.Since(begun) > 4*time.Second }})
	none := rpctest.Start(t, s, rpctest.Options{LeaderName: "none"})
	var stdout, stderr bytes.Buffer
	p := program{Args: []string{"--master-addr", addr + "," + none, "operate-source", "create", "testdata/source-1.yaml"},
		Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr}
	if code := p.Run(t.Context()); code != 0 || !strings.HasPrefix(stdout.String(), "{\n    \"result\": true") {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	if note := "no master has answered yet, dmctl goes on asking: [code=38043:"; !strings.HasPrefix(stderr.String(), note) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("stderr %q, want one line %q", stderr.String(), note)
	}
	got := runDmctl(t.Context(), "--master-addr", none, "operate-source", "create", "testdata/source-1.yaml")
	if got.code != 0 || !strings.Contains(got.stdout, `"result": false`) || !strings.Contains(got.stdout, "code=38043:") || got.took > 12*time.Second {
		t.Errorf("without a leader: %+v", got)
	}
}

// TestUnconfirmed: a master that leads and cannot get anything confirmed is asked
// for a while; what it says is then the answer.
func TestUnconfirmed(t *testing.T) {
	t.Parallel()
	s := rpctest.Open(t)
	full := rpctest.Start(t, s, rpctest.Options{Wrap: func(rpc.Proposer) rpc.Proposer { return fullDisk{} }})
	got := runDmctl(t.Context(), "--master-addr", full, "operate-source", "create", "testdata/source-1.yaml")
	if got.code != 0 || !strings.Contains(got.stdout, `"result": false`) || !strings.Contains(got.stdout, "it may or may not have been carried out") ||
		!strings.Contains(got.stdout, "the disk is full") || got.took > 20*time.Second {
		t.Errorf("%+v", got)
	}
}

type fullDisk struct{}

func (fullDisk) Propose(context.Context, fsm.Meta, fsm.Command) (fsm.Result, error) {
	return fsm.Result{}, fault.New(fault.Unavailable, "the disk is full")
}

// TestGivingUp: what dmctl gives up with names the masters that it asked, and
// speaks of doubt only when there is any.
func TestGivingUp(t *testing.T) {
	const doubt = "; the request may or may not have been carried out"
	for _, c := range []struct {
		name, args string
		want       func(a, b string) string
	}{
		{"write", "pause-task t1 --rpc-timeout=3s", func(a, b string) string {
			return fmt.Sprintf("none of the masters %s, %s answered within the rpc-timeout of 3s%s: can't connect to ", a, b, doubt)
		}},
		{"read", "query-status --rpc-timeout=9s", func(a, b string) string {
			return fmt.Sprintf("none of the masters %s, %s answered: can't connect to ", a, b)
		}},
		{"local", "operate-leader evict --rpc-timeout=3s", func(a, _ string) string {
			return fmt.Sprintf("the master %s did not answer within the rpc-timeout of 3s%s: can't connect to %s", a, doubt, a)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := dying(t), dying(t)
			got := runDmctl(t.Context(), append(strings.Fields(c.args), "--master-addr", a.addr+","+b.addr)...)
			if want := c.want(a.addr, b.addr); got.code != 1 || !strings.Contains(got.stderr, want) || got.stdout != "" || got.took > 6*time.Second {
				t.Errorf("%+v\nwant stderr with %q", got, want)
			}
			if strings.Contains(got.stderr, "may or may not") != (c.name != "read") {
				t.Errorf("stderr: %s", got.stderr)
			}
		})
	}
}

// dying gives the way to a master that dies of its first request.
func dying(t *testing.T) *wire {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := newWire(t, lis.Addr().String())
	srv := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, _ grpc.UnaryHandler) (any, error) {
		w.cut()
		return nil, ctx.Err()
	}))
	pb.RegisterMasterServer(srv, pb.UnimplementedMasterServer{})
	endC := make(chan error, 1)
	go func() { endC <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-endC; err != nil {
			t.Error(err)
		}
	})
	return w
}

// TestInterruptedWhileAsking: Ctrl-C ends it at once, whatever it waits for.
func TestInterruptedWhileAsking(t *testing.T) {
	t.Parallel()
	ctx, interrupt := context.WithCancel(t.Context())
	a := dying(t)
	timer := time.AfterFunc(time.Second, interrupt)
	defer timer.Stop()
	got := runDmctl(ctx, "--master-addr", a.addr, "pause-task", "t1")
	if got.code != 1 || got.stderr != "Error: interrupted; what was asked for may be carried out nevertheless\n" || got.took > 2*time.Second {
		t.Errorf("%+v", got)
	}
}
