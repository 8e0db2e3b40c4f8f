package syncer

import (
	"errors"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestFencedBeforeDuplicate: a worker that has lost the source and meets the
// rows of its successor is fenced. It does not call the data wrong (peer-bugs 4).
func TestFencedBeforeDuplicate(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		r := b.start()
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)")
		r.caughtUp()
		db, err := dbconn.Open(t.Context(), fault.Downstream, b.meta, dbconn.Options{})
		b.must(err)
		defer db.Close()
		_, err = checkpoint.Open(t.Context(), db, b.sub, b.epoch+1)
		b.must(err)
		b.must(b.down.Exec(t.Context(), "INSERT INTO "+s+".a VALUES (7)"))
		b.exec("INSERT INTO " + s + ".a VALUES (7)")
		select {
		case <-r.done:
		case <-time.After(20 * time.Second):
			t.Fatal("the run goes on")
		}
		if err := r.stop(); !errors.Is(err, checkpoint.ErrFenced) {
			t.Errorf("the run ended with %v", err)
		}
	})
}
