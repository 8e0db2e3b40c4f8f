package tlsconf

import (
	"net"

	"github.com/raftdm/raftdm/internal/fault"
)

// Plain watches a plain connection for the answer of a port that speaks TLS,
// which would otherwise be a riddle of the protocol above.
func Plain(c net.Conn, addr string) net.Conn { return &plain{Conn: c, addr: addr} }

type plain struct {
	net.Conn
	addr string
	seen bool // something was read; only the reader looks at it
}

// Read reads, and looks at the first byte.
func (p *plain) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	if n > 0 && !p.seen {
		p.seen = true
		if b[0] == alert[0] && (n < 2 || b[1] == alert[1]) {
			return 0, SpeaksTLS(p.addr)
		}
	}
	return n, err
}

// SpeaksTLS is the error of a plain client at a port that speaks TLS.
func SpeaksTLS(addr string) error {
	return &fault.Error{Kind: fault.Unavailable, Msg: "the process at " + addr + " speaks TLS, and this one plain text",
		Hint: "give ssl-ca, ssl-cert and ssl-key"}
}
