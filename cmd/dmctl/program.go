package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/raftdm/raftdm/rpc"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
)

// program is one run of dmctl.
type program struct {
	Args           []string
	Getenv         func(string) string
	Stdin          io.Reader // nil is empty
	Stdout, Stderr io.Writer
	// ElectFor replaces electFor in tests.
	ElectFor time.Duration
	// typed is the command as it was typed in in interactive mode.
	typed []string
}

func (p program) patience() time.Duration {
	if p.ElectFor > 0 {
		return p.ElectFor
	}
	return electFor
}

// Run executes the command line and gives the exit code.
func (p program) Run(ctx context.Context) int {
	s := &shared{program: p}
	root := newRoot(s)
	root.SetArgs(longForms(p.Args))
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var wrong *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errRefused):
		return exitFailed // the answer that was printed says why
	case len(p.typed) > 0:
		fmt.Fprintln(p.Stdout, "fail to run:", p.typed)
	}
	if errors.As(err, &wrong) {
		fmt.Fprintln(p.Stdout, cmd.UsageString())
	}
	fmt.Fprintln(p.Stderr, "Error: "+rpc.Message(err))
	return exitFailed
}

// usageError is a command line that is wrong in itself.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// errRefused: --fail is given and the answer has a result that is false.
var errRefused = errors.New("the answer says: result false")

// globalFlags are the flags with a long name that may also be written with one dash.
func globalFlags() []string {
	return []string{"version", "config", "master-addr", "rpc-timeout", "ssl-ca", "ssl-cert", "ssl-key", "source", "encrypt", "decrypt", "fail"}
}

// longForms gives global flags that are written with one dash their second, as
// DM's programs do not tell the two apart.
func longForms(args []string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = arg
		name, _, _ := strings.Cut(strings.TrimPrefix(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || strings.HasPrefix(arg, "--") {
			continue
		}
		for _, known := range globalFlags() {
			if name == known {
				out[i] = "-" + arg
			}
		}
	}
	return out
}
