package tlsconf

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Listener makes TLS connections of those that l accepts. Whoever reads from one
// first waits for its handshake, so that accepting waits for nobody.
func (s *Set) Listener(l net.Listener) net.Listener { return listener{l, s} }

type listener struct {
	net.Listener
	set *Set
}

// Accept takes the next connection.
func (l listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.set.Server(raw), nil
}

// Server makes an accepted connection a TLS connection; the first read waits for
// the handshake, as long as the reader's deadline allows. One that fails is
// logged once in a while for each machine, and to the reader is a connection
// without content.
func (s *Set) Server(raw net.Conn) net.Conn {
	host, _, err := net.SplitHostPort(raw.RemoteAddr().String())
	if err != nil {
		host = raw.RemoteAddr().String()
	}
	return &accepted{Conn: tls.Server(raw, s.server("the process at "+host)), raw: raw, set: s, host: host}
}

// accepted is the accepting side of a connection.
type accepted struct {
	*tls.Conn
	raw  net.Conn
	set  *Set
	host string // the other side's, without the port
	once sync.Once
	err  error // of the handshake
}

// Read reads what follows the handshake.
func (a *accepted) Read(p []byte) (int, error) {
	a.once.Do(func() { a.err = a.handshake() })
	if a.err != nil {
		return 0, a.err
	}
	return a.Conn.Read(p)
}

// handshake makes it; nothing was read or written before.
func (a *accepted) handshake() error {
	err := a.Handshake()
	if err == nil {
		return nil
	}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		a.answerPlain(header)
		a.set.told.once(a.host, "a client speaks plain text to this port, which speaks TLS",
			"give it ssl-ca, ssl-cert and ssl-key, or https")
	case silent(err):
		// Somebody looked whether the port is open, or went away.
	default:
		a.set.told.refused(a.host, explain(err, "the process at "+a.host, a.set.current()))
	}
	return io.EOF
}

// silent tells whether a connection ended before anybody was refused.
func silent(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) && !isRemote(err)
}

func isRemote(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}

// plainRefusal is what a client that does not speak TLS reads. To one of HTTP/1
// it is a page, to others the alert of TLS that stands for it, by which Plain
// recognises it.
const plainRefusal = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis port speaks TLS: use https and a client certificate.\n"

// alert is TLS's record for "handshake failure".
const alert = "\x15\x03\x01\x00\x02\x02\x28"

// answerPlain tells a client that does not speak TLS so.
func (a *accepted) answerPlain(h tls.RecordHeaderError) {
	text := alert
	switch string(h.RecordHeader[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH":
		text = plainRefusal
	}
	_ = a.raw.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(a.raw, text) // it is being told for nothing if it is gone
	_ = a.raw.SetWriteDeadline(time.Time{})
}
