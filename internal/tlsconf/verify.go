package tlsconf

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/fault"
)

// check is what the other side's certificate has to fulfil.
type check struct {
	m       *material
	who     string // "the server 10.0.0.1:3306"
	host    string // "" when the name is not looked at
	usage   x509.ExtKeyUsage
	allowed []string // common names; empty for any
	// byCN: a certificate without any subjectAltName is known by its common name
	// if that is among allowed. MySQL makes itself such certificates.
	byCN bool
}

// verify is the whole of it: the chain to the CA, the dates, the host, the
// common name. It stands for what a tls.Config would do by itself, so that
// errors can say which file is concerned.
func (c check) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return refuse("give it ssl-ca, ssl-cert and ssl-key", "%s shows no certificate", c.who)
	}
	leaf := cs.PeerCertificates[0]
	opts := x509.VerifyOptions{Roots: c.m.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{c.usage}}
	for _, x := range cs.PeerCertificates[1:] {
		opts.Intermediates.AddCert(x)
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		return c.unverified(leaf, err)
	}
	if err := c.named(leaf); err != nil {
		return err
	}
	if len(c.allowed) == 0 || anyNamed(chains, c.allowed) {
		return nil
	}
	return refuse("give it a certificate with one of these names, or add its name to cert-allowed-cn",
		"the certificate of %s has the common name %q, which is not in cert-allowed-cn [%s]", c.who, leaf.Subject.CommonName, strings.Join(c.allowed, " "))
}

// refuse makes the error of a certificate that is not accepted. It is a
// conflict: a renewed file mends it without a change of the configuration.
func refuse(hint, format string, args ...any) *fault.Error {
	return &fault.Error{Kind: fault.Conflict, Msg: fmt.Sprintf(format, args...), Hint: hint}
}

// unverified says why a chain does not lead to the CA.
func (c check) unverified(leaf *x509.Certificate, err error) error {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refuse("renew it; or check this machine's clock", "the certificate of %s is valid from %s to %s, and not now",
			c.who, day(leaf.NotBefore), day(leaf.NotAfter))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return refuse("issue it with extendedKeyUsage serverAuth,clientAuth, or without extendedKeyUsage",
			"the certificate of %s must not be used for this side of a connection", c.who)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return refuse("let both sides use certificates of one CA, or put all CAs into the file of "+c.m.ca.key,
			"the certificate of %s was not issued by a CA in %s of %s", c.who, c.m.ca.where(), c.m.ca.key)
	default:
		f := refuse("", "the certificate of %s cannot be accepted", c.who)
		f.Err = err
		return f
	}
}

// named checks that the certificate is the host's.
func (c check) named(leaf *x509.Certificate) error {
	if c.host == "" || leaf.VerifyHostname(c.host) == nil {
		return nil
	}
	none := len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.URIs)+len(leaf.EmailAddresses) == 0
	if none && c.byCN && slices.Contains(c.allowed, leaf.Subject.CommonName) {
		return nil
	}
	hint := "issue it with a subjectAltName for " + c.host
	if c.byCN {
		hint += "; one without any subjectAltName is known by its common name if cert-allowed-cn has it"
	}
	return refuse(hint, "the certificate of %s is not for the host %s but for [%s]", c.who, c.host, strings.Join(sans(leaf), " "))
}

// sans lists whom a certificate is for.
func sans(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	return out
}

// anyNamed tells whether a certificate of a chain has one of the common names.
func anyNamed(chains [][]*x509.Certificate, names []string) bool {
	for _, chain := range chains {
		for _, c := range chain {
			if slices.Contains(names, c.Subject.CommonName) {
				return true
			}
		}
	}
	return false
}

// explain says what an error of a handshake means for an operator. who is the
// other side, "the server 10.0.0.1:3306", m what this side shows.
func explain(err error, who string, m *material) error {
	var known *fault.Error
	var header tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.As(err, &header):
		f := refuse("switch TLS on there, or remove ssl-ca, ssl-cert and ssl-key here", "%s does not speak TLS on this port", who)
		f.Kind = fault.Unavailable // it may be about to be switched on
		return f
	case errors.As(err, &remote) && remote.Op == "remote error":
		f := refuse("the log of the other side says why", "%s does not accept this side's certificate: %v", who, remote.Err)
		if m == nil || m.own == nil {
			f.Msg = fmt.Sprintf("%s ended the TLS handshake: %v", who, remote.Err)
			f.Hint = "it may want a certificate: give ssl-cert and ssl-key"
		} else if m.cert.file != "" {
			f.Msg = fmt.Sprintf("%s does not accept the certificate of %s: %v", who, m.cert.key, remote.Err)
			f.Hint = "check " + m.cert.file + ": whether the other side's ssl-ca has issued it, its dates, and its common name if cert-allowed-cn is set there"
		}
		return f
	case errors.Is(err, mysql.ErrNoTLS):
		return refuse("switch TLS on there, or remove the section security to go on without encryption", "%s does not offer TLS", who)
	case errors.Is(err, mysql.ErrInvalidConn) && m != nil && m.own != nil && m.cert.file != "":
		// Since TLS 1.3 a server refuses a certificate behind the handshake, and the
		// driver keeps its alert to itself.
		f := refuse("check "+m.cert.file+": whether the server's ssl-ca has issued it, and its dates; or whether the server has just ended",
			"%s closed the connection during the login, behind the TLS handshake with the certificate of %s", who, m.cert.key)
		f.Kind = fault.Unavailable
		return f
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		f := refuse("check that TLS is switched on there", "%s closed the connection during the TLS handshake", who)
		f.Kind = fault.Unavailable // without the cause, whose ports differ each time: it is told once
		return f
	}
	return err
}
