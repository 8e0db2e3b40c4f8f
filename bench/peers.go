package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// peerFull dumps with mydumper and loads with myloader.
func (b *bench) peerFull(ctx context.Context) error {
	dir := filepath.Join(b.dir, "mydumper")
	took, err := tool(ctx, "mydumper", b.up, b.threads, "--database="+schemaName, "--outputdir="+dir, "--chunk-filesize=64")
	if err != nil {
		return err
	}
	b.report.add("dump", "mydumper", b.rows, took)
	if took, err = tool(ctx, "myloader", b.peer, b.threads, "--directory="+dir); err != nil {
		return err
	}
	b.report.add("load", "myloader", b.rows, took)
	return b.compare(ctx, "the copy of mydumper and myloader", b.peer)
}

// tool runs one of the public programs against a server and measures it.
func tool(ctx context.Context, name string, s *testbed.Server, threads int, args ...string) (time.Duration, error) {
	say("running %s", name)
	path, err := exec.LookPath(name)
	if err != nil {
		return 0, fmt.Errorf("the program %s is not installed: run `make deps`", name)
	}
	began := time.Now()
	cmd := exec.CommandContext(ctx, path, append([]string{"--host=" + s.Host, "--port=" + strconv.Itoa(s.Port),
		"--user=" + s.User, "--password=" + s.Password, "--threads=" + strconv.Itoa(threads)}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return time.Since(began), nil
}

// peerSync makes the peer a parallel replica of the upstream.
func (b *bench) peerSync(ctx context.Context) error {
	took, err := b.replicate(ctx, b.peer)
	if err != nil {
		return err
	}
	b.report.add("sync", "MariaDB replica", b.change, took)
	return b.compare(ctx, "the MariaDB replica", b.peer)
}

// replicate makes a server a parallel replica of the upstream and measures
// until it has applied everything behind b.start.
func (b *bench) replicate(ctx context.Context, to *testbed.Server) (time.Duration, error) {
	say("running the MariaDB replica with %d threads", b.workers)
	end, err := testbed.BinlogEnd(ctx, b.up.DB())
	if err != nil {
		return 0, err
	}
	if err := to.Exec(ctx,
		fmt.Sprintf("SET GLOBAL slave_parallel_threads = %d", b.workers),
		"SET GLOBAL slave_parallel_mode = 'optimistic'",
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST = '%s', MASTER_PORT = %d, MASTER_USER = '%s', MASTER_PASSWORD = '%s', "+
			"MASTER_LOG_FILE = '%s', MASTER_LOG_POS = %d, MASTER_USE_GTID = no",
			b.up.Host, b.up.Port, b.up.User, b.up.Password, b.start.Name, b.start.Pos)); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := to.Exec(ctx, "START SLAVE"); err != nil {
		return 0, err
	}
	var events *int64
	if err := to.DB().QueryRowContext(ctx, "SELECT MASTER_POS_WAIT(?, ?, 600)", end.Name, end.Pos).Scan(&events); err != nil {
		return 0, err
	}
	if events == nil || *events < 0 {
		return 0, fmt.Errorf("the MariaDB replica did not reach %s", end)
	}
	return time.Since(began), to.Exec(ctx, "STOP SLAVE")
}
