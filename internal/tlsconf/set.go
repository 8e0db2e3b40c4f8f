package tlsconf

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
)

// Set is the TLS of one program: the certificate that it shows on both sides of
// a connection, and whom it accepts. A nil Set stands for plain connections.
type Set struct {
	files endpoint.Security
	log   *slog.Logger
	told  *teller

	mu     sync.Mutex // guards the fields below
	last   *material
	misfit string // what was wrong with the files when they were read last
}

// Load reads the files that s names; nil when it names none. They have to be
// all three: whoever connects has to show a certificate here, always.
func Load(s endpoint.Security, log *slog.Logger) (*Set, error) {
	if !s.On() {
		return nil, nil
	}
	p, err := read(s, "")
	if err != nil {
		return nil, err
	}
	m, err := build(p, time.Now())
	if err != nil {
		return nil, err
	}
	return &Set{files: s, log: log, told: newTeller(log), last: m}, nil
}

// CommonName is the name in the certificate of one's own, "" without one.
func (s *Set) CommonName() string {
	own := s.current().own
	if own == nil || own.Leaf == nil {
		return ""
	}
	return own.Leaf.Subject.CommonName
}

// current gives what the files say now, or, while they do not fit together,
// what they said last.
func (s *Set) current() *material {
	p, err := read(s.files, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && p.same(s.last.parts) {
		s.misfit = ""
		return s.last
	}
	var m *material
	if err == nil {
		m, err = build(p, time.Now())
	}
	if err != nil {
		if text := err.Error(); text != s.misfit {
			s.misfit = text
			s.log.Warn("the certificates that were read before go on being used", "err", err)
		}
		return s.last
	}
	s.last, s.misfit = m, ""
	s.log.Info("renewed certificates are used from now on", "ssl-cert", s.files.Cert, "until", day(m.own.Leaf.NotAfter))
	return m
}

// config is for one side of one connection.
func (s *Set) config(c check, next ...string) *tls.Config {
	return &tls.Config{
		MinVersion:           tls.VersionTLS12,
		Certificates:         []tls.Certificate{*c.m.own},
		GetClientCertificate: c.m.show,
		NextProtos:           next,
		// A ticket would let a client in later without a look at its certificate.
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true, // VerifyConnection does all of it
		VerifyConnection:       c.verify,
	}
}

// server is for a connection that was accepted from who.
func (s *Set) server(who string) *tls.Config {
	base := &tls.Config{MinVersion: tls.VersionTLS12}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		m := s.current()
		cfg := s.config(check{m: m, who: who, usage: x509.ExtKeyUsageClientAuth, allowed: s.files.AllowedCN}, protocol(hello.SupportedProtos)...)
		// Any certificate gets as far as VerifyConnection, which says what is wrong
		// with it: clients that are told the CAs keep others to themselves.
		cfg.ClientAuth = tls.RequireAnyClientCert
		return cfg, nil
	}
	return base
}

// protocol chooses what to speak with a client. gRPC offers HTTP/2 only, and it
// is the only one to get it: browsers and curl, which offer both, speak HTTP/1.1
// to the pages.
func protocol(offered []string) []string {
	const http1, http2 = "http/1.1", "h2"
	if slices.Contains(offered, http1) || !slices.Contains(offered, http2) {
		return []string{http1}
	}
	return []string{http2}
}

// Client makes a connection to host:port a TLS connection, as the side that has
// connected; next are the protocols to offer.
func (s *Set) Client(ctx context.Context, raw net.Conn, addr string, next ...string) (*Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	m := s.current()
	who := "the process at " + addr
	cfg := s.config(check{m: m, who: who, host: host, usage: x509.ExtKeyUsageServerAuth, allowed: s.files.AllowedCN}, next...)
	cfg.ServerName = host
	c := &Conn{Conn: tls.Client(raw, cfg), who: who, m: m}
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, explain(err, who, m)
	}
	return c, nil
}

// Conn is the connecting side of a connection. In TLS 1.3 the other side's word
// about our certificate comes with the first thing that is read.
type Conn struct {
	*tls.Conn
	who string
	m   *material
}

// Read reads, and says what it means when the other side refuses us.
func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil && n == 0 {
		if explained := explainRefusal(err, c.who, c.m); explained != nil {
			return 0, explained
		}
	}
	return n, err
}

// explainRefusal is explain for what the other side says only.
func explainRefusal(err error, who string, m *material) error {
	var op *net.OpError // TLS keeps it inside an error of its own
	if errors.As(err, &op) && op.Op == "remote error" {
		return explain(err, who, m)
	}
	return nil
}
