// Package jepsen torments a real cluster and judges what its clients saw.
// README.md says how to run it and what it has found.
package jepsen

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/check"
	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/fault"
	"github.com/raftdm/raftdm/jepsen/history"
	"github.com/raftdm/raftdm/jepsen/report"
	"github.com/raftdm/raftdm/jepsen/scenario"
	"github.com/raftdm/raftdm/jepsen/workload"
)

// programs holds the product's binaries, built once without and with sabotage.
var programs testbed.Shared

func TestMain(m *testing.M) { os.Exit(programs.Main(m)) }

// TestExploratory crosses all traffic with all faults for JEPSEN_TIME.
func TestExploratory(t *testing.T) {
	o := fromEnvironment(t)
	faults, err := fault.Named(o.faults)
	if err != nil {
		t.Fatal(err)
	}
	if o.time == 0 {
		t.Skip("JEPSEN_TIME is 0")
	}
	s := scenario.Exploratory(faults, o.target == "tidb")
	if o.sabotage != "" {
		s.Tags = []string{"sabotage_" + o.sabotage}
	}
	for _, err := range run(t, o, s) {
		t.Error(err)
	}
}

// TestRegression repeats what once went wrong, here or elsewhere.
func TestRegression(t *testing.T) {
	for _, s := range scenario.Regression() {
		t.Run(s.Name, func(t *testing.T) {
			o := fromEnvironment(t)
			if !o.all {
				t.Skip("runs when JEPSEN_TIME is set, as make jepsen does")
			}
			for _, err := range run(t, o, s) {
				t.Error(err)
			}
		})
	}
}

// TestSabotageIsCaught runs programs that are wrong on purpose: the check of
// the broken promise must say so.
func TestSabotageIsCaught(t *testing.T) {
	for _, s := range scenario.Sabotaged() {
		t.Run(s.Name, func(t *testing.T) {
			o := fromEnvironment(t)
			if !o.all {
				t.Skip("runs when JEPSEN_TIME is set, as make jepsen does")
			}
			for _, err := range run(t, o, s) {
				t.Error(err)
			}
		})
	}
}

// run is one run with its report. The answer is what was found wrong.
func run(t *testing.T, o options, s scenario.Scenario) (found []error) {
	t.Helper()
	r, err := report.Open(o.dir, s.Name)
	if err != nil {
		t.Fatal(err)
	}
	again := report.Again(t.Name(), map[string]string{"JEPSEN_SEED": fmt.Sprint(o.seed), "JEPSEN_TIME": o.time.String(),
		"JEPSEN_TARGET": o.target, "JEPSEN_FAULTS": o.faults, "JEPSEN_SABOTAGE": o.sabotage})
	t.Logf("to repeat: %s", again)
	rec := history.NewRecorder(r.History())
	began := time.Now()
	found = story(t, o, s, r, rec)
	h := rec.History()
	t.Logf("%s in %s: %s", s.Name, time.Since(began).Round(time.Second), report.Summary(h))
	if s.Catches != nil {
		if err := errors.Join(found...); errors.Is(err, s.Catches) {
			t.Logf("caught: %.300v", err)
			found = nil // as it had to be
		} else {
			found = []error{fmt.Errorf("the sabotage %q was not reported as %q, but: %v", s.Tags, s.Catches, err)}
		}
	}
	if len(found) > 0 {
		t.Logf("%d things are wrong. Histories, logs and data: %s\nTo repeat: %s", len(found), r.Dir, again)
	}
	if err := errors.Join(rec.Close(), r.Close(h, found, o.keep)); err != nil {
		t.Error(err)
	}
	return found
}

// story is a run from the start to the verdict.
func story(t *testing.T, o options, s scenario.Scenario, r *report.Report, rec *history.Recorder) (found []error) {
	ctx := t.Context()
	note := func(what string, err error) bool {
		if err != nil {
			found = append(found, fmt.Errorf("%s: %w", what, err))
		}
		return err == nil
	}
	bin, err := binaries(ctx, t, s.Tags)
	if !note("build", err) {
		return found
	}
	// 1. A cluster that is well.
	c, err := cluster.Open(ctx, cluster.Config{Dir: filepath.Join(r.Dir, "cluster"), Binaries: bin,
		Masters: s.Masters, Workers: s.Workers, Sources: s.Sources, TiDB: s.TiDB, TTL: s.TTL})
	defer func() { note("close", c.Close(context.WithoutCancel(ctx))) }()
	if !note("start the cluster", err) {
		return found
	}
	load := workload.All()
	for _, w := range load {
		if !note("set up "+w.Name(), bounded(ctx, time.Minute, func(ctx context.Context) error { return w.Setup(ctx, c) })) {
			return found
		}
	}
	r.Logf("the cluster is set up")
	// 2. Traffic beside faults.
	traffic, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	failed := make([]error, len(load))
	for i, w := range load {
		wg.Go(func() { failed[i] = w.Run(traffic, c, scenario.Rand(o.seed, w.Name()), rec) })
	}
	faults, cancel := context.WithTimeout(ctx, limit(o, s))
	note("faults", s.Torment(faults, c, scenario.Rand(o.seed, "faults"), rec, r.Logf))
	cancel()
	// 3. Quiet, and everything arrives.
	stop()
	wg.Wait()
	for i, w := range load {
		note("traffic "+w.Name(), failed[i])
	}
	c.Net.HealAll(false)
	if s.Catches == nil {
		note("after the last fault", bounded(ctx, 2*time.Minute, c.AwaitHealth))
	}
	r.Logf("traffic and faults are over")
	// 4. What is there in the end.
	patience := 2 * time.Minute
	if s.Catches != nil {
		patience = 10 * time.Second // what is broken never arrives
	}
	for _, w := range load {
		err := bounded(ctx, patience, func(ctx context.Context) error { return w.Final(ctx, c, rec) })
		if s.Catches == nil {
			note("final state of "+w.Name(), err)
		}
	}
	if c.Audited() {
		op := rec.Call("audit", history.Audit, nil)
		book, err := c.Audit(ctx)
		if note("audit", err) {
			op.OK(book)
		}
	}
	note("stores", bounded(ctx, time.Minute, c.StopAll))
	// 5. The verdict.
	r.Logf("checking")
	return append(found, check.All(rec.History())...)
}

// limit bounds the time of faults: JEPSEN_TIME for a run without an end of its
// own, else only what no script needs.
func limit(o options, s scenario.Scenario) time.Duration {
	if s.Name == "exploratory" {
		return o.time
	}
	return 10 * time.Minute
}

func binaries(ctx context.Context, t *testing.T, tags []string) (testbed.Binaries, error) {
	if len(tags) == 0 {
		return programs.Binaries(t), nil
	}
	return testbed.BuildBinaries(ctx, filepath.Join(t.TempDir(), strings.Join(tags, "-")), tags...)
}

func bounded(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}
