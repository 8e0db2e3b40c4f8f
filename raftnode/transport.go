package raftnode

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// stream is the TCP side of raft's transport. Other than raft's own it
// advertises host names as they are, and closing it closes the connections it
// accepted, so that a closed node answers nobody any more.
type stream struct {
	net.Listener
	advertised advertised

	mu     sync.Mutex // guards the fields below
	conns  map[net.Conn]struct{}
	closed bool
}

// advertised is an address that nobody needs to resolve to know it.
type advertised string

func (advertised) Network() string  { return "tcp" }
func (a advertised) String() string { return string(a) }

func listen(bind, advertise string) (*stream, error) {
	l, err := net.Listen("tcp", bind)
	if err != nil {
		return nil, err
	}
	return &stream{Listener: l, advertised: advertised(advertise), conns: map[net.Conn]struct{}{}}, nil
}

// Addr is the advertised address, which is how raft learns its own.
func (s *stream) Addr() net.Addr { return s.advertised }

// Dial connects to another member.
func (s *stream) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(addr), timeout)
}

// Accept takes the next connection of another member.
func (s *stream) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
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

type tracked struct {
	net.Conn
	stream *stream
}

func (t *tracked) Close() error {
	t.stream.mu.Lock()
	delete(t.stream.conns, t)
	t.stream.mu.Unlock()
	return t.Conn.Close()
}
