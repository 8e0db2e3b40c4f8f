//go:build mysql

package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestMySQLOverTLS: the source is a MySQL 9 that lets nobody in without TLS (require_secure_transport),
// and the user needs a certificate. It is dumped, loaded and replicated, with kills in
// between, while people write. Whoever comes without TLS, or with the wrong
// CA, is told so in one error.
func TestMySQLOverTLS(t *testing.T) {
	ca := testbed.NewCA(t)
	s := newStandWith(t, testbed.MySQLWithTLS(t, ca.Issue(t, "mysql", testbed.Cert{CN: "mysql"})), testbed.TiDB(t))
	ctx := t.Context()
	from := s.up.Config()
	must(t, s.up.Exec(ctx, "CREATE USER replica@'%' IDENTIFIED BY 's3cret' REQUIRE X509", "GRANT ALL ON *.* TO replica@'%'"))
	own := ca.Issue(t, "replica", testbed.Cert{CN: "replica"})

	another := own
	another.CA = testbed.NewCA(t).File
	alien := testbed.NewCA(t).Issue(t, "alien", testbed.Cert{CN: "replica"})
	alien.CA = own.CA
	for what, c := range map[string]struct {
		user string
		sec  endpoint.Security
		says []string
	}{
		"plain":                       {"root", endpoint.Security{}, []string{"the server wants TLS", "the section security"}},
		"another CA":                  {"replica", another, []string{"from.security.ssl-ca", "was not issued by a CA in the file " + another.CA}},
		"no certificate":              {"replica", endpoint.Security{CA: own.CA}, []string{"Access denied", "REQUIRE"}},
		"a certificate of another CA": {"replica", alien, []string{s.up.Addr() + " closed the connection during the login", alien.Cert}},
		"a server of another name":    {"replica", knownAs(own, "other"), []string{"mysql", "other", "cert-allowed-cn"}},
	} {
		from.Security, from.User = c.sec, c.user
		if from.Password = "s3cret"; c.user == "root" {
			from.Password = s.up.Config().Password
		}
		path := s.write("refused.yaml", testbed.SourceFile{ID: sourceName, From: from}.YAML())
		out, err := s.Dmctl(ctx, "operate-source", "create", path)
		must(t, err)
		if out.Stderr != "" || strings.Count(out.Stdout, "[code=") != 1 || !strings.Contains(out.Stdout, `"result": false`) {
			t.Errorf("%s: %s%s", what, out.Stdout, out.Stderr)
		}
		for _, word := range c.says {
			if !strings.Contains(out.Stdout, word) {
				t.Errorf("%s: %q is not in %s", what, word, out.Stdout)
			}
		}
	}

	r := rand.New(rand.NewPCG(s.seed, 7))
	w := mysqlWorkload(s)
	must(t, w.Load(ctx, 10_000, s.seed))
	from.Security, from.User, from.Password = knownAs(own, "mysql"), "replica", "s3cret"
	s.do("operate-source", "create", s.write("source.yaml", testbed.SourceFile{ID: sourceName, GTID: true, From: from}.YAML()))
	traffic := startWriters(t, w, 8, s.seed)
	s.startTask(s.task("all"))
	for range 2 {
		pause(ctx, time.Duration(300+r.IntN(2000))*time.Millisecond)
		s.worker.Kill()
		must(t, s.worker.Launch())
	}
	s.await(90*time.Second, "it replicates after the last kill", running)
	traffic.stop()
	s.wantEqual()
	var streams, plain int
	must(t, s.up.DB().QueryRowContext(ctx, "SELECT SUM(PROCESSLIST_COMMAND LIKE 'Binlog Dump%' AND CONNECTION_TYPE = 'SSL/TLS'), SUM(CONNECTION_TYPE <> 'SSL/TLS')"+
		" FROM performance_schema.threads WHERE PROCESSLIST_USER = 'replica'").Scan(&streams, &plain))
	if streams == 0 || plain > 0 {
		t.Errorf("%d streams of the binlog are encrypted, %d connections are not", streams, plain)
	}
}

// knownAs is sec for a server of which the name is known.
func knownAs(sec endpoint.Security, cn string) endpoint.Security {
	sec.AllowedCN = []string{cn}
	return sec
}
