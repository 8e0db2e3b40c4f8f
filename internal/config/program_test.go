package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
)

// runProgram reads a case of "args" lines followed by the text of the file that
// FILE stands for in them.
func runProgram[T any](t *testing.T, parse func([]string) (T, error), warnings func(T) []string) func(string) string {
	t.Helper()
	return func(in string) string {
		first, text, _ := strings.Cut(in, "\n")
		path := filepath.Join(t.TempDir(), "f.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args := strings.Fields(strings.ReplaceAll(first, "FILE", path))[1:]
		c, err := parse(args)
		var f *fault.Error
		if err != nil && !errors.As(err, &f) {
			return err.Error()
		}
		out := strings.ReplaceAll(shown(warnings(c), err), path, "f.toml")
		if err == nil {
			j, err := json.MarshalIndent(c, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			out += string(j)
		}
		return out
	}
}

func TestMasterArguments(t *testing.T) {
	golden(t, "master.txt", runProgram(t, ParseMaster, func(c MasterConfig) []string { return c.Warnings }))
}

func TestWorkerArguments(t *testing.T) {
	golden(t, "worker.txt", runProgram(t, ParseWorker, func(c WorkerConfig) []string { return c.Warnings }))
}

func TestDmctlFile(t *testing.T) {
	golden(t, "dmctl.txt", func(in string) string {
		c, err := DecodeDmctl("dmctl.toml", []byte(in))
		return shown(nil, err) + fmt.Sprint(c.MasterAddrs, c.RPCTimeout)
	})
}

// The samples must be accepted, and hold the defaults.
func TestSamples(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "sample")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	m, err := ParseMaster([]string{"-config", file(SampleMaster())})
	if err != nil || len(m.Warnings) > 0 {
		t.Error(err, m.Warnings)
	}
	least, err := ParseMaster([]string{"-name", "master1", "-master-addr", "127.0.0.1:8261"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(least, m); diff != "" {
		t.Errorf("the master's sample is not the default (-default +sample):\n%s", diff)
	}
	w, err := ParseWorker([]string{"-config", file(SampleWorker())})
	if err != nil || len(w.Warnings) > 0 {
		t.Error(err, w.Warnings)
	}
	want := WorkerConfig{Name: "worker1", Addr: "127.0.0.1:8262", AdvertiseAddr: "127.0.0.1:8262", Join: []string{"127.0.0.1:8261"},
		KeepaliveTTL: time.Minute, Log: Log{Level: slog.LevelInfo, Format: "text"}}
	if diff := cmp.Diff(want, w); diff != "" {
		t.Errorf("the worker's sample (-want +got):\n%s", diff)
	}
	if _, warnings, err := DecodeSource("", []byte(SampleSource())); err != nil || len(warnings) > 0 {
		t.Error(err, warnings)
	}
	task, warnings, err := DecodeTask("", []byte(SampleTask()))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	in := task.Instances[0]
	if in.Dump != defaultDump() || in.Load != defaultLoad() || in.Sync != defaultSync() {
		t.Errorf("the task's sample does not hold the defaults: %+v", in)
	}
}

// What GetMasterCfg shows is a file that starts the same master.
func TestMasterConfigRoundTrip(t *testing.T) {
	for _, args := range [][]string{
		{"-name", "master1", "-master-addr", "127.0.0.1:8261"},
		{"-name", "m-1", "-master-addr", ":8261", "-advertise-addr", "dm.example:9261", "-peer-urls", "0.0.0.0:8291", "-advertise-peer-urls",
			"http://dm.example:8291", "-data-dir", "/data/\"a\\b\tc", "-L", "fatal", "-log-format", "json", "-log-file", "/var/log/dm.log"},
		{"-name", "m1", "-master-addr", "10.0.0.1:8261", "-peer-urls", "http://10.0.0.1:8291", "-initial-cluster", "m1=http://10.0.0.1:8291,m2=http://10.0.0.2:8291",
			"-secret-key-path", "/etc/dm/\"key"},
		{"-name", "m3", "-master-addr", "10.0.0.3:8261", "-join", "http://10.0.0.1:8261,10.0.0.2:8261"},
		{"-name", "m1", "-master-addr", "10.0.0.1:8261", "-peer-urls", "https://10.0.0.1:8291", "-initial-cluster", "m1=https://10.0.0.1:8291,m2=https://10.0.0.2:8291",
			"-ssl-ca", "/c\\a.pem", "-ssl-cert", "/cert.pem", "-ssl-key", "/key.pem", "-cert-allowed-cn", "dm,a \"b\""},
		{"-config", "existing"},
	} {
		if args[1] == "existing" {
			args[1] = filepath.Join(t.TempDir(), "existing.toml")
			if err := os.WriteFile(args[1], []byte("name = \"m1\"\nmaster-addr = \"10.0.0.1:8261\"\ninitial-cluster-state = \"existing\"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := ParseMaster(args)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "f.toml")
		if err := os.WriteFile(path, []byte(want.Encode()), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ParseMaster([]string{"-config", path})
		if err != nil {
			t.Fatalf("%v\n%s", err, want.Encode())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestUsageNamesEveryFlag(t *testing.T) {
	for _, c := range []struct{ text, flags string }{
		{MasterUsage(), "V print-sample-config config L log-file log-format name master-addr advertise-addr peer-urls advertise-peer-urls initial-cluster join data-dir max-txn-ops max-request-bytes auto-compaction-mode auto-compaction-retention quota-backend-bytes v1-sources-path secret-key-path ssl-ca ssl-cert ssl-key cert-allowed-cn"},
		{WorkerUsage(), "V print-sample-config config L log-file log-format name worker-addr advertise-addr join keepalive-ttl relay-keepalive-ttl ssl-ca ssl-cert ssl-key cert-allowed-cn"},
	} {
		for _, f := range strings.Fields(c.flags) {
			if !strings.Contains(c.text, "\n  -"+f+" ") && !strings.Contains(c.text, "\n  -"+f+"\n") && !strings.Contains(c.text, "\n  -"+f+"\t") {
				t.Errorf("-%s is not in the usage:\n%s", f, c.text)
			}
		}
	}
}
