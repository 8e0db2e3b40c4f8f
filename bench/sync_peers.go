package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

func (b *backlog) byReplica(ctx context.Context, t target) (syncResult, error) {
	took, err := b.replicate(ctx, t.Server)
	return syncResult{took: took}, err
}

// byPipe reads the binlog as text and gives it to the client, one transaction
// after the other.
func (b *backlog) byPipe(ctx context.Context, t target) (syncResult, error) {
	say("running mariadb-binlog | mariadb")
	from := exec.CommandContext(ctx, "mariadb-binlog", append(loginArgs(b.up), "--read-from-remote-server", "--to-last-log",
		"--start-position="+strconv.FormatUint(uint64(b.start.Pos), 10), b.start.Name)...)
	to := exec.CommandContext(ctx, "mariadb", append(loginArgs(t.Server), "--binary-mode", "--max-allowed-packet=64M")...)
	r, w, err := os.Pipe()
	if err != nil {
		return syncResult{}, err
	}
	var fromErr, toErr bytes.Buffer
	from.Stdout, from.Stderr, to.Stdin, to.Stderr = w, &fromErr, r, &toErr
	began := time.Now()
	started := errors.Join(from.Start(), to.Start())
	// The children have their own; while ours are open none of them sees the end.
	if err := errors.Join(started, r.Close(), w.Close()); err != nil {
		return syncResult{}, fmt.Errorf("%w: run `make deps`", err)
	}
	if err := errors.Join(from.Wait(), to.Wait()); err != nil {
		return syncResult{}, fmt.Errorf("%w\n%s%s", err, fromErr.String(), toErr.String())
	}
	return syncResult{took: time.Since(began)}, nil
}

func loginArgs(s *testbed.Server) []string {
	return []string{"--no-defaults", "--host=" + s.Host, "--port=" + strconv.Itoa(s.Port), "--user=" + s.User, "--password=" + s.Password}
}
