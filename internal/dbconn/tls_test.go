package dbconn_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

func TestTLS(t *testing.T) {
	ca := testbed.NewCA(t)
	server := testbed.MariaDB(t, testbed.WithTLS(ca.Issue(t, "server", testbed.Cert{CN: "mariadb"})))
	t.Run("to a server", func(t *testing.T) { tlsToAServer(t, ca, server) })
	t.Run("is renewed", func(t *testing.T) { tlsIsRenewed(t, ca, server) })
}

// Users who require TLS or a certificate get in with it, and what is wrong with a
// file or a certificate is one error that says what to mend.
func tlsToAServer(t *testing.T, ca *testbed.CA, server *testbed.Server) {
	stranger := testbed.NewCA(t)
	if err := server.Exec(t.Context(), "CREATE USER tls@'%' IDENTIFIED BY 'p' REQUIRE SSL", "CREATE USER x509@'%' IDENTIFIED BY 'p' REQUIRE X509"); err != nil {
		t.Fatal(err)
	}
	own := ca.Issue(t, "client", testbed.Cert{CN: "raftdm"})
	as := func(user string, sec config.Security) config.Database {
		cfg := server.Config()
		cfg.User, cfg.Password, cfg.Security = user, "p", sec
		return cfg
	}
	alone := config.Security{CA: ca.File}
	missing := own
	missing.Key = filepath.Join(t.TempDir(), "gone.pem")
	foreign := own
	foreign.CA = stranger.File
	misnamed := alone
	misnamed.AllowedCN = []string{"tidb"}
	named := alone
	named.AllowedCN = []string{"tidb", "mariadb"}
	elsewhere := as("tls", alone)
	elsewhere.Host = "localhost"
	for _, c := range []struct {
		what string
		cfg  config.Database
		says string // "": it gets in
	}{
		{"the CA alone", as("tls", alone), ""},
		{"a certificate", as("x509", own), ""},
		{"the server's common name", as("tls", named), ""},
		{"by host name", elsewhere, ""},
		{"plain", as("tls", config.Security{}), "section security"},
		{"no certificate", as("x509", alone), "section security"},
		{"a certificate of another CA", as("x509", foreignOwn(ca.File, stranger.Issue(t, "c", testbed.Cert{}))), ""},
		{"another CA", as("tls", foreign), "was not issued by a CA in the file " + stranger.File + " of target-database.security.ssl-ca"},
		{"no key file", as("x509", missing), "target-database.security.ssl-key: the file " + missing.Key + " cannot be read"},
		{"another common name", as("tls", misnamed), `the common name "mariadb", which is not in cert-allowed-cn [tidb]`},
	} {
		db, err := dbconn.Open(t.Context(), fault.Downstream, c.cfg, dbconn.Options{})
		if c.what == "a certificate of another CA" {
			// Whether the server says so in TLS or drops the connection is its own
			// affair, but in it must not come.
			if err == nil {
				t.Error("a certificate of another CA is accepted")
				_ = db.Close()
			}
			t.Logf("%s: %v (%s)", c.what, err, fault.HintOf(err))
			continue
		}
		switch {
		case c.says == "" && err != nil:
			t.Errorf("%s: %v (%s)", c.what, err, fault.HintOf(err))
		case c.says == "":
			if got := cipher(t, db); got == "" {
				t.Errorf("%s: the connection is plain", c.what)
			}
			_ = db.Close()
		case err == nil || !strings.Contains(err.Error()+" "+fault.HintOf(err), c.says):
			t.Errorf("%s: %v (%s), want %s", c.what, err, fault.HintOf(err), c.says)
		}
	}

	// A server that takes nobody without TLS says so itself.
	guard, err := server.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	for _, on := range []string{"ON", "OFF"} {
		if _, err := guard.ExecContext(t.Context(), "SET GLOBAL require_secure_transport = "+on); err != nil {
			t.Fatal(err)
		}
		db, err := dbconn.Open(t.Context(), fault.Upstream, server.Config(), dbconn.Options{})
		if on == "ON" && (err == nil || !strings.Contains(fault.HintOf(err), "section security") || !fault.Is(err, fault.Invalid)) {
			t.Errorf("require_secure_transport: %v (%s)", err, fault.HintOf(err))
		}
		if err == nil {
			_ = db.Close()
		}
	}
}

func foreignOwn(ca string, s config.Security) config.Security {
	s.CA = ca
	return s
}

// cipher tells how a session is encrypted.
func cipher(t *testing.T, db *dbconn.DB) string {
	t.Helper()
	var name, value string
	if err := db.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Ssl_cipher'").Scan(&name, &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// The pool's next connection shows the renewed certificate, and those there are
// go on.
func tlsIsRenewed(t *testing.T, ca *testbed.CA, server *testbed.Server) {
	// The server itself tells which certificate it sees, by whom it lets in.
	if err := server.Exec(t.Context(), "CREATE USER first@'%' REQUIRE SUBJECT '/CN=first'", "CREATE USER second@'%' REQUIRE SUBJECT '/CN=second'"); err != nil {
		t.Fatal(err)
	}
	cfg := server.Config()
	cfg.User, cfg.Password = "first", ""
	cfg.Security = ca.Issue(t, "client", testbed.Cert{CN: "first"})
	db, err := dbconn.Open(t.Context(), fault.Downstream, cfg, dbconn.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	held, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	ca.Issue(t, "client", testbed.Cert{CN: "second"})
	second := cfg
	second.User = "second"
	if db2, err := dbconn.Open(t.Context(), fault.Downstream, second, dbconn.Options{}); err != nil {
		t.Errorf("a new pool: %v", err)
	} else {
		_ = db2.Close()
	}
	if _, err := held.ExecContext(t.Context(), "SELECT 1"); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	if err := anew(t, db); err == nil {
		t.Error("a new connection of the pool shows the former certificate")
	}
	if err := os.WriteFile(cfg.Security.Key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := anew(t, db); err == nil || strings.Contains(err.Error(), "ssl-key") {
		t.Errorf("files that do not fit together count: %v", err)
	}
}

// anew makes one more connection of the pool.
func anew(t *testing.T, db *dbconn.DB) error {
	t.Helper()
	db.SetMaxIdleConns(0) // an idle one would be taken
	c, err := db.Conn(t.Context())
	if err == nil {
		err = c.Close()
	}
	return err
}
