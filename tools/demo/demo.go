package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// options is what the flags and the environment say.
type options struct {
	rows, writers int
	seed          uint64
	limit         time.Duration
	keep          bool
}

const (
	taskName   = "demo"
	sourceName = "mariadb-01"
	schemaName = "shop"
	// syncTime is how long the traffic goes on after the full phase.
	syncTime = 15 * time.Second
)

// demo is everything that is running.
type demo struct {
	options
	screen   *screen
	dir      string
	up, down *testbed.Server
	cluster  *testbed.Cluster
	masters  []*testbed.Process
	workers  []*testbed.Process
	work     *testbed.Workload
	traffic  traffic
	kills    kills
}

// run is the demo from the first step to the last, and the cleaning up after
// whatever happened.
func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "raftdm-demo-")
	if err != nil {
		return err
	}
	d := &demo{options: o, dir: dir, screen: newScreen(os.Stdout)}
	defer func() { err = errors.Join(err, d.close(err != nil && ctx.Err() == nil)) }()
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	for _, step := range []func(context.Context) error{
		d.startServers, d.loadData, d.startCluster, d.createSource, d.startTask, d.watch, d.settle, d.compare,
	} {
		if err := step(limited); err != nil {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			return err
		}
	}
	d.next()
	if o.keep {
		d.screen.step("Everything stays up until you press Ctrl-C (KEEP=1)")
		<-ctx.Done()
	}
	return nil
}

func (d *demo) startServers(ctx context.Context) (err error) {
	d.screen.step("Starting a MariaDB (the upstream) and a TiDB (the target), both on 127.0.0.1")
	if d.up, err = testbed.StartMariaDB(ctx, filepath.Join(d.dir, "mariadb")); err != nil {
		return err
	}
	if d.down, err = testbed.StartTiDB(ctx, filepath.Join(d.dir, "tidb")); err != nil {
		return err
	}
	d.screen.note("MariaDB listens on port %d, TiDB on port %d", d.up.Port, d.down.Port)
	return nil
}

func (d *demo) loadData(ctx context.Context) error {
	d.screen.step("Filling the upstream with about %s rows", thousands(int64(d.rows)))
	d.screen.note("4 sysbench tables, and one table each: no key, composite key, unique NULLs, text key, every common type")
	began := time.Now()
	d.work = &testbed.Workload{DB: d.up.DB(), Schema: schemaName, SysbenchTables: 4, Pace: 20 * time.Millisecond}
	if err := d.work.Load(ctx, d.rows, d.seed); err != nil {
		return err
	}
	d.screen.note("done in %s (seed %d)", short(time.Since(began)), d.seed)
	return nil
}

func (d *demo) startCluster(ctx context.Context) error {
	d.screen.step("Building and starting three dm-masters and two dm-workers")
	bin, err := testbed.BuildBinaries(ctx, filepath.Join(d.dir, "bin"))
	if err != nil {
		return err
	}
	d.cluster = testbed.NewCluster(filepath.Join(d.dir, "dm"), bin)
	if d.masters, err = d.cluster.StartMasters(ctx, 3); err != nil {
		return err
	}
	for _, name := range []string{"worker-1", "worker-2"} {
		w, err := d.cluster.StartWorker(ctx, name)
		if err != nil {
			return err
		}
		d.workers = append(d.workers, w)
	}
	for _, p := range d.cluster.Processes() {
		d.screen.note("%-9s on %s (pid %d)", p.Name, p.Addr, p.PID())
	}
	return nil
}

func (d *demo) createSource(ctx context.Context) error {
	d.screen.step("Telling the cluster about the upstream")
	file := testbed.SourceFile{ID: sourceName, From: d.up.Config()}
	return d.dmctl(ctx, "source.yaml", file.YAML(), "operate-source", "create")
}

func (d *demo) startTask(ctx context.Context) error {
	d.screen.step("Letting %d connections write to the upstream from now on", d.writers)
	d.traffic.start(ctx, d.work, d.writers, d.seed)
	d.screen.step("Starting the migration: full dump and load, then replication")
	file := testbed.TaskFile{Name: taskName, Mode: "all", Source: sourceName, Target: d.down.Config(), Schemas: []string{schemaName},
		Load: []string{fmt.Sprintf("dir: %q", filepath.Join(d.dir, "dump"))}}
	return d.dmctl(ctx, "task.yaml", file.YAML(), "start-task")
}

// dmctl writes a configuration file, shows the command and runs it.
func (d *demo) dmctl(ctx context.Context, name, content string, command ...string) error {
	path, err := d.cluster.WriteFile(name, content)
	if err != nil {
		return err
	}
	args := append(command, path)
	d.screen.command("dmctl %s", strings.Join(args, " "))
	_, err = d.cluster.Do(ctx, args...)
	return err
}

// watch shows the task until it has replicated for a while. On the way it
// kills the worker, in the middle of the load, and the leader.
func (d *demo) watch(ctx context.Context) error {
	var syncing time.Time
	p := progress{demo: d}
	_, err := d.cluster.Await(ctx, taskName, func(t testbed.TaskStatus) (bool, error) {
		p.show(t)
		if err := d.traffic.failed(); err != nil {
			return false, fmt.Errorf("the traffic on the upstream failed: %w", err)
		}
		if t.Stage == "Paused" && !d.kills.settling(t) {
			return false, fmt.Errorf("the task is paused: %s", t.Trouble())
		}
		switch {
		case d.kills.worker == "" && half(t):
			return false, d.killWorker(ctx, t.Worker)
		case t.Unit != "Sync" || t.Stage != "Running":
			return false, nil
		case syncing.IsZero():
			syncing = time.Now()
		case d.kills.leader == "" && time.Since(syncing) > syncTime/3:
			return false, d.killLeader(ctx)
		}
		return d.kills.leader != "" && time.Since(syncing) > syncTime, nil
	})
	d.screen.endLine()
	return err
}

// settle stops the traffic and waits until the target has it all.
func (d *demo) settle(ctx context.Context) error {
	counts, err := d.traffic.stop()
	if err != nil {
		return fmt.Errorf("the traffic on the upstream failed: %w", err)
	}
	d.screen.step("Stopping the traffic: %s transactions changed %s rows meanwhile (%s inserted, %s updated, %s deleted; %s rolled back)",
		thousands(counts.Transactions), thousands(counts.Rows()), thousands(counts.Inserts), thousands(counts.Updates),
		thousands(counts.Deletes), thousands(counts.RolledBack))
	d.screen.step("Waiting until the target has everything")
	began := time.Now()
	if _, err := d.cluster.AwaitCaughtUp(ctx, taskName, d.up.DB()); err != nil {
		return err
	}
	d.screen.note("no lag after %s", short(time.Since(began)))
	return nil
}

func (d *demo) compare(ctx context.Context) error {
	d.screen.step("Comparing every row of every table on both sides")
	began := time.Now()
	tables, err := testbed.Tables(ctx, d.up.DB(), schemaName)
	if err != nil {
		return err
	}
	bad := 0
	for _, t := range tables {
		diffs, err := testbed.Compare(ctx, d.up.DB(), d.down.DB(), []testbed.TableName{t})
		if err != nil {
			return err
		}
		var rows int64
		if err := d.up.DB().QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM `%s`.`%s`", t.Schema, t.Table)).Scan(&rows); err != nil {
			return err
		}
		if len(diffs) == 0 {
			d.screen.note("%-22s %9s rows  equal", t.Schema+"."+t.Table, thousands(rows))
			continue
		}
		bad++
		d.screen.note("%-22s %9s rows  DIFFERENT\n%s", t.Schema+"."+t.Table, thousands(rows), diffs[0])
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d tables differ", bad, len(tables))
	}
	d.screen.note("all %d tables are equal; compared in %s", len(tables), short(time.Since(began)))
	return nil
}

// next says what to try afterwards.
func (d *demo) next() {
	d.screen.step("That was it: %s in all, a worker and the leader were killed, nothing lost, nothing twice", short(d.screen.age()))
	if !d.keep {
		d.screen.note("to look around in the running system: KEEP=1 make demo")
		d.screen.note("to run the tests:                     make test")
		return
	}
	d.screen.note("export DM_MASTER_ADDR=%s", d.cluster.MasterAddr())
	for _, c := range []string{"list-member", "query-status " + taskName, "pause-task " + taskName, "resume-task " + taskName, "stop-task " + taskName} {
		d.screen.note("%s %s", d.cluster.DmctlPath(), c)
	}
	d.screen.note("mariadb -h127.0.0.1 -P%d -uroot -p%s %s    # the upstream; TiDB: -P%d", d.up.Port, d.up.Password, schemaName, d.down.Port)
}

// close ends everything that runs and, unless something failed, removes the files.
func (d *demo) close(failed bool) error {
	d.screen.endLine()
	var errs []error
	if _, err := d.traffic.stop(); err != nil && failed {
		errs = append(errs, err)
	}
	if d.cluster != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		errs = append(errs, d.cluster.Close(ctx))
	}
	for _, s := range []*testbed.Server{d.down, d.up} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if failed {
		d.screen.note("the logs are in %s", d.dir)
		return errors.Join(errs...)
	}
	d.screen.step("Every process has ended; the files are removed")
	return errors.Join(append(errs, os.RemoveAll(d.dir))...)
}

// traffic is the writers in the background. stop may be called twice.
type traffic struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	counts testbed.Counts
	err    error
}

func (t *traffic) start(ctx context.Context, w *testbed.Workload, writers int, seed uint64) {
	ctx, t.cancel = context.WithCancel(ctx)
	t.wg.Go(func() {
		counts, err := w.Writers(ctx, writers, seed)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.counts, t.err = counts, err
	})
}

// failed gives the error of writers that ended by themselves.
func (t *traffic) failed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

func (t *traffic) stop() (testbed.Counts, error) {
	if t.cancel != nil {
		t.cancel()
	}
	t.wg.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts, t.err
}
