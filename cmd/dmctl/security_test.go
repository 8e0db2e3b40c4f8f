package main

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// TestFilesOfSecurityAreNotHere: certificates that only the masters' and workers'
// machines have are no reason to refuse; dmctl remarks on them with DM's number,
// once, and the paths go as they are.
func TestFilesOfSecurityAreNotHere(t *testing.T) {
	s := rpctest.Open(t)
	var got config.Source
	addr := rpctest.Start(t, s, rpctest.Options{CheckSource: func(src config.Source) (config.Source, error) { got = src; return src, nil }})
	join(t, s, addr, "worker-1", nil)
	var stdout, stderr bytes.Buffer
	p := program{Args: []string{"--master-addr", addr, "operate-source", "create", "testdata/source-tls.yaml"},
		Getenv: func(string) string { return "" }, Stdout: &stdout, Stderr: &stderr}
	if code := p.Run(t.Context()); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	const number = "[code=48003:class=dmctl:scope=internal:level=high]"
	if strings.Count(stderr.String(), number) != 1 || strings.Contains(stdout.String(), number) || !strings.Contains(stderr.String(), "/nonexistent/ca.pem") {
		t.Errorf("stderr: %sstdout: %s", stderr.String(), stdout.String())
	}
	if sec := got.From.Security; sec.CA != "/nonexistent/ca.pem" || sec.CAText != "" {
		t.Errorf("the masters got %+v", sec)
	}
	// Where they are, nobody remarks on anything: a file without the section.
	stdout.Reset()
	stderr.Reset()
	p = program{Args: []string{"--master-addr", addr, "operate-source", "create", "testdata/source-2.yaml"},
		Getenv: func(string) string { return "" }, Stdout: io.Discard, Stderr: &stderr}
	if code := p.Run(t.Context()); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
