package program

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
)

// outcome is what a person sees of one run.
type outcome struct {
	code           int
	stdout, stderr string
}

func master(run func(context.Context, config.MasterConfig) error, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	p := Program[config.MasterConfig]{Name: "dm-master", Parse: config.ParseMaster, Sample: config.SampleMaster(),
		Usage: config.MasterUsage(), Run: run, Stdout: &stdout, Stderr: &stderr}
	code := p.Main(args)
	return outcome{code, stdout.String(), stderr.String()}
}

// TestWhatOnlyPrints: -help, -V and the sample print and start nothing.
func TestWhatOnlyPrints(t *testing.T) {
	never := func(context.Context, config.MasterConfig) error { t.Error("it ran"); return nil }
	for _, c := range []struct{ arg, want string }{
		{"-help", "-master-addr host:port"}, {"--help", "-data-dir"}, {"-h", "-peer-urls"},
		{"-V", "Release Version: "}, {"-print-sample-config", "master-addr = "},
	} {
		if got := master(never, c.arg); got.code != exitOK || !strings.Contains(got.stdout, c.want) || got.stderr != "" {
			t.Errorf("%s: %+v", c.arg, got)
		}
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	never := func(context.Context, config.MasterConfig) error { t.Error("it ran"); return nil }
	if got := master(never, "-port", "8261"); got.code != exitUsage || !strings.Contains(got.stderr, "-port") || !strings.Contains(got.stderr, "hint: ") {
		t.Errorf("%+v", got)
	}
	fails := func(context.Context, config.MasterConfig) error {
		return &fault.Error{Msg: "the disk is full", Hint: "make room"}
	}
	want := outcome{code: exitFailed, stderr: "dm-master: the disk is full\n  hint: make room\n"}
	if got := master(fails, "-master-addr", "127.0.0.1:8261"); got != want {
		t.Errorf("%+v", got)
	}
}

// TestSignalIsSuccess: a process that was asked to end and ends has not failed.
func TestSignalIsSuccess(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		got := master(func(ctx context.Context, _ config.MasterConfig) error {
			if err := syscall.Kill(os.Getpid(), sig); err != nil {
				return err
			}
			<-ctx.Done()
			return errors.Join(errors.New("serving ended"), ctx.Err())
		}, "-master-addr", "127.0.0.1:8261")
		if got != (outcome{}) {
			t.Errorf("%v: %+v", sig, got)
		}
	}
}
