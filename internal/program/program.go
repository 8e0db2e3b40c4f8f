// Package program is what the mains of dm-master and dm-worker share: signals,
// the flags that only print something, and how an error is shown.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/version"
)

// Exit codes of dm-master and dm-worker.
const (
	exitOK     = 0
	exitFailed = 1 // it ran and failed
	exitUsage  = 2 // the arguments or the file are wrong
)

// Program describes one of the servers.
type Program[C any] struct {
	Name   string
	Parse  func(args []string) (C, error)
	Sample string
	Usage  string // what -help prints
	// Run works until its context ends, which the first interrupt or TERM does;
	// a second one ends the process at once.
	Run func(ctx context.Context, cfg C) error
	// Stdout and Stderr are where it prints; nil is the process's own.
	Stdout, Stderr io.Writer
}

// Main runs the program with arguments (without its own name) and answers its exit code.
func (p Program[C]) Main(args []string) int {
	p = p.withOutput()
	cfg, err := p.Parse(args)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprint(p.Stdout, p.Usage)
		return exitOK
	case errors.Is(err, config.ErrVersion):
		fmt.Fprint(p.Stdout, version.Text())
		return exitOK
	case errors.Is(err, config.ErrPrintSample):
		fmt.Fprint(p.Stdout, p.Sample)
		return exitOK
	case err != nil:
		return p.complain(err, exitUsage)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // from here on a signal has its ordinary effect
	if err := p.Run(ctx, cfg); err != nil && !(errors.Is(err, context.Canceled) && ctx.Err() != nil) {
		return p.complain(err, exitFailed)
	}
	return exitOK
}

func (p Program[C]) withOutput() Program[C] {
	if p.Stdout == nil {
		p.Stdout = os.Stdout
	}
	if p.Stderr == nil {
		p.Stderr = os.Stderr
	}
	return p
}

// complain prints an error and what to do about it.
func (p Program[C]) complain(err error, code int) int {
	fmt.Fprintf(p.Stderr, "%s: %v\n", p.Name, err)
	if h := fault.HintOf(err); h != "" {
		fmt.Fprintf(p.Stderr, "  hint: %s\n", h)
	}
	return code
}
