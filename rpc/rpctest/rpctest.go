// Package rpctest is a master for tests: rpc's real services over a real store,
// with commands applied at once instead of agreed on by raft, and a scheduler
// that does the least a worker needs. It is for the tests of rpc and of the
// programs that speak to a master; nothing else may import it.
package rpctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/plan"
	"github.com/raftdm/raftdm/rpc"
)

// State is what outlives a master: the store, and the log.
type State struct {
	Store *fsm.Store
	Feed  *feed.Feed

	mu      sync.Mutex
	entries []fsm.Entry // guarded by mu; the log
	mirrors []*State    // guarded by mu; they are given every entry
}

// Open opens a new store below a temporary directory of t.
func Open(t testing.TB) *State { return OpenLimits(t, fsm.DefaultLimits()) }

// OpenLimits is Open with other limits.
func OpenLimits(t testing.TB, limits fsm.Limits) *State {
	t.Helper()
	s := open(t, limits)
	s.Must(t, fsm.SetClusterID{ID: "cluster-1"})
	return s
}

// Mirror gives the state of another master: it has the same log, up to a moment
// ago at most.
func (s *State) Mirror(t testing.TB) *State {
	t.Helper()
	other := open(t, fsm.DefaultLimits())
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := other.Store.Apply(s.entries); err != nil {
		t.Fatal(err)
	}
	s.mirrors = append(s.mirrors, other)
	return other
}

func open(t testing.TB, limits fsm.Limits) *State {
	t.Helper()
	store, err := fsm.OpenLimits(filepath.Join(t.TempDir(), "fsm.db"), limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &State{Store: store, Feed: feed.New(store)}
}

// Propose applies a command at once.
func (s *State) Propose(_ context.Context, m fsm.Meta, c fsm.Command) (fsm.Result, error) {
	res, err := s.apply(m, c)
	if err != nil {
		return fsm.Result{}, err
	}
	return res[0], nil
}

func (s *State) apply(m fsm.Meta, all ...fsm.Command) ([]fsm.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.entries)
	for _, c := range all {
		data, err := fsm.Encode(m, c)
		if err != nil {
			return nil, err
		}
		s.entries = append(s.entries, fsm.Entry{Index: fsm.Index(len(s.entries) + 1), Data: data})
	}
	for _, m := range s.mirrors {
		if _, err := m.Store.Apply(s.entries[n:]); err != nil {
			return nil, err
		}
	}
	return s.Store.Apply(s.entries[n:])
}

// MustAll applies commands that have to succeed as one batch, which takes the
// disk as long as one does, and gives the index of the last.
func (s *State) MustAll(t testing.TB, all ...fsm.Command) fsm.Index {
	t.Helper()
	res, err := s.apply(fsm.Meta{}, all...)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range res {
		if r.Err != nil {
			t.Fatalf("%#v: %v", all[i], r.Err)
		}
	}
	return res[len(res)-1].Index
}

// Must applies a command that has to succeed.
func (s *State) Must(t testing.TB, c fsm.Command) fsm.Result {
	t.Helper()
	res, err := s.Propose(context.Background(), fsm.Meta{}, c)
	if err != nil {
		t.Fatal(err)
	}
	if res.Err != nil {
		t.Fatalf("%#v: %v", c, res.Err)
	}
	return res
}

// Barrier has nothing to wait for.
func (s *State) Barrier(context.Context) error { return nil }

// View reads the store.
func (s *State) View(fn func(*fsm.View) error) error { return s.Store.View(fn) }

// Schedule binds sources to free workers and expands tasks until ctx ends.
func (s *State) Schedule(ctx context.Context) error {
	sub, err := s.Feed.Subscribe(s.Feed.Index())
	for err == nil {
		if err = s.ScheduleOnce(ctx); err == nil {
			_, err = sub.Next(ctx)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// ScheduleOnce does what there is to do now.
func (s *State) ScheduleOnce(ctx context.Context) error {
	var todo []fsm.Command
	err := s.View(func(v *fsm.View) error {
		free := map[fsm.WorkerName]bool{}
		for _, w := range v.Workers() {
			if _, serves := v.BindingOf(w.Name); w.Session != 0 && !serves {
				free[w.Name] = true
			}
		}
		for _, src := range v.Sources() {
			if _, bound := v.Binding(src.ID); bound || len(free) == 0 {
				continue
			}
			w := slices.Min(slices.Collect(maps.Keys(free)))
			delete(free, w)
			todo = append(todo, fsm.BindSource{Source: src.ID, Worker: w})
		}
		for _, task := range v.Tasks() {
			for id := range task.Sources {
				if _, ok := v.Subtask(task.Name, id); !ok {
					todo = append(todo, fsm.PutSubtask{Task: task.Name, Source: id})
				}
			}
		}
		return nil
	})
	for _, c := range todo {
		res, perr := s.Propose(ctx, fsm.Meta{Actor: "scheduler"}, c)
		if perr != nil || res.Err != nil {
			return errors.Join(err, perr, fmt.Errorf("%#v: %v", c, res.Err))
		}
	}
	return err
}

// Options are what a test decides about its master; the zero value leads, and
// finds nothing wrong with any source or task.
type Options struct {
	// LeaderName and LeaderAddr name another master that leads.
	LeaderName, LeaderAddr string
	// CheckSource and CheckTask stand in for the pre-checks.
	CheckSource func(config.Source) (config.Source, error)
	CheckTask   func(subs []config.Subtask, failures, warnings int) error
	// PlanTask stands in for the plan of a task.
	PlanTask func(subs []config.Subtask) (*plan.Plan, error)
	// Elected, when set, says from when on this master leads; until then nobody does.
	Elected func() bool
	// Removed is called for every task whose meta tables are to be dropped.
	Removed func(task string)
	// Wrap may put something in front of the proposer.
	Wrap func(rpc.Proposer) rpc.Proposer
	// Group stands in for the raft group; nil is a group of this master alone.
	Group rpc.Group
	// Others are masters of the group beside this one.
	Others []rpc.Member
	// ClientURL is what the master says of itself.
	ClientURL string
	// Key is what secrets are encrypted with.
	Key config.SecretKey
	Log *slog.Logger
}

// Master is one running master.
type Master struct {
	*rpc.Server
	Leases *Leases
}

// New makes a master over a state; Run serves it.
func New(s *State, o Options) *Master {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	leases := &Leases{state: s}
	var proposer rpc.Proposer = s
	if o.Wrap != nil {
		proposer = o.Wrap(s)
	}
	m := rpc.NewMaster(rpc.MasterConfig{Name: "master-1", ConfigText: "name = \"master-1\"\n", Proposer: proposer, Reader: s, Feed: s.Feed, Leases: leases,
		Cluster: cluster{o}, Group: o.group(), Checker: checker{o}, Target: target{o}, Explain: explain, WorkerTrouble: func(string) {}, Key: o.Key, Log: o.Log})
	srv := rpc.NewServer(rpc.ServerConfig{Register: m.Register, Master: m, Metrics: prometheus.NewRegistry(),
		Status: "Release Version: test", Log: o.Log})
	return &Master{Server: srv, Leases: leases}
}

// Start serves a master on a port of the loopback interface until t ends, with
// its scheduler, and gives its address.
func Start(t testing.TB, s *State, o Options) string {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if o.ClientURL == "" {
		o.ClientURL = "http://" + lis.Addr().String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := New(s, o).Run(ctx, lis); !errors.Is(err, context.Canceled) {
			t.Errorf("master: %v", err)
		}
	})
	wg.Go(func() {
		if err := s.Schedule(ctx); err != nil {
			t.Errorf("scheduler: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return lis.Addr().String()
}

func explain(v *fsm.View, id fsm.SourceID) string {
	if _, bound := v.Binding(id); bound {
		return ""
	}
	return "no free worker"
}

// Leases renews for as long as a test lets it.
type Leases struct {
	state *State

	mu   sync.Mutex
	deaf bool // guarded by mu
}

// Refuse says whether every renewal fails from now on.
func (l *Leases) Refuse(refuse bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaf = refuse
}

// Renew agrees unless Refuse says otherwise.
func (l *Leases) Renew(fsm.WorkerName, fsm.SessionID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.deaf
}

// Goodbye ends the session at once.
func (l *Leases) Goodbye(w fsm.WorkerName, s fsm.SessionID) {
	_, _ = l.state.Propose(context.Background(), fsm.Meta{}, fsm.ExpireSession{Worker: w, Session: s})
}

type cluster struct{ o Options }

func (c cluster) IsLeader() bool {
	return c.o.LeaderName == "" && (c.o.Elected == nil || c.o.Elected())
}

func (c cluster) Leader() (string, string) {
	switch {
	case c.o.LeaderName == "none", c.o.Elected != nil && !c.o.Elected():
		return "", ""
	case c.o.LeaderName != "":
		return c.o.LeaderName, c.o.LeaderAddr
	default:
		return "master-1", strings.TrimPrefix(c.o.ClientURL, "http://")
	}
}

func (c cluster) Members() []rpc.Member {
	return append([]rpc.Member{{Name: "master-1", ID: 11007177379717700053, Voter: true, Peer: "127.0.0.1:8291",
		Client: strings.TrimPrefix(c.o.ClientURL, "http://")}}, c.o.Others...)
}

func (o Options) group() rpc.Group {
	if o.Group != nil {
		return o.Group
	}
	return alone{}
}

// alone is a group of one, in which nothing can be changed.
type alone struct{}

var errAlone = fault.New(fault.Unsupported, "the test has a group of one master")

func (alone) AddNonvoter(context.Context, string, string) error { return errAlone }
func (alone) AddVoter(context.Context, string, string) error    { return errAlone }
func (alone) Remove(context.Context, string) error              { return errAlone }
func (alone) Evict(context.Context) error                       { return nil }
func (alone) CancelEvict()                                      {}
func (alone) Progress() (applied, commit uint64)                { return 0, 0 }

type checker struct{ o Options }

func (c checker) CheckSource(_ context.Context, src config.Source) (config.Source, error) {
	if c.o.CheckSource != nil {
		return c.o.CheckSource(src)
	}
	src.Flavor, src.ServerID = "mysql", 429500000
	return src, nil
}

func (c checker) CheckTask(_ context.Context, subs []config.Subtask, _ []string, failures, warnings int) error {
	if c.o.CheckTask != nil {
		return c.o.CheckTask(subs, failures, warnings)
	}
	return nil
}

func (c checker) PlanTask(_ context.Context, subs []config.Subtask, _ []string) (*plan.Plan, error) {
	if c.o.PlanTask != nil {
		return c.o.PlanTask(subs)
	}
	return &plan.Plan{}, nil
}

type target struct{ o Options }

func (x target) RemoveMeta(_ context.Context, _ config.Database, schema, task string) error {
	if x.o.Removed == nil {
		return fault.New(fault.Internal, "the test did not expect that meta tables of "+schema+" are dropped")
	}
	x.o.Removed(task)
	return nil
}
