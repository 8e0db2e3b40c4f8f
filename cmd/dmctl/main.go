// Command dmctl is how operators speak to a raftdm cluster: one operation per
// run, or, without a command, one per line that is typed in, answered as JSON in
// the form that TiDB DM's dmctl prints.
//
// It only translates: flags and files to requests, responses to text. What a
// request means is decided by the masters. One file per verb; program.go is
// what tests run in-process, root.go has the flags that all verbs share.
//
// Exit codes: 0 when a master answered, also with "result": false unless --fail
// is given; 1 when the arguments are wrong, no master could be asked, or the
// operation is not supported yet.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{Args: os.Args[1:], Getenv: os.Getenv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	code := p.Run(ctx)
	stop()
	os.Exit(code)
}
