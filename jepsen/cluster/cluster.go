package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

// Config says what to start.
type Config struct {
	Dir      string // everything lives under it
	Binaries testbed.Binaries
	Masters  int
	Workers  int
	Sources  int
	TiDB     bool // the target; else MariaDB
	// TTL is the workers' lease: short, so that a fault outlasts it.
	TTL time.Duration
}

// Cluster is the processes and servers of one run. Its methods may be called
// by any goroutine unless they say otherwise.
type Cluster struct {
	Upstreams []*testbed.Server // source-1, source-2, ...
	Target    *testbed.Server
	Net       *testbed.Net

	cfg     Config
	dm      *testbed.Cluster
	sources []*testbed.Gate
	target  *testbed.Gate
	disks   map[string]string // master -> directory of limited size

	mu    sync.Mutex
	tasks []Task // guarded by mu
}

// Task is a task that should run.
type Task struct {
	Name, Source string
}

// TargetName is what the network and the errors call the target.
const TargetName = "target"

// SourceName gives the id of the i-th source, counted from 0.
func SourceName(i int) string { return fmt.Sprintf("source-%d", i+1) }

// Open starts everything and creates the sources. What it started is ended by
// Close, also after an error.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, Net: testbed.NewNet(), disks: map[string]string{}}
	if err := c.startServers(ctx); err != nil {
		return c, err
	}
	c.dm = testbed.NewCluster(filepath.Join(cfg.Dir, "dm"), cfg.Binaries)
	c.dm.Net, c.dm.TTL = c.Net, cfg.TTL
	for i := range cfg.Masters {
		c.limitDisk(fmt.Sprintf("master-%d", i+1))
	}
	if _, err := c.dm.StartMasters(ctx, cfg.Masters); err != nil {
		return c, err
	}
	for i := range cfg.Workers {
		if _, err := c.dm.StartWorker(ctx, fmt.Sprintf("worker-%d", i+1)); err != nil {
			return c, err
		}
	}
	for i := range c.Upstreams {
		if err := c.createSource(ctx, i); err != nil {
			return c, err
		}
	}
	return c, nil
}

// startServers starts the databases, side by side.
func (c *Cluster) startServers(ctx context.Context) error {
	c.Upstreams = make([]*testbed.Server, c.cfg.Sources)
	c.sources = make([]*testbed.Gate, c.cfg.Sources)
	errs := make([]error, c.cfg.Sources+1)
	var wg sync.WaitGroup
	for i := range c.cfg.Sources {
		wg.Go(func() {
			c.Upstreams[i], c.sources[i], errs[i] = c.behind(SourceName(i), func(dir string) (*testbed.Server, error) {
				return testbed.StartMariaDB(ctx, dir, testbed.WithGTIDStrict())
			})
		})
	}
	wg.Go(func() {
		c.Target, c.target, errs[c.cfg.Sources] = c.behind(TargetName, func(dir string) (*testbed.Server, error) {
			if c.cfg.TiDB {
				return testbed.StartTiDB(ctx, dir)
			}
			init, err := writeAuditInit(dir)
			if err != nil {
				return nil, err
			}
			return testbed.StartMariaDB(ctx, dir, testbed.WithoutBinlog(), testbed.WithArgs("--init-file="+init))
		})
	})
	wg.Wait()
	return errors.Join(errs...)
}

func (c *Cluster) behind(name string, start func(dir string) (*testbed.Server, error)) (*testbed.Server, *testbed.Gate, error) {
	s, err := start(filepath.Join(c.cfg.Dir, name))
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	g, err := s.Behind(c.Net, name)
	return s, g, err
}

// Close ends everything that is still there. The files stay.
func (c *Cluster) Close(ctx context.Context) error {
	c.Net.HealAll(false)
	var errs []error
	if c.dm != nil {
		errs = append(errs, c.dm.Close(ctx))
	}
	for _, s := range append(append([]*testbed.Server(nil), c.Upstreams...), c.Target) {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, c.Net.Close(), c.freeDisks())...)
}

// Masters gives the handles of the dm-master processes.
func (c *Cluster) Masters() []*testbed.Process { return c.dm.Masters() }

// Workers gives the handles of the dm-worker processes.
func (c *Cluster) Workers() []*testbed.Process { return c.dm.Workers() }

// TTL gives the workers' lease.
func (c *Cluster) TTL() time.Duration { return c.cfg.TTL }

// MasterClient gives the address at which the i-th master serves its clients.
func (c *Cluster) MasterClient(i int) string { return c.Masters()[i].Addr }

// Dmctl runs dmctl against the master with that index, or against all of them
// when it is -1. The error is set only when dmctl could not be run or ctx ended.
func (c *Cluster) Dmctl(ctx context.Context, master int, args ...string) (stdout []byte, exitCode int, err error) {
	addrs := c.dm.MasterAddr()
	if master >= 0 {
		addrs = c.MasterClient(master)
	}
	out, err := c.dm.DmctlTo(ctx, addrs, args...)
	return []byte(out.Stdout + out.Stderr), out.Code, err
}

// Do runs dmctl against all masters and insists on success. It waits, as an
// operator would, while there is no leader.
func (c *Cluster) Do(ctx context.Context, args ...string) error {
	_, err := c.dm.Do(ctx, args...)
	return err
}

// SourceConfig gives the address under which the product's processes know the
// i-th upstream.
func (c *Cluster) SourceConfig(i int) config.Database {
	d := c.Upstreams[i].Config()
	d.Port = c.sources[i].Port()
	return d
}

// TargetConfig gives the address under which the workers know the target.
func (c *Cluster) TargetConfig() config.Database {
	d := c.Target.Config()
	d.Port = c.target.Port()
	return d
}

// SourceFile writes the source file of the i-th upstream and gives its path.
func (c *Cluster) SourceFile(i int) (string, error) {
	f := testbed.SourceFile{ID: SourceName(i), GTID: true, From: c.SourceConfig(i)}
	return c.dm.WriteFile(f.ID+".yaml", f.YAML())
}

func (c *Cluster) createSource(ctx context.Context, i int) error {
	path, err := c.SourceFile(i)
	if err != nil {
		return err
	}
	return c.Do(ctx, "operate-source", "create", path)
}

// TaskFile writes the file of an all-mode task that replicates schemas of the
// i-th source, and gives its path. How it works is set for many small steps:
// few rows in a batch, few lanes.
func (c *Cluster) TaskFile(task string, i int, schemas ...string) (string, error) {
	f := testbed.TaskFile{
		Name: task, Mode: "all", Source: SourceName(i), Target: c.TargetConfig(), Schemas: schemas,
		Load: []string{fmt.Sprintf("dir: %q", filepath.Join(c.cfg.Dir, "dump")), "pool-size: 2"},
		Sync: []string{"worker-count: 4", "batch: 20", "checkpoint-flush-interval: 1"},
	}
	return c.dm.WriteFile(task+".yaml", f.YAML())
}

// StartTask starts a task as TaskFile writes it, waits until it replicates,
// and keeps the book of its commits from then on. Health insists that it runs.
func (c *Cluster) StartTask(ctx context.Context, task string, i int, schemas ...string) error {
	path, err := c.TaskFile(task, i, schemas...)
	if err != nil {
		return err
	}
	if err := c.Do(ctx, "start-task", path); err != nil {
		return err
	}
	_, err = c.dm.Await(ctx, task, func(st testbed.TaskStatus) (bool, error) {
		return st.Stage == "Running" && st.Unit == "Sync" && st.Trouble() == "", nil
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.tasks = append(c.tasks, Task{task, SourceName(i)})
	c.mu.Unlock()
	return c.auditTask(ctx, task)
}

// Tasks gives the tasks that should run.
func (c *Cluster) Tasks() []Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Task(nil), c.tasks...)
}

// QueryTask asks for the status of a task of one source.
func (c *Cluster) QueryTask(ctx context.Context, task string) (testbed.TaskStatus, error) {
	list, err := c.dm.QueryStatus(ctx, task)
	if err != nil {
		return testbed.TaskStatus{}, err
	}
	if len(list) != 1 {
		return testbed.TaskStatus{}, fmt.Errorf("task %s has %d subtasks, want one", task, len(list))
	}
	return list[0], nil
}

// Members asks one master, or all of them with -1, who is in the cluster.
func (c *Cluster) Members(ctx context.Context, master int) (testbed.Members, error) {
	if master < 0 {
		return c.dm.ListMember(ctx)
	}
	return c.dm.ListMemberOf(ctx, c.MasterClient(master))
}

// Leader gives the process of the master that leads, nil when none does.
func (c *Cluster) Leader(ctx context.Context) *testbed.Process {
	m, err := c.Members(ctx, -1)
	if err != nil {
		return nil
	}
	return c.Process(m.Leader)
}

// Process gives a process by name, nil when there is none.
func (c *Cluster) Process(name string) *testbed.Process {
	for _, p := range c.dm.Processes() {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// Owners tells which worker serves which source, by source, as the masters
// see it.
func (c *Cluster) Owners(ctx context.Context) map[string]string {
	out := map[string]string{}
	m, err := c.Members(ctx, -1)
	if err != nil {
		return out
	}
	for _, w := range m.Workers {
		if w.Source != "" && strings.EqualFold(w.Stage, "bound") {
			out[w.Source] = w.Name
		}
	}
	return out
}

// Rejoin starts an ended master that the cluster has forgotten, with an empty
// directory, as a new member.
func (c *Cluster) Rejoin(p *testbed.Process) error { return c.dm.Rejoin(p) }
