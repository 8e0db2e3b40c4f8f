package testbed

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
)

// Injection is what an Injector does to a statement.
type Injection int

// The injections.
const (
	// Refuse answers the statement with "lock wait timeout" (1205); the server
	// never sees it and the connection stays.
	Refuse Injection = iota
	// CutBefore breaks the connection; the server never sees the statement.
	CutBefore
	// CutAfter breaks the connection when the server has begun to answer the
	// statement; the answer is lost.
	CutAfter
)

// String names the injection.
func (i Injection) String() string {
	return [...]string{"refused", "cut before", "cut after"}[i]
}

// Injector is a proxy before one server that reads the MySQL protocol: it
// counts the statements of all connections and disturbs exactly one of them.
type Injector struct {
	target string
	listen net.Listener
	wg     sync.WaitGroup

	mu sync.Mutex
	// All below is guarded by mu.
	conns map[*injected]struct{}
	seen  int // statements since Arm
	at    int // which one to disturb; 0: none
	how   Injection
	die   bool // the disturbed statement ends all connections, and there are no new ones
	dead  bool
	hit   chan struct{} // closed by the disturbance
	text  string
}

// injected is one connection through an Injector.
type injected struct {
	client, server net.Conn

	mu       sync.Mutex
	muted    bool          // guarded by mu: answers are not passed on any more
	answered chan struct{} // the first muted answer is there
}

// OpenInjector opens an injector on a free port before addr.
func OpenInjector(addr string) (*Injector, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in := &Injector{target: addr, listen: l, conns: map[*injected]struct{}{}, hit: make(chan struct{})}
	in.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in.wg.Go(func() { in.serve(c) })
		}
	})
	return in, nil
}

// Addr gives "host:port" for clients.
func (in *Injector) Addr() string { return in.listen.Addr().String() }

// Arm counts statements anew, from 1; the one with number at is disturbed. With
// die that statement is the last of all: every connection breaks and none is
// accepted until Arm is called again, as if the machine of the client had died.
// The answer is closed when it has happened.
func (in *Injector) Arm(at int, how Injection, die bool) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.seen, in.at, in.how, in.die, in.dead, in.text = 0, at, how, die, false, ""
	in.hit = make(chan struct{})
	return in.hit
}

// Seen tells how many statements have passed since Arm.
func (in *Injector) Seen() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.seen
}

// Text gives the beginning of the statement that was disturbed.
func (in *Injector) Text() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.text
}

// Close ends the injector and all connections through it.
func (in *Injector) Close() error {
	err := in.listen.Close()
	in.cutAll()
	in.wg.Wait()
	return err
}

func (in *Injector) cutAll() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.dead = true
	for c := range in.conns {
		c.close()
	}
}

func (c *injected) close() {
	_ = c.client.Close()
	_ = c.server.Close()
}

// enter registers a connection; false when there are to be none.
func (in *Injector) enter(c *injected) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.dead {
		return false
	}
	in.conns[c] = struct{}{}
	return true
}

// judge counts a statement and tells whether it is the one.
func (in *Injector) judge(text []byte) (how Injection, die, yes bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.seen++; in.seen != in.at {
		return 0, false, false
	}
	const enough = 120
	in.text = string(text[:min(len(text), enough)])
	return in.how, in.die, true
}

func (in *Injector) serve(client net.Conn) {
	server, err := net.Dial("tcp", in.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &injected{client: client, server: server, answered: make(chan struct{})}
	defer c.close()
	if !in.enter(c) {
		return
	}
	defer func() {
		in.mu.Lock()
		defer in.mu.Unlock()
		delete(in.conns, c)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer c.close()
		c.answers()
	}()
	for {
		head, body, err := readPacket(client)
		if err != nil {
			break
		}
		if isStatement(head, body) {
			if how, die, yes := in.judge(body[1:]); yes {
				in.disturb(c, how, die, append(head, body...), done)
				continue // a connection that was cut has no next packet
			}
		}
		if _, err := server.Write(append(head, body...)); err != nil {
			break
		}
	}
	c.close()
	<-done
}

// disturb does what was asked for. It says so behind everything else: who hears
// it may arm the injector anew.
func (in *Injector) disturb(c *injected, how Injection, die bool, packet []byte, done <-chan struct{}) {
	if how == CutAfter {
		c.mu.Lock()
		c.muted = true
		c.mu.Unlock()
		if _, err := c.server.Write(packet); err == nil {
			select {
			case <-c.answered:
			case <-done:
			}
		}
	}
	if die {
		in.cutAll()
	} else if how != Refuse || refuse(c.client) != nil {
		c.close()
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	close(in.hit)
}

// answers passes on what the server says, until the connection is muted.
func (c *injected) answers() {
	buf := make([]byte, 32<<10)
	for {
		n, err := c.server.Read(buf)
		c.mu.Lock()
		muted := c.muted
		c.mu.Unlock()
		if muted && n > 0 {
			close(c.answered)
			return
		}
		if n > 0 {
			if _, werr := c.client.Write(buf[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// readPacket reads one packet of the MySQL protocol.
func readPacket(r io.Reader) (head, body []byte, err error) {
	head = make([]byte, 4)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, nil, err
	}
	body = make([]byte, binary.LittleEndian.Uint32([]byte{head[0], head[1], head[2], 0}))
	_, err = io.ReadFull(r, body)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return head, body, err
}

// isStatement tells COM_QUERY, COM_STMT_PREPARE and COM_STMT_EXECUTE from the
// rest: the handshake, pings and the later packets of a large statement.
func isStatement(head, body []byte) bool {
	return head[3] == 0 && len(body) > 0 && (body[0] == 0x03 || body[0] == 0x16 || body[0] == 0x17)
}

// refuse answers a statement in the server's place.
func refuse(client io.Writer) error {
	const number = 1205
	body := append([]byte{0xff, number & 0xff, number >> 8}, "#HY000Lock wait timeout exceeded; try restarting transaction"...)
	_, err := client.Write(append([]byte{byte(len(body)), 0, 0, 1}, body...))
	return err
}
