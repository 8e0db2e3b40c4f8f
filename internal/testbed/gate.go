package testbed

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// Gate is the proxy before one listening port. It listens exactly while the
// port's process does, so that a dead process refuses connections.
type Gate struct {
	net    *Net
	owner  string // whose port it is
	addr   string // where the gate listens
	target string // where the process listens
	livesC chan (<-chan struct{})

	mu       sync.Mutex // guards the fields below
	listen   net.Listener
	life     int  // counts the lives of the process
	rejected bool // closed although the process listens
	conns    map[*passage]struct{}
	owners   map[session]string
}

// session names a connection of a database server for ever: servers count
// their connections from 1 in every life.
type session struct {
	life int
	id   uint64
}

// passage is one connection through a gate.
type passage struct {
	from  string
	in    net.Conn
	doneC chan struct{} // closed by close

	once sync.Once
	mu   sync.Mutex
	out  net.Conn // guarded by mu; nil until connected
}

// Gate puts a gate before target, a port of the process named owner. Lives of
// that process are told to it through Lives.
func (n *Net) Gate(owner, target string) (*Gate, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	g := &Gate{net: n, owner: owner, addr: addr, target: target, livesC: make(chan (<-chan struct{}), 16),
		conns: map[*passage]struct{}{}, owners: map[session]string{}}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gates = append(n.gates, g)
	n.wg.Go(g.run)
	return g, nil
}

// Addr gives the address to connect to, which stays the same.
func (g *Gate) Addr() string { return g.addr }

// Port gives the port of Addr.
func (g *Gate) Port() int {
	_, port, _ := net.SplitHostPort(g.addr)
	n, _ := strconv.Atoi(port) // FreeAddr made it of a number
	return n
}

// Life counts how often the process behind the gate was started.
func (g *Gate) Life() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.life
}

// Owner tells which process opened the connection that a database server gave
// the number id in the life-th of its lives, counted from 1.
func (g *Gate) Owner(life int, id uint64) (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	name, ok := g.owners[session{life, id}]
	return name, ok
}

// Lives tells the gate that its process was started; exitedC is closed when
// that life ends.
func (g *Gate) Lives(exitedC <-chan struct{}) { g.livesC <- exitedC }

// run opens and closes the gate with the lives of its process.
func (g *Gate) run() {
	for {
		select {
		case <-g.net.closedC:
			return
		case exitedC := <-g.livesC:
			g.mu.Lock()
			g.life++
			g.mu.Unlock()
			if !g.awaitListening(exitedC) {
				continue
			}
			g.reopen()
			select {
			case <-exitedC:
			case <-g.net.closedC:
			}
			_ = g.shut() // its one error is that it is closed already
		}
	}
}

// awaitListening waits until the process listens; false when it ended before.
// It looks instead of connecting: a connection is an event for the process.
func (g *Gate) awaitListening(exitedC <-chan struct{}) bool {
	_, port, _ := net.SplitHostPort(g.target)
	want, _ := strconv.Atoi(port)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if listening(want) {
			return true
		}
		select {
		case <-exitedC:
			return false
		case <-g.net.closedC:
			return false
		case <-tick.C:
		}
	}
}

// reopen listens, unless connections are rejected at the moment.
func (g *Gate) reopen() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.rejected || g.listen != nil {
		return
	}
	l, err := net.Listen("tcp", g.addr)
	if err != nil {
		return // another program took the port: as a dead process, seen by whoever connects
	}
	g.listen = l
	life := g.life
	g.net.wg.Go(func() { g.accept(l, life) })
}

func (g *Gate) reject(on bool) {
	g.mu.Lock()
	was := g.rejected
	g.rejected = on
	l := g.listen
	if on {
		g.listen = nil
	}
	g.mu.Unlock()
	_, port, _ := net.SplitHostPort(g.target)
	want, _ := strconv.Atoi(port)
	switch {
	case on && l != nil:
		l.Close()
	case was && !on && listening(want):
		g.reopen()
	}
}

// shut stops listening and resets all connections.
func (g *Gate) shut() error {
	g.mu.Lock()
	l := g.listen
	g.listen = nil
	g.mu.Unlock()
	var err error
	if l != nil {
		err = l.Close()
	}
	g.breakFrom(func(string) bool { return true })
	return err
}

func (g *Gate) breakFrom(match func(from string) bool) {
	g.mu.Lock()
	var hit []*passage
	for p := range g.conns {
		if match(p.from) {
			hit = append(hit, p)
		}
	}
	g.mu.Unlock()
	for _, p := range hit {
		p.close(true)
	}
}

func (g *Gate) accept(l net.Listener, life int) {
	for {
		in, err := l.Accept()
		if err != nil {
			return // closed
		}
		g.net.wg.Go(func() {
			p := &passage{from: g.net.whoIs(in), in: in, doneC: make(chan struct{})}
			g.mu.Lock()
			g.conns[p] = struct{}{}
			g.mu.Unlock()
			p.close(g.serve(p, life) != nil)
			g.mu.Lock()
			delete(g.conns, p)
			g.mu.Unlock()
		})
	}
}

var errCut = errors.New("the link is cut")

// serve forwards one connection until one side ends it. An error means that it
// broke instead of ending.
func (g *Gate) serve(p *passage, life int) error {
	there, back := link{p.from, g.owner}, link{g.owner, p.from}
	// A connection needs both directions to come about.
	if !g.net.pass(there, 0, p.doneC) || !g.net.pass(back, 0, p.doneC) {
		return errCut
	}
	out, err := net.DialTimeout("tcp", g.target, 5*time.Second)
	if err != nil {
		return fmt.Errorf("target %s: %w", g.target, err)
	}
	if !p.connected(out) {
		out.Close()
		return errCut
	}
	tap := &handshake{}
	endC := make(chan error, 2) // one per direction
	var wg sync.WaitGroup
	wg.Go(func() { endC <- g.pump(p, out, p.in, there, nil) })
	wg.Go(func() {
		endC <- g.pump(p, p.in, out, back, func(b []byte) {
			if id, ok := tap.read(b); ok && p.from != "" {
				g.mu.Lock()
				g.owners[session{life, id}] = p.from
				g.mu.Unlock()
			}
		})
	})
	err = <-endC // one direction ended: so does the other
	p.close(err != nil)
	wg.Wait()
	return err
}

// pump moves data in one direction. The end of a connection is news as well,
// and travels as the data does.
func (g *Gate) pump(p *passage, dst, src net.Conn, l link, tap func([]byte)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		if !g.net.pass(l, n, p.doneC) {
			return errCut
		}
		if n > 0 {
			if tap != nil {
				tap(buf[:n])
			}
			if _, err := dst.Write(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil // an end is an end: the far side learns no more from a real network
		}
	}
}

func (p *passage) connected(out net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.doneC:
		return false
	default:
		p.out = out
		return true
	}
}

// close ends both sides; broken lets them see a reset instead of an end.
func (p *passage) close(broken bool) {
	p.once.Do(func() {
		close(p.doneC)
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range []net.Conn{p.in, p.out} {
			if t, ok := c.(*net.TCPConn); ok {
				if broken {
					_ = t.SetLinger(0) // fails only on a connection that is closed already
				}
				t.Close()
			}
		}
	})
}
