package testbed

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
)

// CA issues certificates as the manual's recipe does, quicker.
type CA struct {
	File string // its own certificate

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Cert describes a certificate to issue; what is left out is as in the manual.
type Cert struct {
	CN       string             // "dm" when empty
	Hosts    []string           // 127.0.0.1 and localhost when nil; empty for no subjectAltName
	Begin    time.Time          // an hour ago when zero
	End      time.Time          // in a day when zero
	Usage    []x509.ExtKeyUsage // any when empty
	Security endpoint.Security  // its AllowedCN goes into the answer
}

// NewCA makes a CA whose files are in a directory of the test's own.
func NewCA(t testing.TB) *CA {
	t.Helper()
	c := &CA{dir: t.TempDir()}
	c.File = filepath.Join(c.dir, "ca.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: "test CA " + rand.Text()[:6]}, NotBefore: now.Add(-time.Hour),
		NotAfter: now.Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if c.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.key = key
	c.write(t, c.File, "CERTIFICATE", der)
	return c
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// write replaces a file at once, as a careful operator does.
func (c *CA) write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	tmp := path + ".new"
	if err := os.WriteFile(tmp, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}

// Issue writes a certificate and its key under a name, in place of former ones,
// and gives what a configuration has to name.
func (c *CA) Issue(t testing.TB, name string, x Cert) endpoint.Security {
	t.Helper()
	if x.CN == "" {
		x.CN = "dm"
	}
	if x.Hosts == nil {
		x.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if x.Begin.IsZero() {
		x.Begin = time.Now().Add(-time.Hour)
	}
	if x.End.IsZero() {
		x.End = time.Now().Add(24 * time.Hour)
	}
	tmpl := &x509.Certificate{SerialNumber: serial(t), Subject: pkix.Name{CommonName: x.CN}, NotBefore: x.Begin, NotAfter: x.End,
		ExtKeyUsage: x.Usage, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}
	for _, h := range x.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, c.cert, key.Public(), c.key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	out := x.Security
	out.CA, out.Cert, out.Key = c.File, filepath.Join(c.dir, name+".pem"), filepath.Join(c.dir, name+"-key.pem")
	c.write(t, out.Cert, "CERTIFICATE", der)
	c.write(t, out.Key, "PRIVATE KEY", raw)
	return out
}

// secureArgs are the flags of one of the programs.
func secureArgs(s endpoint.Security) []string {
	if !s.On() {
		return nil
	}
	out := []string{"--ssl-ca=" + s.CA, "--ssl-cert=" + s.Cert, "--ssl-key=" + s.Key}
	for _, n := range s.AllowedCN {
		out = append(out, "--cert-allowed-cn="+n)
	}
	return out
}

// WithTLS lets a MariaDB server offer TLS.
func WithTLS(s endpoint.Security) MariaDBOption {
	return WithArgs("--ssl-ca="+s.CA, "--ssl-cert="+s.Cert, "--ssl-key="+s.Key)
}

// MySQLWithTLS starts a MySQL 9 server for one test that lets nobody in without TLS.
// It needs what MySQL needs.
func MySQLWithTLS(t testing.TB, s endpoint.Security, args ...string) *Server {
	t.Helper()
	return forTest(t, func(ctx context.Context, dir string) (*Server, error) { return StartMySQLWithTLS(ctx, dir, s, args...) })
}

// TiDBWithTLS starts a TiDB server that offers TLS for one test.
func TiDBWithTLS(t testing.TB, s endpoint.Security) *Server {
	t.Helper()
	return forTest(t, StartTiDBWith(fmt.Sprintf("[security]\nssl-ca = %q\nssl-cert = %q\nssl-key = %q\n", s.CA, s.Cert, s.Key)))
}

// httpClient speaks to the pages of processes that want a certificate, and gives
// what URLs begin with.
func httpClient(s endpoint.Security) (*http.Client, string, error) {
	if !s.On() {
		return http.DefaultClient, "http://", nil
	}
	own, err := tls.LoadX509KeyPair(s.Cert, s.Key)
	if err != nil {
		return nil, "", err
	}
	ca, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, "", err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, "", fmt.Errorf("no CA in %s", s.CA)
	}
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}}}}, "https://", nil
}
