package tlsconf

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// counter counts what is logged.
type counter struct {
	slog.Handler
	mu   sync.Mutex
	seen []string
}

func (c *counter) Handle(_ context.Context, r slog.Record) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, r.Message)
	return nil
}
func (c *counter) Enabled(context.Context, slog.Level) bool { return true }

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.seen)
}

func load(t *testing.T, s endpoint.Security) *Set {
	t.Helper()
	set, err := Load(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// echo serves one port that says back what it reads.
func echo(t *testing.T, set *Set) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	on := l
	if set != nil {
		on = set.Listener(l)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := on.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.Copy(c, c)
			})
		}
	})
	return l.Addr().String()
}

// call connects, says something and hears it again.
func call(t *testing.T, set *Set, addr string) (*Conn, error) {
	t.Helper()
	raw, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
	c, err := set.Client(t.Context(), raw, addr)
	if err != nil {
		return nil, err
	}
	return c, heard(c)
}

func heard(c net.Conn) error {
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil {
		return err
	}
	if string(b) != "hello" {
		return errors.New("another word: " + string(b))
	}
	return nil
}

// TestWhoIsLetIn: either side refuses the other one, and the errors of both say
// what to mend.
func TestWhoIsLetIn(t *testing.T) {
	ca, stranger := testbed.NewCA(t), testbed.NewCA(t)
	allow := func(names ...string) testbed.Cert {
		return testbed.Cert{Security: endpoint.Security{AllowedCN: names}}
	}
	server := ca.Issue(t, "server", testbed.Cert{})
	client := ca.Issue(t, "client", testbed.Cert{CN: "dmctl", Hosts: []string{}})
	for _, c := range []struct {
		what           string
		server, client endpoint.Security
		clientSays     string // "" : it is let in
		serverSays     string // what it refuses the client for
	}{
		{"one CA", server, client, "", ""},
		{"a name that is allowed", ca.Issue(t, "s1", allow("dm", "dmctl")), client, "", ""},
		{"the CA's name is allowed", ca.Issue(t, "s2", allow(leafOf(t, ca.File).Subject.CommonName)), client, "", ""},
		{"a name that is not allowed", ca.Issue(t, "s3", allow("dm", "worker")), client,
			"does not accept the certificate of ssl-cert", `the common name "dmctl", which is not in cert-allowed-cn [dm worker]`},
		{"another CA", server, stranger.Issue(t, "c1", testbed.Cert{}), "was not issued by a CA in the file " + stranger.File + " of ssl-ca", ""},
		{"a client of another CA", server, mix(stranger.Issue(t, "c2", testbed.Cert{}), ca.File),
			"does not accept the certificate of ssl-cert", "was not issued by a CA in the file " + ca.File},
		{"another host", ca.Issue(t, "s4", testbed.Cert{Hosts: []string{"10.9.9.9", "db.example"}}), client,
			"is not for the host 127.0.0.1 but for [db.example 10.9.9.9]", ""},
		{"no host at all", ca.Issue(t, "s5", testbed.Cert{Hosts: []string{}}), client, "is not for the host 127.0.0.1", ""},
		{"a server's name that is not allowed", server, ca.Issue(t, "c3", allow("master")), `the common name "dm", which is not in cert-allowed-cn [master]`, ""},
		{"a server's certificate as a client's", server, ca.Issue(t, "c4", testbed.Cert{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}),
			"does not accept the certificate of ssl-cert", "must not be used for this side"},
		{"a client's certificate as a server's", ca.Issue(t, "s6", testbed.Cert{Usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}), client,
			"must not be used for this side", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			refusedC := make(chan error, 1)
			set := load(t, c.server)
			addr := echoOnce(t, set, refusedC)
			_, err := call(t, load(t, c.client), addr)
			if c.clientSays == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.clientSays) || fault.HintOf(err) == "" {
				t.Errorf("the client: %v (%s), want %s", err, fault.HintOf(err), c.clientSays)
			}
			err = explain(<-refusedC, "the process at 127.0.0.1", set.current())
			if c.serverSays != "" && (err == nil || !strings.Contains(err.Error(), c.serverSays) || fault.HintOf(err) == "") {
				t.Errorf("the server: %v (%s), want %s", err, fault.HintOf(err), c.serverSays)
			}
			if c.serverSays == "" && (err == nil || !strings.Contains(err.Error(), "does not accept the certificate of ssl-cert")) {
				t.Errorf("the server hears %v", err)
			}
		})
	}
}

// mix takes the own certificate of s and the CA of somebody else.
func mix(s endpoint.Security, ca string) endpoint.Security {
	s.CA = ca
	return s
}

// echoOnce is echo for one connection; what its handshake ended with is told.
func echoOnce(t *testing.T, set *Set, endedC chan<- error) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		raw, err := l.Accept()
		if err != nil {
			endedC <- err
			return
		}
		defer raw.Close()
		_ = raw.SetDeadline(time.Now().Add(10 * time.Second))
		c := tls.Server(raw, set.server("the process at 127.0.0.1"))
		endedC <- c.Handshake()
		_, _ = io.Copy(c, c)
	})
	return l.Addr().String()
}

// TestAClientWithoutACertificate is refused, as is one whose certificate has
// expired since.
func TestAClientWithoutACertificate(t *testing.T) {
	ca := testbed.NewCA(t)
	addr := echo(t, load(t, ca.Issue(t, "server", testbed.Cert{})))
	roots := x509.NewCertPool()
	roots.AddCert(leafOf(t, ca.File))
	old := ca.Issue(t, "old", testbed.Cert{End: time.Now().Add(-time.Second)})
	pair, err := tls.LoadX509KeyPair(old.Cert, old.Key)
	if err != nil {
		t.Fatal(err)
	}
	for what, cfg := range map[string]*tls.Config{
		"none":        {RootCAs: roots},
		"expired":     {RootCAs: roots, Certificates: []tls.Certificate{pair}},
		"an old TLS":  {RootCAs: roots, MaxVersion: tls.VersionTLS11},
		"another one": {RootCAs: x509.NewCertPool()},
	} {
		c, err := tls.Dial("tcp", addr, cfg)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
			err = heard(c)
			_ = c.Close()
		}
		if err == nil {
			t.Errorf("%s: it is let in", what)
		}
	}
}

// TestRenewal: a renewed file counts for the next connection and not for those
// there are, and files that do not fit together change nothing.
func TestRenewal(t *testing.T) {
	ca, next := testbed.NewCA(t), testbed.NewCA(t)
	files := ca.Issue(t, "server", testbed.Cert{})
	server, client := load(t, files), load(t, ca.Issue(t, "client", testbed.Cert{}))
	addr := echo(t, server)
	first, err := call(t, client, addr)
	if err != nil {
		t.Fatal(err)
	}
	serialOf := func(c *Conn) string { return c.ConnectionState().PeerCertificates[0].SerialNumber.String() }

	key, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	ca.Issue(t, "server", testbed.Cert{}) // both are new
	fresh, err := os.ReadFile(files.Key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(key []byte) {
		if err := os.WriteFile(files.Key, key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(key) // half-way: the certificate is new, the key old
	half, err := call(t, client, addr)
	if err != nil || serialOf(half) != serialOf(first) {
		t.Fatalf("half-way: %v", err)
	}
	put(fresh)
	second, err := call(t, client, addr)
	if err != nil || serialOf(second) == serialOf(first) || serialOf(second) != leafOf(t, files.Cert).SerialNumber.String() {
		t.Fatalf("renewed: %v", err)
	}
	if err := heard(first); err != nil {
		t.Errorf("the connection from before: %v", err)
	}

	// A CA is renewed by trusting both for a while.
	both, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	more, err := os.ReadFile(next.File)
	if err != nil {
		t.Fatal(err)
	}
	newcomer := load(t, mix(next.Issue(t, "newcomer", testbed.Cert{}), ca.File))
	if _, err := call(t, newcomer, addr); err == nil {
		t.Fatal("a certificate of a CA that is not trusted is accepted")
	}
	if err := os.WriteFile(ca.File, append(both, more...), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := call(t, newcomer, addr); err != nil {
		t.Errorf("a CA that was added: %v", err)
	}
}

// TestPlainAtTLS: a client that does not speak TLS is told so in its own
// language, however often it comes, and the log has one line.
func TestPlainAtTLS(t *testing.T) {
	ca := testbed.NewCA(t)
	log := &counter{}
	set, err := Load(ca.Issue(t, "server", testbed.Cert{}), slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	addr := echo(t, set)
	for range 50 {
		raw, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c := Plain(raw, addr)
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		err = heard(&prefaced{Conn: c})
		if err == nil || !strings.Contains(err.Error(), "speaks TLS") || !strings.Contains(fault.HintOf(err), "ssl-ca") {
			t.Fatalf("%v", err)
		}
		_ = c.Close()
	}
	resp, err := http.Get("http://" + addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(text), "https") {
		t.Errorf("%s %s %v", resp.Status, text, err)
	}
	// Somebody who only looks whether the port is open is nobody to speak of.
	for range 10 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
	if _, err := call(t, load(t, ca.Issue(t, "client", testbed.Cert{})), addr); err != nil {
		t.Fatal(err)
	}
	if n := log.count(); n != 1 {
		t.Errorf("%d lines: %q", n, log.seen)
	}
}

// prefaced begins like gRPC.
type prefaced struct{ net.Conn }

func (p *prefaced) Write(b []byte) (int, error) {
	if _, err := io.WriteString(p.Conn, "PRI * HTTP/2.0\r\n\r\n"); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// TestTLSAtPlain: the error says which side to change.
func TestTLSAtPlain(t *testing.T) {
	ca := testbed.NewCA(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(c).ReadByte()
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_ = c.Close()
		}
	}()
	_, err = call(t, load(t, ca.Issue(t, "client", testbed.Cert{})), l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "does not speak TLS") || fault.HintOf(err) == "" || !fault.Is(err, fault.Unavailable) {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}

// TestWhatIsSpoken: gRPC gets HTTP/2, browsers and curl HTTP/1.1.
func TestWhatIsSpoken(t *testing.T) {
	for _, c := range []struct {
		offered []string
		want    string
	}{{[]string{"h2"}, "h2"}, {[]string{"h2", "http/1.1"}, "http/1.1"}, {[]string{"http/1.1"}, "http/1.1"}, {nil, "http/1.1"}} {
		if got := protocol(c.offered); len(got) != 1 || got[0] != c.want {
			t.Errorf("of %v: %v", c.offered, got)
		}
	}
}

// TestServersOfDatabases: what is asked of a database's certificate.
func TestServersOfDatabases(t *testing.T) {
	ca, stranger := testbed.NewCA(t), testbed.NewCA(t)
	n := 0
	named := func(cn string, hosts ...string) endpoint.Security {
		n++
		return ca.Issue(t, fmt.Sprint("db", n), testbed.Cert{CN: cn, Hosts: append([]string{}, hosts...)})
	}
	for _, c := range []struct {
		what, host string
		server     endpoint.Security
		allowed    []string
		says       string
	}{
		{"its host", "localhost", named("any", "localhost"), nil, ""},
		{"another host", "localhost", named("any", "db.example"), nil, "is not for the host localhost"},
		{"a loopback address needs no name", "127.0.0.1", named("any"), nil, ""},
		{"but the CA", "127.0.0.1", stranger.Issue(t, "x", testbed.Cert{}), nil, "was not issued by a CA in the file " + ca.File + " of from.security.ssl-ca"},
		{"no name at all", "localhost", named("MySQL_Server"), nil, "known by its common name"},
		{"no name at all, but a common name that is allowed", "localhost", named("MySQL_Server"), []string{"MySQL_Server"}, ""},
		{"a common name does not replace other hosts", "localhost", named("MySQL_Server", "db.example"), []string{"MySQL_Server"}, "is not for the host"},
		{"a common name that is not allowed", "127.0.0.1", named("MySQL_Server"), []string{"other"}, "not in cert-allowed-cn"},
		{"expired", "127.0.0.1", ca.Issue(t, "gone", testbed.Cert{End: time.Now().Add(-time.Hour)}), nil, "and not now"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		near, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		for _, c := range []net.Conn{near, far} {
			_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		}
		db := ForDatabase(endpoint.Database{Host: c.host, Port: 3306, Security: endpoint.Security{CA: ca.File, AllowedCN: c.allowed}}, fault.Upstream)
		cfg, err := db.Config()
		if err != nil {
			t.Fatal(err)
		}
		pair, err := tls.LoadX509KeyPair(c.server.Cert, c.server.Key)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}}).Handshake()
			_ = far.Close()
		}()
		err = db.Explain(tls.Client(near, cfg).Handshake())
		_ = near.Close()
		<-done
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error()+fault.HintOf(err), c.says) || fault.HintOf(err) == ""):
			t.Errorf("%s: %v (%s)", c.what, err, fault.HintOf(err))
		}
	}
}
