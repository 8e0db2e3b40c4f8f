package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/raftdm/raftdm/internal/endpoint"
)

// SourceFile is the content of a source file for operate-source.
type SourceFile struct {
	ID   string
	GTID bool
	From endpoint.Database
}

// YAML writes the file as an operator would.
func (f SourceFile) YAML() string {
	return fmt.Sprintf(`source-id: %q
enable-gtid: %t
from:
  host: %q
  port: %d
  user: %q
  password: %q
`, f.ID, f.GTID, f.From.Host, f.From.Port, f.From.User, f.From.Password.Reveal()) + securityYAML(f.From.Security)
}

// securityYAML is the section security of a database.
func securityYAML(s endpoint.Security) string {
	if !s.On() {
		return ""
	}
	return fmt.Sprintf("  security:\n    ssl-ca: %q\n    ssl-cert: %q\n    ssl-key: %q\n    cert-allowed-cn: [%s]\n", s.CA, s.Cert, s.Key, quoted(s.AllowedCN))
}

// TaskFile is the content of a task file for one source.
type TaskFile struct {
	Name     string
	Mode     string // all, full or incremental
	Source   string
	Target   endpoint.Database
	Schemas  []string // do-dbs
	Start    *endpoint.StartPoint
	Dump     []string // lines of the mydumpers section, "threads: 4"
	Load     []string // lines of the loaders section
	Sync     []string // lines of the syncers section
	TopLevel []string // more lines of the top level
}

// YAML writes the file as an operator would.
func (f TaskFile) YAML() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("name: %q", f.Name)
	line("task-mode: %q", f.Mode)
	for _, l := range f.TopLevel {
		line("%s", l)
	}
	line("target-database:\n  host: %q\n  port: %d\n  user: %q\n  password: %q", f.Target.Host, f.Target.Port, f.Target.User, f.Target.Password.Reveal())
	b.WriteString(securityYAML(f.Target.Security))
	line("mysql-instances:\n  - source-id: %q\n    block-allow-list: \"what\"", f.Source)
	if f.Start != nil {
		line("    meta:")
		if f.Start.BinlogName != "" {
			line("      binlog-name: %q\n      binlog-pos: %d", f.Start.BinlogName, f.Start.BinlogPos)
		}
		if f.Start.BinlogGTID != "" {
			line("      binlog-gtid: %q", f.Start.BinlogGTID)
		}
	}
	sections := []struct {
		name, ref string
		lines     []string
	}{{"mydumpers", "mydumper-config-name", f.Dump}, {"loaders", "loader-config-name", f.Load}, {"syncers", "syncer-config-name", f.Sync}}
	for _, s := range sections {
		if len(s.lines) > 0 {
			line("    %s: \"own\"", s.ref)
		}
	}
	line("block-allow-list:\n  what:\n    do-dbs: [%s]", quoted(f.Schemas))
	for _, s := range sections {
		if len(s.lines) > 0 {
			line("%s:\n  own:\n    %s", s.name, strings.Join(s.lines, "\n    "))
		}
	}
	return b.String()
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

// WriteFile puts a configuration file into the cluster's directory and gives
// its path.
func (c *Cluster) WriteFile(name, content string) (string, error) {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(c.Dir, name)
	return path, os.WriteFile(path, []byte(content), 0o600) // it holds a password
}
