package tlsconf

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestEachFileThatIsWrong: the error names the key, the file and what to do, and
// shows nothing of a key.
func TestEachFileThatIsWrong(t *testing.T) {
	ca, other := testbed.NewCA(t), testbed.NewCA(t)
	good := ca.Issue(t, "good", testbed.Cert{})
	keyText, err := os.ReadFile(good.Key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	block := func(kind string, headers map[string]string) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Headers: headers, Bytes: []byte("no DER")}))
	}
	with := func(change func(*endpoint.Security)) endpoint.Security {
		s := good
		change(&s)
		return s
	}
	for _, c := range []struct {
		what, key string
		s         endpoint.Security
		file, say string
	}{
		{"no CA file", "ssl-ca", with(func(s *endpoint.Security) { s.CA = filepath.Join(dir, "none") }), filepath.Join(dir, "none"), "cannot be read: no such file"},
		{"no certificate file", "ssl-cert", with(func(s *endpoint.Security) { s.Cert = filepath.Join(dir, "none") }), filepath.Join(dir, "none"), "cannot be read"},
		{"no key file", "ssl-key", with(func(s *endpoint.Security) { s.Key = filepath.Join(dir, "none") }), filepath.Join(dir, "none"), "cannot be read"},
		{"a directory", "ssl-key", with(func(s *endpoint.Security) { s.Key = dir }), dir, "cannot be read"},
		{"a CA that is none", "ssl-ca", with(func(s *endpoint.Security) { s.CA = file("ca", "hello") }), filepath.Join(dir, "ca"), "no certificate in PEM form"},
		{"a key as CA", "ssl-ca", with(func(s *endpoint.Security) { s.CA = s.Key }), good.Key, "no certificate in PEM form"},
		{"a certificate that is broken", "ssl-cert", with(func(s *endpoint.Security) { s.Cert = file("broken", block("CERTIFICATE", nil)) }), filepath.Join(dir, "broken"), "cannot be read"},
		{"a certificate as key", "ssl-key", with(func(s *endpoint.Security) { s.Key = s.Cert }), good.Cert, "no private key in PEM form"},
		{"another key", "ssl-key", with(func(s *endpoint.Security) { s.Key = other.Issue(t, "o", testbed.Cert{}).Key }), "o-key.pem", "does not fit to the file " + good.Cert},
		{"a key with a passphrase", "ssl-key", with(func(s *endpoint.Security) { s.Key = file("enc", block("ENCRYPTED PRIVATE KEY", nil)) }), filepath.Join(dir, "enc"), "passphrase"},
		{"an old key with a passphrase", "ssl-key", with(func(s *endpoint.Security) {
			s.Key = file("dek", block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}))
		}), filepath.Join(dir, "dek"), "passphrase"},
		{"expired", "ssl-cert", ca.Issue(t, "old", testbed.Cert{End: time.Now().Add(-time.Minute)}), "old.pem", "has expired on 20"},
		{"not valid yet", "ssl-cert", ca.Issue(t, "new", testbed.Cert{Begin: time.Now().Add(time.Hour)}), "new.pem", "is valid only from"},
	} {
		_, err := Load(c.s, nil)
		if err == nil {
			t.Errorf("%s is accepted", c.what)
			continue
		}
		text := err.Error()
		if !strings.HasPrefix(text, c.key+": the file ") || !strings.Contains(text, c.file) || !strings.Contains(text, c.say) || fault.HintOf(err) == "" {
			t.Errorf("%s: %v (%s)", c.what, err, fault.HintOf(err))
		}
		if strings.Contains(text+fault.HintOf(err), strings.Fields(string(keyText))[4]) {
			t.Errorf("%s: the error shows the key", c.what)
		}
		// For a database the key stands in its section.
		db := ForDatabase(endpoint.Database{Host: "h", Port: 1, Security: c.s}, fault.Downstream)
		if _, err := db.Config(); err == nil || !strings.HasPrefix(err.Error(), "target-database.security."+c.key+": ") {
			t.Errorf("%s, for a database: %v", c.what, err)
		}
	}
	if s, err := Load(endpoint.Security{}, nil); s != nil || err != nil {
		t.Errorf("no TLS: %v, %v", s, err)
	}
	if ForDatabase(endpoint.Database{}, fault.Upstream) != nil {
		t.Error("TLS for a database that has none")
	}
}

// TestContentsInsteadOfFiles: what was sent along counts where the files are
// not, all three or none, and a file that is there wins.
func TestContentsInsteadOfFiles(t *testing.T) {
	ca := testbed.NewCA(t)
	first, second := ca.Issue(t, "first", testbed.Cert{}), ca.Issue(t, "second", testbed.Cert{})
	text := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sent := endpoint.Security{CAText: text(first.CA), CertText: text(first.Cert), KeyText: endpoint.Secret(text(first.Key))}
	shown := func(s endpoint.Security) []byte {
		t.Helper()
		p, err := read(s, "")
		if err != nil {
			t.Fatal(err)
		}
		m, err := build(p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return m.own.Certificate[0]
	}
	der := func(path string) []byte {
		b, _ := pem.Decode([]byte(text(path)))
		return b.Bytes
	}
	with := func(ca, cert, key string) endpoint.Security {
		s := sent
		s.CA, s.Cert, s.Key = ca, cert, key
		return s
	}
	for what, c := range map[string]struct {
		s    endpoint.Security
		want []byte
	}{
		"contents alone":       {sent, der(first.Cert)},
		"no file is there":     {with("/none", "/none", "/none"), der(first.Cert)},
		"the key is not there": {with(second.CA, second.Cert, "/none"), der(first.Cert)},
		"all files are there":  {with(second.CA, second.Cert, second.Key), der(second.Cert)},
	} {
		if string(shown(c.s)) != string(c.want) {
			t.Errorf("%s: another certificate", what)
		}
	}
	half := with("/none", second.Cert, second.Key)
	half.KeyText = ""
	if _, err := read(half, ""); err == nil || !strings.HasPrefix(err.Error(), "ssl-ca: the file /none") {
		t.Errorf("a file without contents in its stead: %v", err)
	}
	alone := endpoint.Security{CA: first.CA}
	if p, err := read(alone, ""); err != nil {
		t.Error(err)
	} else if m, err := build(p, time.Now()); err != nil || m.own != nil {
		t.Errorf("the CA alone: %v", err)
	}
}

// leafOf reads a certificate's file.
func leafOf(t *testing.T, path string) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
