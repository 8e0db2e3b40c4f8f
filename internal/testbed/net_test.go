package testbed

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// talkerEnv makes TestMain's binary a process that connects and repeats what
// it is told: the network tells processes apart, so a test needs some.
const talkerEnv = "RAFTDM_TESTBED_TALKER"

// TestTalker is not a test: it is the other process of the tests below.
func TestTalker(t *testing.T) {
	if os.Getenv(talkerEnv) == "" {
		t.Skip("runs as a child of other tests only")
	}
	conns := map[string]net.Conn{}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var verb, addr string
		fmt.Sscan(in.Text(), &verb, &addr)
		fmt.Println(answer(conns, verb, addr))
	}
}

func answer(conns map[string]net.Conn, verb, addr string) string {
	var err error
	switch verb {
	case "dial":
		conns[addr], err = net.Dial("tcp", addr)
	case "send": // and want it back
		c := conns[addr]
		c.SetDeadline(time.Now().Add(time.Second))
		if _, err = c.Write([]byte("x")); err == nil {
			_, err = io.ReadFull(c, make([]byte, 1))
		}
	case "listen":
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					go func() { defer c.Close(); io.Copy(c, c) }()
				}
			}()
		}
	}
	switch {
	case err == nil:
		return "ok"
	case os.IsTimeout(err):
		return "silence"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	default:
		return "broken"
	}
}

// talker is a child process that joined a network.
type talker struct {
	t    *testing.T
	proc *process
	in   io.Writer
	out  *bufio.Scanner
}

func newTalker(t *testing.T, n *Net, name string) *talker {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, "-test.run=^TestTalker$")
	cmd.Env = append(os.Environ(), talkerEnv+"=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	k := &talker{t: t, in: in, out: bufio.NewScanner(out)}
	doneC := make(chan struct{})
	k.proc = &process{name: name, cmd: cmd, done: doneC}
	go func() { _ = cmd.Wait(); close(doneC) }() // it ends by our signal
	t.Cleanup(k.proc.kill)
	n.Join(name, k.proc.livePID)
	return k
}

// want tells the child to do something and compares its answer.
func (k *talker) want(verb, addr, want string) {
	k.t.Helper()
	fmt.Fprintln(k.in, verb, addr)
	if !k.out.Scan() {
		k.t.Fatalf("%s ended", k.proc.name)
	}
	if got := k.out.Text(); got != want {
		k.t.Errorf("%s: %s %s: %s, want %s", k.proc.name, verb, addr, got, want)
	}
}

// serverAndTwoClients is a listening child behind a gate and two others.
func serverAndTwoClients(t *testing.T) (n *Net, g *Gate, s, a, b *talker) {
	t.Helper()
	n = NewNet()
	t.Cleanup(func() { must(t, n.Close()) })
	s, a, b = newTalker(t, n, "s"), newTalker(t, n, "a"), newTalker(t, n, "b")
	addr, err := FreeAddr()
	must(t, err)
	g, err = n.Gate("s", addr)
	must(t, err)
	a.want("dial", g.Addr(), "refused") // nobody listens yet
	s.want("listen", addr, "ok")
	s.proc.follow(g.Lives)
	awaitTrue(t, "the gate opens", func() bool { return listening(g.Port()) })
	return n, g, s, a, b
}

func awaitTrue(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 500 {
		if ok() {
			return
		}
		wait(t.Context(), 10*time.Millisecond)
	}
	t.Fatalf("in vain: %s", what)
}

func TestLinksAreCutOneByOne(t *testing.T) {
	n, g, _, a, b := serverAndTwoClients(t)
	for _, k := range []*talker{a, b} {
		k.want("dial", g.Addr(), "ok")
		k.want("send", g.Addr(), "ok")
	}
	for _, c := range []struct {
		from, to string
		way      Cut
		sees     string
	}{
		{"a", "s", CutBoth, "silence"}, {"s", "a", CutBoth, "silence"}, {"a", "s", CutOneWay, "silence"},
		{"s", "a", CutOneWay, "silence"}, {"a", "s", CutReset, "broken"},
	} {
		n.Cut(c.from, c.to, c.way)
		a.want("send", g.Addr(), c.sees)
		b.want("send", g.Addr(), "ok")
		a.want("dial", g.Addr(), "ok") // the kernel's answer, not the process's
		a.want("send", g.Addr(), c.sees)
		n.Heal("a", "s", false)
		a.want("send", g.Addr(), "broken")
		a.want("dial", g.Addr(), "ok")
		a.want("send", g.Addr(), "ok")
	}
	n.Cut("a", "s", CutBoth)
	a.want("send", g.Addr(), "silence")
	n.Heal("a", "s", true)
	a.want("send", g.Addr(), "ok") // the first byte comes back late
}

func TestSlowLinks(t *testing.T) {
	n, g, _, a, _ := serverAndTwoClients(t)
	a.want("dial", g.Addr(), "ok")
	n.Slow("a", "s", 150*time.Millisecond, 0)
	began := time.Now()
	a.want("send", g.Addr(), "ok")
	if d := time.Since(began); d < 300*time.Millisecond {
		t.Errorf("there and back took %s, want at least 300ms", d)
	}
	n.Slow("a", "s", 0, 1) // one byte needs a second
	a.want("send", g.Addr(), "silence")
}

func TestDeadAndRejectingProcessesRefuse(t *testing.T) {
	n, g, s, a, b := serverAndTwoClients(t)
	a.want("dial", g.Addr(), "ok")
	a.want("send", g.Addr(), "ok")
	n.Reject("s")
	b.want("dial", g.Addr(), "refused")
	a.want("send", g.Addr(), "ok")
	n.HealAll(true)
	b.want("dial", g.Addr(), "ok")
	s.proc.kill()
	awaitTrue(t, "the gate closes", func() bool { return !listening(g.Port()) })
	b.want("dial", g.Addr(), "refused")
	a.want("dial", g.Addr(), "refused")
}

func TestHandshakeNumber(t *testing.T) {
	packet := append([]byte{60, 0, 0, 0, 10}, "10.11.6-MariaDB\x00"...)
	packet = binary.LittleEndian.AppendUint32(packet, 4711)
	packet = append(packet, "salt and more"...)
	for cut := range len(packet) {
		h := &handshake{}
		id, ok := h.read(packet[:cut])
		if !ok {
			id, ok = h.read(packet[cut:])
		}
		if !ok || id != 4711 {
			t.Errorf("cut at %d: %d, %t", cut, id, ok)
		}
		if _, again := h.read(packet); again {
			t.Errorf("cut at %d: a second number", cut)
		}
	}
	if _, ok := (&handshake{}).read([]byte("HTTP/1.1 200 OK")); ok {
		t.Error("a number in another protocol")
	}
}

// A gate before a database knows who opened each session, in each life of the
// server.
func TestOwnersOfSessions(t *testing.T) {
	s := MariaDB(t, WithoutBinlog())
	n := NewNet()
	defer func() { must(t, n.Close()) }()
	g, err := s.Behind(n, "db")
	must(t, err)
	n.Join("me", os.Getpid)
	for life := 1; life <= 2; life++ {
		awaitTrue(t, "the gate opens", func() bool { return listening(g.Port()) && g.Life() == life })
		there := *s
		there.Port = g.Port()
		db, err := there.open(rootPassword)
		must(t, err)
		var id uint64
		must(t, db.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id))
		if who, ok := g.Owner(life, id); !ok || who != "me" {
			t.Errorf("life %d: session %d belongs to %q, %t", life, id, who, ok)
		}
		if who, ok := g.Owner(life+1, id); ok {
			t.Errorf("a session of a later life belongs to %q", who)
		}
		must(t, db.Close())
		if life == 1 {
			s.Kill()
			must(t, s.Start(t.Context()))
		}
	}
	if out := strings.TrimSpace(g.Addr()); out == s.Addr() {
		t.Error("the gate has the server's address")
	}
}
