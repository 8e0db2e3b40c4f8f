package tlsconf

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/fault"
)

// part is one of the three things that files hold.
type part struct {
	key  string // as the configuration calls it, with what stands in front
	file string // "" when only the contents are known
	data []byte
}

// where names the file for people.
func (p part) where() string {
	if p.file == "" {
		return "the contents given with " + p.key
	}
	return "the file " + p.file
}

// bad is an error about the part. It is a conflict and not wrong input: a
// renewal mends it without a change of the configuration.
func (p part) bad(hint, format string, args ...any) *fault.Error {
	return &fault.Error{Kind: fault.Conflict, Msg: p.key + ": " + p.where() + " " + fmt.Sprintf(format, args...), Hint: hint}
}

// parts are what one side of a connection needs; cert and key may be empty.
type parts struct{ ca, cert, key part }

// same tells whether nothing has changed.
func (p parts) same(o parts) bool {
	return bytes.Equal(p.ca.data, o.ca.data) && bytes.Equal(p.cert.data, o.cert.data) && bytes.Equal(p.key.data, o.key.data)
}

// read gives the files' contents. The contents that were given in their stead
// count when one of the files cannot be read, all of them together: a
// certificate and a key of different age do not fit. prefix stands in front of
// the keys in errors.
func read(s endpoint.Security, prefix string) (parts, error) {
	given := parts{
		ca:   part{key: prefix + "ssl-ca", file: s.CA, data: []byte(s.CAText)},
		cert: part{key: prefix + "ssl-cert", file: s.Cert, data: []byte(s.CertText)},
		key:  part{key: prefix + "ssl-key", file: s.Key, data: []byte(s.KeyText.Reveal())},
	}
	out := given
	var first error
	instead := true
	for _, p := range []*part{&out.ca, &out.cert, &out.key} {
		if p.file == "" {
			continue
		}
		instead = instead && len(p.data) > 0
		data, err := os.ReadFile(p.file)
		if err != nil && first == nil {
			f := p.bad("put the file there for the user of this process to read, or correct "+p.key, "cannot be read")
			f.Err = plainCause(err)
			first = f
		}
		p.data = data
	}
	if first != nil && instead {
		given.ca.file, given.cert.file, given.key.file = "", "", ""
		return given, nil
	}
	return out, first
}

// plainCause takes the path, which stands before it already, off a file's error.
func plainCause(err error) error {
	if pe, ok := err.(*os.PathError); ok {
		return pe.Err
	}
	return err
}

// material is what parts say, checked.
type material struct {
	parts
	roots *x509.CertPool
	own   *tls.Certificate // nil without a certificate of one's own
}

// show gives the certificate whichever CAs the server names: it says best itself
// why it does not accept it.
func (m *material) show(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if m.own == nil {
		return &tls.Certificate{}, nil // none, as the interface has it
	}
	return m.own, nil
}

// build reads PEM and checks what can be checked without the other side.
func build(p parts, now time.Time) (*material, error) {
	m := &material{parts: p, roots: x509.NewCertPool()}
	cas, err := certificates(p.ca)
	if err != nil {
		return nil, err
	}
	current := false
	for _, c := range cas {
		m.roots.AddCert(c)
		current = current || now.Before(c.NotAfter)
	}
	if !current {
		return nil, p.ca.bad("renew the CA's certificate", "has expired on %s", day(cas[0].NotAfter))
	}
	if len(p.cert.data) == 0 && len(p.key.data) == 0 && p.cert.file == "" && p.key.file == "" {
		return m, nil
	}
	chain, err := certificates(p.cert)
	if err != nil {
		return nil, err
	}
	switch leaf := chain[0]; {
	case now.After(leaf.NotAfter):
		return nil, p.cert.bad("renew the certificate", "has expired on %s", day(leaf.NotAfter))
	case now.Before(leaf.NotBefore):
		return nil, p.cert.bad("check this machine's clock", "is valid only from %s on", day(leaf.NotBefore))
	}
	if err := isKey(p.key); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(p.cert.data, p.key.data)
	if err != nil {
		f := p.key.bad("renew both together: "+p.cert.key+" and "+p.key.key, "does not fit to %s of %s", p.cert.where(), p.cert.key)
		f.Err = err
		return nil, f
	}
	m.own = &pair
	return m, nil
}

// day writes a moment the way certificates are spoken of.
func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func certificates(p part) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := p.data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			f := p.bad("put the file there again, as it was issued", "holds a certificate that cannot be read")
			f.Err = err
			return nil, f
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, p.bad("a certificate in PEM form begins with -----BEGIN CERTIFICATE-----", "holds no certificate in PEM form")
	}
	return out, nil
}

// isKey says what a key that cannot be used is; its bytes are in no error.
func isKey(p part) error {
	for rest := p.data; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return p.bad("a key in PEM form begins with -----BEGIN PRIVATE KEY-----", "holds no private key in PEM form")
		}
		switch {
		case b.Type == "ENCRYPTED PRIVATE KEY" || b.Headers["DEK-Info"] != "":
			return p.bad("write it without a passphrase: openssl pkey -in KEY -out KEY.plain, readable for the process's user only",
				"holds a key with a passphrase, which nobody could enter")
		case strings.HasSuffix(b.Type, "PRIVATE KEY"):
			return nil
		}
	}
}
