package raftnode_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/raftnode/raftnodetest"
)

func loadTLS(t *testing.T, s endpoint.Security) *tlsconf.Set {
	t.Helper()
	set, err := tlsconf.Load(s, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// Members that encrypt keep one out that does not, or whose certificate is not of
// their CA or has another name: it has no say, the rest goes on without it, and
// both sides tell what is wrong. With the right certificate it belongs again.
// Certificates are renewed and the leader stops meanwhile.
func TestMembersWithoutTheRightCertificateAreKeptOut(t *testing.T) {
	ca := testbed.NewCA(t)
	allowed := testbed.Cert{CN: "dm-master", Security: endpoint.Security{AllowedCN: []string{"dm-master"}}}
	c := raftnodetest.New(t, 3, func(cfg *raftnode.Config) { cfg.TLS = loadTLS(t, ca.Issue(t, cfg.Name, allowed)) })
	c.Do("", source(1))
	c.Agree()
	out := c.Others(c.Leader())[0]
	good := out.Config.TLS
	for i, w := range []struct {
		what       string
		tls        *tlsconf.Set
		says, hear string // what it says itself, and the leader
	}{
		{"plain", nil, "speaks TLS", "during the TLS handshake; check that TLS is switched on there"},
		{"another CA", loadTLS(t, testbed.NewCA(t).Issue(t, "m", allowed)), "was not issued by a CA in the file", "was not issued by a CA in the file"},
		{"a name of nobody's", loadTLS(t, ca.Issue(t, "nobody", testbed.Cert{CN: "nobody"})), "does not accept the certificate of ssl-cert", `the common name "nobody", which is not in cert-allowed-cn`},
	} {
		what := w.what
		c.Stop(out)
		out.Config.TLS = w.tls
		c.Start(out)
		until(t, what+": it says why", func() bool { return strings.Contains(out.Node.Trouble(), w.says) })
		until(t, what+": the leader says why", func() bool { return strings.Contains(c.Leader().Node.Trouble(), w.hear) })
		before := out.Store.Applied()
		c.Do("", source(10+i)) // the other two agree
		if _, known := out.Node.Leader(); known != "" || out.Store.Applied() != before || out.Node.IsLeader() {
			t.Errorf("%s: it takes part", what)
		}
	}
	c.Stop(out)
	out.Config.TLS = good
	c.Start(out)
	c.Agree()
	for _, m := range c.Members() {
		ca.Issue(t, m.Config.Name, allowed)
	}
	leader := c.Leader()
	c.Stop(leader)
	c.Do("", source(3))
	c.Start(leader)
	c.Agree()
}
