package raftnode

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/internal/tlsconf"
)

// stream is the TCP side of raft's transport. Other than raft's own it
// advertises host names as they are, begins each connection with a handshake,
// and closing it closes the connections it accepted, so that a closed node
// answers nobody any more.
type stream struct {
	net.Listener
	advertised advertised
	greet      greeter
	tls        *tlsconf.Set  // nil: plain
	bound      time.Duration // of a handshake

	mu     sync.Mutex // guards the fields below
	conns  map[net.Conn]struct{}
	closed bool
}

// advertised is an address that nobody needs to resolve to know it.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }

func listen(bind, advertise string, g greeter, tls *tlsconf.Set, bound time.Duration) (*stream, error) {
	l, err := net.Listen("tcp", bind)
	if err != nil {
		return nil, err
	}
	return &stream{Listener: l, advertised: advertised(advertise), greet: g, tls: tls, bound: bound, conns: map[net.Conn]struct{}{}}, nil
}

// Addr is the advertised address, which is how raft learns its own.
func (s *stream) Addr() net.Addr { return s.advertised }

// Dial connects to another member.
func (s *stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	raw, err := net.DialTimeout("tcp", string(addr), timeout)
	if err != nil {
		return nil, err
	}
	bound := min(timeout, s.bound)
	c, err := s.encrypt(raw, string(addr), bound)
	if err != nil {
		s.greet.met(string(addr), hello{}, sentence(err))
		return nil, errors.Join(err, raw.Close())
	}
	if err := introduce(c, string(addr), s.greet, bound); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// encrypt makes a connection to another member what the cluster speaks.
func (s *stream) encrypt(raw net.Conn, addr string, bound time.Duration) (net.Conn, error) {
	if s.tls == nil {
		return tlsconf.Plain(raw, addr), nil
	}
	// raft's transport hands down a bound and no context; introduce lifts it.
	if err := raw.SetDeadline(time.Now().Add(bound)); err != nil {
		return nil, err
	}
	return s.tls.Client(context.Background(), raw, addr)
}

// Accept takes the next connection of another member.
func (s *stream) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if s.tls != nil {
		c = s.tls.Server(c)
	}
	t := &tracked{Conn: c, stream: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	s.conns[t] = struct{}{}
	return t, nil
}

// Close stops listening and drops the accepted connections.
func (s *stream) Close() error {
	err := s.Listener.Close()
	s.mu.Lock()
	s.closed = true
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	for c := range conns {
		// Their owner closes them again; who is first does not matter.
		_ = c.Close()
	}
	return err
}

// tracked is an accepted connection. Its handshake is made by whoever reads
// first: Accept must not wait for anybody.
type tracked struct {
	net.Conn
	stream *stream
	once   sync.Once
	err    error // of the handshake
}

// Read reads what follows the handshake. To raft a connection that failed it
// was closed by the other side: the reason has been told, and once is enough.
func (t *tracked) Read(p []byte) (int, error) {
	t.once.Do(func() { t.err = welcome(t.Conn, t.stream.greet, t.stream.bound) })
	if t.err != nil {
		return 0, io.EOF
	}
	return t.Conn.Read(p)
}

// Close closes it.
func (t *tracked) Close() error {
	t.stream.mu.Lock()
	delete(t.stream.conns, t)
	t.stream.mu.Unlock()
	return t.Conn.Close()
}
