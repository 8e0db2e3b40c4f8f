package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

const (
	failoverTask   = "failover"
	failoverSource = "mariadb-01"
	beatEvery      = 20 * time.Millisecond
	lookEvery      = 10 * time.Millisecond
)

// failover measures how long operators and replication wait when a process is
// killed. There is no public tool to measure beside it: DM's documents say 60 s
// for a worker, which is the lease that ours holds as well here.
type failover struct {
	dir      string
	up, down *testbed.Server
	cluster  *testbed.Cluster
	masters  []*testbed.Process
	workers  []*testbed.Process
	// Times from the kill: until a command was carried out, until the target
	// had a row written after the kill.
	leader, worker []time.Duration
}

// runFailover kills the leader and the worker in turn, so often.
func runFailover(ctx context.Context, kills int) (err error) {
	dir, err := os.MkdirTemp("", "raftdm-failover-")
	if err != nil {
		return err
	}
	f := &failover{dir: dir}
	defer func() { err = errors.Join(err, f.close(ctx)) }()
	if err := f.start(ctx); err != nil {
		return err
	}
	beatCtx, stop := context.WithCancel(ctx)
	beats := make(chan error, 1)
	go func() { beats <- f.beat(beatCtx) }()
	defer func() {
		stop()
		err = errors.Join(err, <-beats)
	}()
	for i := range kills {
		say("kill %d of %d", i+1, kills)
		if err := f.killLeader(ctx, i); err != nil {
			return err
		}
		if err := f.killWorker(ctx); err != nil {
			return err
		}
	}
	f.print(os.Stdout)
	return nil
}

func (f *failover) start(ctx context.Context) (err error) {
	say("starting two MariaDB servers, three masters and two workers")
	if f.up, err = testbed.StartMariaDB(ctx, filepath.Join(f.dir, "upstream")); err != nil {
		return err
	}
	if f.down, err = testbed.StartMariaDB(ctx, filepath.Join(f.dir, "target"), testbed.WithoutBinlog()); err != nil {
		return err
	}
	for _, q := range []string{"CREATE DATABASE beat", "CREATE TABLE beat.beat (n BIGINT PRIMARY KEY)"} {
		if _, err := f.up.DB().ExecContext(ctx, q); err != nil {
			return err
		}
	}
	bin, err := testbed.BuildBinaries(ctx, filepath.Join(f.dir, "bin"))
	if err != nil {
		return err
	}
	f.cluster = testbed.NewCluster(filepath.Join(f.dir, "dm"), bin)
	if f.masters, err = f.cluster.StartMasters(ctx, 3); err != nil {
		return err
	}
	for i := range 2 {
		// The last flag counts: the lease is DM's default, as an operator has it.
		w, err := f.cluster.StartWorker(ctx, fmt.Sprintf("worker-%d", i+1), "--keepalive-ttl=60")
		if err != nil {
			return err
		}
		f.workers = append(f.workers, w)
	}
	source := testbed.SourceFile{ID: failoverSource, GTID: true, From: f.up.Config()}
	if err := f.file(ctx, "source.yaml", source.YAML(), "operate-source", "create"); err != nil {
		return err
	}
	task := testbed.TaskFile{Name: failoverTask, Mode: "all", Source: failoverSource, Target: f.down.Config(), Schemas: []string{"beat"},
		Load: []string{fmt.Sprintf("dir: %q", filepath.Join(f.dir, "dump"))}}
	if err := f.file(ctx, "task.yaml", task.YAML(), "start-task"); err != nil {
		return err
	}
	return f.running(ctx)
}

func (f *failover) file(ctx context.Context, name, text string, command ...string) error {
	path, err := f.cluster.WriteFile(name, text)
	if err == nil {
		_, err = f.cluster.Do(ctx, append(command, path)...)
	}
	return err
}

func (f *failover) running(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err := f.cluster.Await(ctx, failoverTask, func(t testbed.TaskStatus) (bool, error) {
		return t.Stage == "Running" && t.Unit == "Sync" && t.Trouble() == "", nil
	})
	return err
}

// beat writes rows to the upstream until ctx ends.
func (f *failover) beat(ctx context.Context) error {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if _, err := f.up.DB().ExecContext(ctx, "INSERT INTO beat.beat VALUES (?)", n); err != nil && ctx.Err() == nil {
			return err
		}
	}
}

// killLeader measures until dmctl, as often as need be, has carried out a command.
func (f *failover) killLeader(ctx context.Context, i int) error {
	m, err := f.cluster.ListMember(ctx)
	if err != nil {
		return err
	}
	p := named(f.masters, m.Leader)
	if p == nil {
		return fmt.Errorf("the leader %q is not one of ours", m.Leader)
	}
	p.Kill()
	began := time.Now()
	command := []string{"pause-task", "resume-task"}[i%2]
	limited, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := f.cluster.Do(limited, command, failoverTask)
		if err == nil {
			break
		}
		if limited.Err() != nil {
			return err
		}
	}
	f.leader = append(f.leader, time.Since(began))
	if err := p.Start(ctx); err != nil {
		return err
	}
	if command == "pause-task" {
		if _, err := f.cluster.Do(ctx, "resume-task", failoverTask); err != nil {
			return err
		}
	}
	return f.running(ctx)
}

// killWorker measures until the target has a row that was written after the kill.
func (f *failover) killWorker(ctx context.Context) error {
	m, err := f.cluster.ListMember(ctx)
	if err != nil {
		return err
	}
	var p *testbed.Process
	for _, w := range m.Workers {
		if w.Source == failoverSource {
			p = named(f.workers, w.Name)
		}
	}
	if p == nil {
		return fmt.Errorf("no worker of ours serves the source: %+v", m.Workers)
	}
	p.Kill()
	began := time.Now()
	var last int64
	if err := f.up.DB().QueryRowContext(ctx, "SELECT MAX(n) FROM beat.beat").Scan(&last); err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for there := int64(0); there <= last; {
		select {
		case <-look.C:
		case <-limited.Done():
			return fmt.Errorf("the target has no news since %s was killed: %w", p.Name, limited.Err())
		}
		if err := f.down.DB().QueryRowContext(limited, "SELECT MAX(n) FROM beat.beat").Scan(&there); err != nil {
			return err
		}
	}
	f.worker = append(f.worker, time.Since(began))
	if err := p.Start(ctx); err != nil {
		return err
	}
	return f.running(ctx)
}

func named(list []*testbed.Process, name string) *testbed.Process {
	if i := slices.IndexFunc(list, func(p *testbed.Process) bool { return p.Name == name }); i >= 0 {
		return list[i]
	}
	return nil
}

func (f *failover) print(out io.Writer) {
	fmt.Fprintf(out, "\n%-52s %6s %8s %8s %8s\n", "seconds from kill -9 until", "kills", "median", "p99", "goal")
	for _, l := range []struct {
		what  string
		took  []time.Duration
		limit int
	}{{"of the leader, until dmctl has changed something", f.leader, 3}, {"of the worker, until its source's rows arrive again", f.worker, 10}} {
		fmt.Fprintf(out, "%-52s %6d %8.2f %8.2f %8d\n", l.what, len(l.took), percentile(l.took, 50).Seconds(), percentile(l.took, 99).Seconds(), l.limit)
	}
	fmt.Fprintln(out, "\nworkers hold leases of 60 s, the default; DM's documents say 60 s for a worker")
}

// percentile gives the smallest value that so many percent are not above.
func percentile(list []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[(len(sorted)*p+99)/100-1]
}

func (f *failover) close(ctx context.Context) error {
	var errs []error
	if f.cluster != nil {
		errs = append(errs, f.cluster.Close(context.WithoutCancel(ctx)))
	}
	for _, s := range []*testbed.Server{f.up, f.down} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}
