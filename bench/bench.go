package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// options is what the flags say.
type options struct {
	rows, transactions, threads, workers, batch int
	tidb                                        bool
	seed                                        uint64
}

const schemaName = "bench"

// bench is the servers and what was measured.
type bench struct {
	options
	dir      string
	up       *testbed.Server
	peer     *testbed.Server // target of the public tools
	ours     []target        // targets of raftdm
	rows     int64           // in the tables before the changes
	start    testbed.BinlogPosition
	change   int64 // rows changed after start
	report   report
	clusters int              // made so far
	bin      testbed.Binaries // built for the first cluster
}

// target is one server that raftdm copies into.
type target struct {
	*testbed.Server
	label string
}

// run starts the servers, measures everything and prints the report.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "raftdm-bench-")
	if err != nil {
		return err
	}
	b := &bench{options: o, dir: dir}
	defer func() { err = errors.Join(err, b.close()) }()
	for _, step := range []func(context.Context) error{
		b.startServers, b.fill, b.peerFull, b.oursFull, b.changes, b.peerSync, b.oursSync,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	b.report.print(os.Stdout, b)
	return nil
}

func (b *bench) startServers(ctx context.Context) (err error) {
	say("starting the servers")
	open := func(name string, opts ...testbed.MariaDBOption) (s *testbed.Server) {
		if err == nil {
			s, err = testbed.StartMariaDB(ctx, filepath.Join(b.dir, name), opts...)
		}
		return s
	}
	b.up = open("upstream")
	b.peer = open("peer", testbed.WithoutBinlog())
	if own := open("own", testbed.WithoutBinlog()); own != nil {
		b.ours = append(b.ours, target{own, "MariaDB"})
	}
	if err != nil || !b.tidb {
		return err
	}
	tidb, err := testbed.StartTiDB(ctx, filepath.Join(b.dir, "tidb"))
	if err == nil {
		b.ours = append(b.ours, target{tidb, "TiDB"})
	}
	return err
}

// fill loads the data to dump; nothing is written afterwards until changes.
func (b *bench) fill(ctx context.Context) error {
	say("filling the upstream with %d rows", b.options.rows)
	w := testbed.Workload{DB: b.up.DB(), Schema: schemaName, SysbenchTables: tables, SysbenchOnly: true}
	if err := w.Load(ctx, b.options.rows, b.seed); err != nil {
		return err
	}
	for i := range tables {
		var n int64
		if err := b.up.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM %s.sbtest%d", schemaName, i+1)).Scan(&n); err != nil {
			return err
		}
		b.rows += n
	}
	return nil
}

// compare insists that a copy equals the upstream.
func (b *bench) compare(ctx context.Context, what string, down *testbed.Server) error {
	list, err := testbed.Tables(ctx, b.up.DB(), schemaName)
	if err != nil {
		return err
	}
	diffs, err := testbed.Compare(ctx, b.up.DB(), down.DB(), list)
	if err != nil {
		return err
	}
	if len(diffs) > 0 {
		return fmt.Errorf("%s is wrong, so its speed does not count: %s", what, diffs[0])
	}
	return nil
}

func (b *bench) close() error {
	servers := []*testbed.Server{b.up, b.peer}
	for _, t := range b.ours {
		servers = append(servers, t.Server)
	}
	var errs []error
	for _, s := range servers {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format("15:04:05"), fmt.Sprintf(format, args...))
}
