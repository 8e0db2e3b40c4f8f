package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
	"github.com/raftdm/raftdm/internal/testbed"
)

// encrypted is a stand whose connections are all encrypted, with everything that
// was printed in its course.
type encrypted struct {
	*stand
	ca      *testbed.CA
	own     map[string]endpoint.Security // of each component
	files   string                       // the operator's directory
	printed strings.Builder
	secrets map[string]string // what must be seen nowhere, by what it is
}

// secret makes a word that occurs nowhere else.
func (s *encrypted) secret(what string) endpoint.Secret {
	s.secrets[what] = "s3cret" + rand.Text()
	return endpoint.Secret(s.secrets[what])
}

// run keeps what dmctl prints.
func (s *encrypted) run(args ...string) testbed.Output {
	s.t.Helper()
	out, err := s.Dmctl(s.t.Context(), args...)
	must(s.t, err)
	s.printed.WriteString(out.Stdout + out.Stderr)
	return out
}

// file writes one of the operator's files.
func (s *encrypted) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.files, name)
	must(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func randomKey() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key
}

func newEncrypted(t *testing.T) *encrypted {
	t.Helper()
	testbed.SkipIfShort(t)
	ca := testbed.NewCA(t)
	s := &encrypted{ca: ca, files: t.TempDir(), secrets: map[string]string{}, own: map[string]endpoint.Security{}}
	s.stand = &stand{t: t, dir: t.TempDir(), seed: seed(t), up: testbed.MariaDB(t, testbed.WithTLS(ca.Issue(t, "mariadb", testbed.Cert{CN: "mariadb"}))),
		down: testbed.TiDBWithTLS(t, ca.Issue(t, "tidb", testbed.Cert{CN: "tidb"}))}
	s.issue()
	s.Cluster = testbed.NewCluster(filepath.Join(s.dir, "dm"), shared.Binaries(t))
	s.closeAtEnd()
	s.Args = []string{"-L", "debug"}
	s.secrets["the masters' key"] = hex.EncodeToString(randomKey())
	s.MasterArgs = []string{"-secret-key-path", s.file("secret.key", s.secrets["the masters' key"]+"\n")}
	s.Secure = func(name string) endpoint.Security { return s.own[component(name)] }
	var err error
	s.masters, err = s.StartMasters(t.Context(), 3)
	must(t, err)
	s.worker, err = s.StartWorker(t.Context(), "worker-1")
	must(t, err)
	return s
}

func component(process string) string {
	name, _, _ := strings.Cut(process, "-")
	return name
}

// issue gives each component a new certificate in the place of its former one.
func (s *encrypted) issue() {
	may := func(names ...string) endpoint.Security { return endpoint.Security{AllowedCN: names} }
	s.own["master"] = s.ca.Issue(s.t, "master", testbed.Cert{CN: "dm-master", Security: may("dm-master", "dm-worker", "dmctl")})
	s.own["worker"] = s.ca.Issue(s.t, "worker", testbed.Cert{CN: "dm-worker", Security: may("dm-master", "dmctl")})
	s.own["dmctl"] = s.ca.Issue(s.t, "dmctl", testbed.Cert{CN: "dmctl", Hosts: []string{}})
}

// users makes users who need a certificate, and gives how to be them.
func (s *encrypted) users() (up, down endpoint.Database) {
	s.t.Helper()
	own := s.ca.Issue(s.t, "replica", testbed.Cert{CN: "replica"})
	user := func(server *testbed.Server, cn, what string) endpoint.Database {
		cfg := server.Config()
		cfg.User, cfg.Password, cfg.Security = "replica", s.secret(what), own
		cfg.Security.AllowedCN = []string{cn}
		must(s.t, server.Exec(s.t.Context(), "CREATE USER replica@'%' IDENTIFIED BY '"+cfg.Password.Reveal()+"' REQUIRE X509", "GRANT ALL ON *.* TO replica@'%'"))
		return cfg
	}
	return user(s.up, "mariadb", "the source's password"), user(s.down, "tidb", "the target's password")
}

// TestEncryptedAndSecret: a migration in which every connection is encrypted and
// shows a certificate, from the mistakes at its beginning to a leader's death
// after all certificates were renewed; and nothing that was written or printed
// meanwhile holds a password or a key.
func TestEncryptedAndSecret(t *testing.T) {
	s := newEncrypted(t)
	ctx := t.Context()
	must(t, s.up.Exec(ctx, "CREATE DATABASE shop", "CREATE TABLE shop.t (id INT PRIMARY KEY, v TEXT)", "INSERT INTO shop.t VALUES (1, 'a'), (2, 'b')"))
	up, down := s.users()
	key, err := os.ReadFile(up.Security.Key)
	must(t, err)
	s.secrets["the key"] = strings.Split(string(key), "\n")[1]
	s.strangersAreKeptOut()

	// Mistakes first: each is answered, and nothing shows what was given.
	wrong := up
	wrong.Password = s.secret("a wrong password of the source")
	bad := s.file("bad.yaml", testbed.SourceFile{ID: "bad", From: wrong}.YAML())
	if out := s.run("operate-source", "create", bad); !strings.Contains(out.Stdout, "Access denied") {
		t.Errorf("a wrong password: %s%s", out.Stdout, out.Stderr)
	}
	wrong.Port = 1
	s.run("operate-source", "create", s.file("nobody.yaml", testbed.SourceFile{ID: "nobody", From: wrong}.YAML()))
	sealed := strings.TrimSpace(s.run("encrypt", up.Password.Reveal()).Stdout)
	if !strings.HasPrefix(sealed, "keyed.") {
		t.Errorf("dmctl encrypt does not use the masters' key: %s", sealed)
	}
	src := strings.ReplaceAll(testbed.SourceFile{ID: sourceName, GTID: true, From: up}.YAML(), up.Password.Reveal(), sealed)
	source := s.file("source.yaml", src)
	s.do("operate-source", "create", source)
	s.run("operate-source", "create", source) // once more
	task := s.task("all")
	task.Target = down
	task.Target.Password = s.secret("a wrong password of the target")
	refusedTask := s.file("refused.yaml", task.YAML())
	for _, command := range []string{"check-task", "start-task"} {
		if out := s.run(command, refusedTask); !strings.Contains(out.Stdout, "Access denied") {
			t.Errorf("%s: %s%s", command, out.Stdout, out.Stderr)
		}
	}
	task.Target = down
	path := s.file("task.yaml", task.YAML())
	s.do("start-task", path)
	s.await(time.Minute, "it replicates", running)
	must(t, s.up.Exec(ctx, "INSERT INTO shop.t VALUES (3, 'c')"))
	s.wantEqual()

	s.renewed()
	must(t, s.up.Exec(ctx, "INSERT INTO shop.t VALUES (4, 'd')", "ALTER TABLE shop.t ADD n INT", "UPDATE shop.t SET n = id"))
	// The worker does not find the files for the databases: what dmctl has read
	// when source and task were made is there instead.
	must(t, os.Remove(down.Security.Key))
	s.worker.Kill()
	must(t, s.worker.Start(ctx))
	s.await(time.Minute, "it replicates with the renewed certificates", running)
	s.wantEqual()

	// The history has the names of certificates, also of what another master passed on.
	if out := s.run("history"); !strings.Contains(out.Stdout, "dmctl (dmctl") || strings.Contains(out.Stdout, " via ") {
		t.Errorf("the history: %s%s", out.Stdout, out.Stderr)
	}
	// Somebody takes the target's rights away.
	must(t, s.down.Exec(ctx, "REVOKE ALL ON *.* FROM replica@'%'"))
	must(t, s.up.Exec(ctx, "INSERT INTO shop.t VALUES (5, 'e', 5)"))
	s.await(time.Minute, "it says what is wrong", func(st testbed.TaskStatus) bool { return st.Trouble() != "" })
	s.nothingIsSeen()
}

// strangersAreKeptOut: nobody gets in without a certificate of the CA with a
// name that is allowed, and is told why.
func (s *encrypted) strangersAreKeptOut() {
	t := s.t
	t.Helper()
	good := s.own["dmctl"]
	defer func() { s.own["dmctl"] = good }()
	for what, c := range map[string]struct {
		own  endpoint.Security
		says string
	}{
		"plain":             {endpoint.Security{}, "speaks TLS"},
		"another CA":        {testbed.NewCA(t).Issue(t, "x", testbed.Cert{CN: "dmctl"}), "was not issued by a CA in the file"},
		"a name of nobody":  {s.ca.Issue(t, "stranger", testbed.Cert{CN: "stranger"}), "does not accept the certificate of ssl-cert"},
		"expired":           {s.ca.Issue(t, "old", testbed.Cert{CN: "dmctl", End: time.Now().Add(-time.Minute)}), "has expired"},
		"no file":           {endpoint.Security{CA: good.CA, Cert: good.Cert, Key: "/none.pem"}, "ssl-key: the file /none.pem cannot be read"},
		"the pages in vain": {good, ""},
	} {
		s.own["dmctl"] = c.own
		if c.says != "" {
			out, err := s.DmctlTo(t.Context(), s.masters[0].Addr, "list-member")
			must(t, err)
			if out.Code != 1 || !strings.Contains(out.Stderr, c.says) || !strings.Contains(out.Stderr, "Workaround") {
				t.Errorf("%s: %d %s%s", what, out.Code, out.Stdout, out.Stderr)
			}
			continue
		}
		for _, p := range s.Processes() {
			if _, err := s.Page(t.Context(), p.Addr, "/metrics"); err != nil {
				t.Errorf("%s: %v", p.Name, err)
			}
			nobody := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
			if resp, err := nobody.Get("https://" + p.Addr + "/metrics"); err == nil {
				_ = resp.Body.Close()
				t.Errorf("%s shows its metrics to anybody", p.Name)
			}
		}
	}
}

// renewed replaces all certificates, and has new connections made with them: the
// leader dies and comes back.
func (s *encrypted) renewed() {
	t := s.t
	t.Helper()
	s.issue()
	m, err := s.ListMember(t.Context())
	must(t, err)
	for _, x := range m.Masters {
		if !strings.HasPrefix(x.PeerURLs[0], "https://") || !strings.HasPrefix(x.ClientURLs[0], "https://") || !x.Alive {
			t.Errorf("list-member: %+v", x)
		}
	}
	leader := named(t, s.masters, m.Leader)
	pair, err := tls.LoadX509KeyPair(s.own["dmctl"].Cert, s.own["dmctl"].Key)
	must(t, err)
	want, err := tls.LoadX509KeyPair(s.own["master"].Cert, s.own["master"].Key)
	must(t, err)
	conn, err := tls.Dial("tcp", leader.Addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
	must(t, err)
	if got := conn.ConnectionState().PeerCertificates[0]; !bytes.Equal(got.Raw, want.Certificate[0]) {
		t.Error("a master that runs shows its former certificate")
	}
	must(t, conn.Close())
	leader.Kill()
	s.do("pause-task", taskName)
	s.do("resume-task", taskName)
	must(t, leader.Start(t.Context()))
}

// nothingIsSeen looks for the secrets in all that was printed and written.
func (s *encrypted) nothingIsSeen() {
	t := s.t
	t.Helper()
	for _, args := range [][]string{{"query-status"}, {"query-status", taskName}, {"list-member"}, {"history"}, {"config", "task", taskName}, {"get-config", "source", sourceName},
		{"config", "master", "master-1"}, {"config", "worker", "worker-1"}, {"config", "export", "--dir", filepath.Join(s.dir, "export")},
		{"operate-source", "show"}, {"pause-task", taskName}} {
		if out := s.run(args...); out.Code != 0 {
			t.Errorf("%v: %s%s", args, out.Stdout, out.Stderr)
		}
	}
	// A master asks the worker, whose answer is the target's.
	if out := s.run("operate-schema", "get", "-s", sourceName, taskName, "-d", "shop", "-t", "t"); !strings.Contains(out.Stdout, "Error 1044") {
		t.Errorf("operate-schema: %s%s", out.Stdout, out.Stderr)
	}
	for _, p := range s.Processes() {
		for _, page := range []string{"/metrics", "/status", "/health", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap?debug=1"} {
			text, err := s.Page(t.Context(), p.Addr, page)
			if err != nil && page != "/health" {
				t.Errorf("%s: %v", p.Name, err)
			}
			s.printed.WriteString(text)
		}
	}
	s.lookIn("what was printed", []byte(strings.ReplaceAll(s.printed.String(), "\x00", " ")))
	files, ours := 0, 0
	must(t, filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if strings.Contains(path, "/data/") || strings.HasSuffix(path, "/data") || strings.Contains(path, "/dump.") || strings.Contains(path, "/export") {
			ours++
			if info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s is readable for others: %v", path, info.Mode())
			}
		}
		if d.IsDir() {
			return nil
		}
		files++
		data, err := os.ReadFile(path)
		s.lookIn(path, data)
		return err
	}))
	if files < 12 || ours < 12 {
		t.Errorf("only %d files were looked at, %d of them in directories of our own", files, ours)
	}
}

func (s *encrypted) lookIn(where string, data []byte) {
	s.t.Helper()
	for what, secret := range s.secrets {
		if i := bytes.Index(data, []byte(secret)); i >= 0 {
			s.t.Errorf("%s: %s is seen: %q", where, what, data[max(0, i-120):i+10])
		}
	}
}
