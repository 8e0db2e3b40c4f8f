package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// The whole of -sync, as small as it gets: everybody catches up, rightly.
func TestSync(t *testing.T) {
	testbed.SkipIfShort(t)
	var out bytes.Buffer
	o := syncOptions{options: options{threads: 1, workers: 4, batch: 100, seed: 1}, names: "mixed", scale: 0.005}
	if err := runSync(t.Context(), &out, o); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"mixed: 960 rows in 240 transactions", "\n" + whoReplica, "\n" + whoPipe, "\n" + whoOurs, "\ngoals\n", "mixed  " + whoOurs} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
	t.Log(out.String())
}

func TestWorkloadsAreKnownByName(t *testing.T) {
	list, err := pick("hot, insert")
	if err != nil || len(list) != 2 || list[0].name != "hot" || list[1].name != "insert" {
		t.Errorf("got %d workloads, %v", len(list), err)
	}
	if _, err := pick("inserts"); err == nil || !strings.Contains(err.Error(), "insert, update, mixed, wide, hot") {
		t.Errorf("an unknown name: %v", err)
	}
	for _, k := range kinds() {
		small := k.scaled(0.000001)
		if small.transactions < writers || (k.rows > 0) != (small.rows > 0) || k.fixed && small.rows != k.rows {
			t.Errorf("%s cannot be this small: %+v", k.name, small)
		}
	}
}

// Lanes beyond the best number may cost something, but not much.
func TestTooManyLanes(t *testing.T) {
	b := &backlog{bench: &bench{change: 1000}}
	for _, r := range []syncResult{{lanes: 1, took: 30 * time.Second}, {lanes: 4, took: 10 * time.Second},
		{lanes: 8, took: 10400 * time.Millisecond}, {lanes: 16, took: 11 * time.Second}} {
		b.results = append(b.results, r)
	}
	if best, slower := b.tooMany(); best.lanes != 4 || len(slower) != 1 || slower[0].lanes != 16 {
		t.Errorf("best %+v, slower %+v", best, slower)
	}
}

func TestTheNextLookComesInTime(t *testing.T) {
	for _, c := range []struct {
		since     time.Duration
		rows, all int64
		want      time.Duration
	}{
		{time.Second, 0, 1000, lookFast},
		{time.Second, 10, 1000, 250 * time.Millisecond},
		{time.Minute, 10, 1000, lookSlow},
		{10 * time.Second, 900, 1000, 10 * time.Second / 9 / 2},
		{10 * time.Second, 999, 1000, lookFast},
	} {
		if got := nextLook(c.since, c.rows, c.all); got.Round(time.Millisecond) != c.want.Round(time.Millisecond) {
			t.Errorf("%v: look after %s, want %s", c, got, c.want)
		}
	}
}
