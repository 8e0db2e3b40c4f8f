package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/fault"
)

// Database is the TLS of connections to one database. A nil Database stands for
// plain connections.
type Database struct {
	cfg    endpoint.Database
	prefix string

	mu   sync.Mutex // guards last
	last *material
}

// ForDatabase gives the TLS of a database; nil when it has none. side says how
// the configuration calls the section.
func ForDatabase(cfg endpoint.Database, side fault.Side) *Database {
	if !cfg.Security.On() {
		return nil
	}
	prefix := "target-database.security."
	if side == fault.Upstream {
		prefix = "from.security."
	}
	return &Database{cfg: cfg, prefix: prefix}
}

// Config is for one connection: what the files say now, or, while a renewal is
// under way and they do not fit together, what they said last. It is nil for
// plain connections.
func (d *Database) Config() (*tls.Config, error) {
	if d == nil {
		return nil, nil
	}
	m, err := d.current()
	if err != nil {
		return nil, err
	}
	c := check{m: m, who: "the server " + net.JoinHostPort(d.cfg.Host, strconv.Itoa(d.cfg.Port)), host: d.cfg.Host,
		usage: x509.ExtKeyUsageServerAuth, allowed: d.cfg.Security.AllowedCN, byCN: true}
	if d.cfg.Host == "127.0.0.1" {
		c.host = "" // as in DM: hardly any certificate has this name
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: d.cfg.Host, GetClientCertificate: m.show,
		InsecureSkipVerify: true, VerifyConnection: c.verify}, nil // VerifyConnection does all of it
}

func (d *Database) current() (*material, error) {
	p, err := read(d.cfg.Security, d.prefix)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && d.last != nil && p.same(d.last.parts) {
		return d.last, nil
	}
	var m *material
	if err == nil {
		m, err = build(p, time.Now())
	}
	if err != nil {
		if d.last != nil {
			return d.last, nil
		}
		return nil, err
	}
	d.last = m
	return m, nil
}

// Explain says what an error of a connection means, in words about TLS where it
// is about TLS.
func (d *Database) Explain(err error) error {
	if d == nil || err == nil {
		return err
	}
	d.mu.Lock()
	m := d.last
	d.mu.Unlock()
	out := explain(err, "the server "+net.JoinHostPort(d.cfg.Host, strconv.Itoa(d.cfg.Port)), m)
	if f, ok := out.(*fault.Error); ok && out != err && f.Kind == fault.Unavailable {
		f.Err = err // by which it is known that it may be over soon
	}
	return out
}
