package dump

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// shown is what the status says while a dump runs.
func shown(u *Unit) *status.Dump {
	var s status.Subtask
	u.Fill(&s)
	return s.Dump
}

// TestDumpKeepsToItsLimit: no more rows a second than allowed, and the status
// says that this is what it waits for, and when it will end.
func TestDumpKeepsToItsLimit(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "paced", "CREATE TABLE %s.t (id INT PRIMARY KEY)", "INSERT INTO %s.t SELECT seq FROM %s.seq_1_to_5000", "ANALYZE TABLE %s.t")
	b.sub.Dump.Rows, b.sub.Dump.MaxRows = 200, 2000
	var mu sync.Mutex
	var began time.Time
	held, eta := "", false
	if err := b.run(func(u *Unit) {
		u.noted = func(_ schema.Name, c dumpdir.Chunk) error {
			mu.Lock()
			defer mu.Unlock()
			if began.IsZero() {
				began = time.Now()
			}
			d := shown(u)
			if d.Held != "" {
				held = d.Held
			}
			eta = eta || d.ETAHigh > 0 && d.ETALow <= d.ETAHigh && d.ETAHigh < 60
			return nil
		}
	}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("5000 rows at 2000 a second took %v", took)
	}
	if !strings.Contains(held, "max-rows-per-second") || !eta {
		t.Errorf("held %q, an end in sight: %v", held, eta)
	}
}

// TestDumpWaitsForABusySource: no chunk begins while too many threads of others
// run on the source.
func TestDumpWaitsForABusySource(t *testing.T) {
	src := servers.MariaDB(t)
	b := newBed(t, src, "busy", "CREATE TABLE %s.t (id INT PRIMARY KEY)", "INSERT INTO %s.t VALUES (1)")
	b.sub.Dump.MaxThreadsRunning = 2
	ctx, release := context.WithCancel(t.Context())
	var sleepers errgroup.Group
	for range 4 {
		sleepers.Go(func() error {
			src.Exec(ctx, "DO SLEEP(60)") //nolint:errcheck // it is interrupted
			return nil
		})
	}
	for n := 0; n < 4; {
		if err := src.DB().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO = 'DO SLEEP(60)' AND SLEEP(0.01) = 0").Scan(&n); err != nil {
			t.Fatal(err)
		}
	}
	var running errgroup.Group
	units := make(chan *Unit, 1)
	running.Go(func() error { return b.run(func(u *Unit) { units <- u }) })
	u := <-units
	for !strings.Contains(shown(u).Held, "max-threads-running") {
		if err := src.Exec(t.Context(), "DO SLEEP(0.02)"); err != nil {
			t.Fatal(err)
		}
	}
	if d := shown(u); d.FinishedRows != 0 {
		t.Errorf("%v rows were read meanwhile", d.FinishedRows)
	}
	release()
	for _, id := range b.sleepers() {
		if err := src.Exec(t.Context(), "KILL "+id); err != nil {
			t.Log(err) // it has gone by itself
		}
	}
	if err := running.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := sleepers.Wait(); err != nil {
		t.Fatal(err)
	}
	if d := shown(u); d.Held != "" || d.FinishedRows != 1 || d.Progress != "100.00 %" {
		t.Errorf("at the end: %+v", d)
	}
}

// sleepers lists the connections that sleep.
func (b *bed) sleepers() []string {
	b.t.Helper()
	rows, err := b.src.DB().QueryContext(b.t.Context(), "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO = 'DO SLEEP(60)'")
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}
