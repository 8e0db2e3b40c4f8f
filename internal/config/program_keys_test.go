package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// programKey is a key of a program's file: its table, "" for none, a line with a
// right value and one with a wrong one, "" when nobody looks into it.
type programKey struct{ key, right, wrong string }

const (
	leastMaster = "name = \"m1\"\nmaster-addr = \"10.0.0.1:8261\"\n"
	leastWorker = "name = \"w1\"\nworker-addr = \"10.0.0.1:8262\"\njoin = \"10.0.0.1:8261\"\n"
)

func commonKeys() []programKey {
	return []programKey{
		{"config-file", `"/etc/dm.toml"`, "1"},
		{"log-level", `"warn"`, `"loud"`},
		{"log-file", `"/var/log/dm.log"`, "1"},
		{"log-format", `"json"`, `"xml"`},
		{"log-rotate", `"day"`, "1"},
		{"name", `"other"`, "1"},
		{"advertise-addr", `"dm.example:8261"`, `"0.0.0.0:8261"`},
		{"cert-allowed-cn", `["dm"]`, `"dm"`},
		{"ssl-ca", `"/ca.pem"`, "1"},
		{"ssl-cert", `"/cert.pem"`, "1"},
		{"ssl-key", `"/key.pem"`, "1"},
	}
}

func masterKeys() []programKey {
	return append(commonKeys(), []programKey{
		{"master-addr", `"10.0.0.9:8261"`, `"0.0.0.0:8261"`},
		{"peer-urls", `"http://10.0.0.1:8291"`, `"http://10.0.0.1"`},
		{"advertise-peer-urls", `"http://dm.example:8291"`, `"http://:8291"`},
		{"initial-cluster", `"m1=http://127.0.0.1:8291,m2=http://10.0.0.2:8291"`, `"m1"`},
		{"initial-cluster-state", `"existing"`, `"old"`},
		{"join", `"10.0.0.2:8261"`, `"10.0.0.2"`},
		{"data-dir", `"/data"`, "1"},
		{"rpc-timeout", `"5s"`, `"soon"`},
		{"rpc-rate-limit", "3.5", `"x"`},
		{"rpc-rate-burst", "9", `"x"`},
		{"max-txn-ops", "9", "-1"},
		{"max-request-bytes", "9", "-1"},
		{"auto-compaction-mode", `"revision"`, `"never"`},
		{"auto-compaction-retention", `"2h"`, "1"},
		{"quota-backend-bytes", "9", `"x"`},
		{"v1-sources-path", `"/v1"`, "1"},
		{"secret-key-path", `"/key"`, "1"},
		{"experimental.openapi", "true", "1"},
	}...)
}

func workerKeys() []programKey {
	return append(commonKeys(), []programKey{
		{"worker-addr", `"10.0.0.9:8262"`, `":8262"`},
		{"join", `"10.0.0.2:8261,http://10.0.0.3:8261"`, `"10.0.0.2"`},
		{"keepalive-ttl", "10", "0"},
		{"relay-keepalive-ttl", "10", "0"},
	}...)
}

// TestEveryProgramKeyHasValues is TestEveryKeyHasValues for the files of dm-master
// and dm-worker.
func TestEveryProgramKeyHasValues(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dm.toml")
	write := func(text string) []string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return []string{"-config", path}
	}
	for _, program := range []struct {
		least string
		keys  []programKey
		parse func(args []string) (any, []string, error)
	}{
		{leastMaster, masterKeys(), func(args []string) (any, []string, error) {
			c, err := ParseMaster(args)
			return c, c.Warnings, err
		}},
		{leastWorker, workerKeys(), func(args []string) (any, []string, error) {
			c, err := ParseWorker(args)
			return c, c.Warnings, err
		}},
	} {
		base, _, err := program.parse(write(program.least))
		if err != nil {
			t.Fatal(err)
		}
		file := func(key, val string) string {
			text := ""
			for line := range strings.Lines(program.least) {
				if !strings.HasPrefix(line, key+" ") {
					text += line
				}
			}
			if strings.HasPrefix(key, "ssl-") || key == "cert-allowed-cn" { // all or nothing
				for _, k := range []string{"ssl-ca", "ssl-cert", "ssl-key"} {
					if k != key {
						text += k + " = \"/x.pem\"\n"
					}
				}
			}
			return text + key + " = " + val + "\n"
		}
		for _, k := range program.keys {
			got, warnings, err := program.parse(write(file(k.key, k.right)))
			switch {
			case fault.Is(err, fault.Unsupported) && strings.Contains(err.Error(), k.key):
			case err != nil:
				t.Errorf("%s = %s: %v", k.key, k.right, err)
			case k.key != "config-file" && len(warnings) == 0 && reflect.DeepEqual(base, got):
				t.Errorf("%s = %s changes nothing, and no warning says so", k.key, k.right)
			}
			_, _, err = program.parse(write(file(k.key, k.wrong)))
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), strings.TrimPrefix(k.key, "experimental.")) {
				t.Errorf("%s = %s: got %v, want a refusal that names the key", k.key, k.wrong, err)
			}
		}
	}
}
