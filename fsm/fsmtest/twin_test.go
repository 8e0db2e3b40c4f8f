package fsmtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/fsm"
)

// Small, so that trimming happens all the time.
func limits() fsm.Limits {
	return fsm.Limits{Changes: 9, ChangesAge: 12 * time.Millisecond, Requests: 5}
}

// rough is the store that everything happens to.
type rough struct {
	dir   string
	n     int // files so far: a crashed store's file is not used again
	store *fsm.Store
}

func (r *rough) path() string { return filepath.Join(r.dir, fmt.Sprintf("rough%d.db", r.n)) }

func (r *rough) open() error {
	var err error
	r.store, err = fsm.OpenLimits(r.path(), limits())
	return err
}

// crash goes on with a copy of the file as it is between two batches, which is
// what a killed process leaves.
func (r *rough) crash() error {
	raw, err := os.ReadFile(r.path())
	if err != nil {
		return err
	}
	old := r.store
	r.n++
	if err := os.WriteFile(r.path(), raw, 0o600); err != nil {
		return err
	}
	return errors.Join(old.Close(), r.open())
}

func (r *rough) reopen() error { return errors.Join(r.store.Close(), r.open()) }

func snapshotOf(s *fsm.Store) ([]byte, error) {
	snap, err := s.Snapshot()
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	_, err = snap.WriteTo(&buf)
	return buf.Bytes(), errors.Join(err, snap.Close())
}

// newborn goes on with an empty store that gets a snapshot, as a member does
// that joins or fell too far behind.
func (r *rough) newborn() error {
	raw, err := snapshotOf(r.store)
	if err != nil {
		return err
	}
	old := r.store
	r.n++
	if err := errors.Join(old.Close(), r.open()); err != nil {
		return err
	}
	return r.store.Restore(bytes.NewReader(raw))
}

func TestTwinStoresAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		gen := NewGenerator(rapid.Uint64().Draw(rt, "seed"))
		gentle, err := fsm.OpenLimits(filepath.Join(dir, "gentle.db"), limits())
		must(rt, err)
		defer gentle.Close()
		r := &rough{dir: dir}
		must(rt, r.open())
		defer func() { r.store.Close() }()
		checker := NewChecker()
		var log []fsm.Entry
		var old []byte // a snapshot of the past
		for i := 1; i <= rapid.IntRange(10, 60).Draw(rt, "entries"); i++ {
			e, err := gen.Entry(fsm.Index(i))
			must(rt, err)
			_, err = gentle.Apply([]fsm.Entry{e})
			must(rt, err)
			must(rt, gentle.View(checker.Check))
			log = append(log, e)
			switch rapid.IntRange(0, 14).Draw(rt, "event") {
			case 0, 1, 2:
				// A batch that begins before what is applied already.
				from := max(0, int(r.store.Applied())-rapid.IntRange(0, 5).Draw(rt, "overlap"))
				_, err = r.store.Apply(log[from:])
				must(rt, err)
			case 3:
				must(rt, r.crash())
			case 4:
				must(rt, r.reopen())
			case 5:
				must(rt, r.newborn())
			case 6:
				old, err = snapshotOf(r.store)
				must(rt, err)
			case 7:
				if old != nil { // and the log follows again
					must(rt, r.store.Restore(bytes.NewReader(old)))
				}
			case 8:
				old, err = snapshotOf(gentle) // a leader's, newer than we are
				must(rt, err)
			}
		}
		_, err = r.store.Apply(log[r.store.Applied():])
		must(rt, err)
		agree(rt, gentle, r.store)
		must(rt, boltCheck(r))
	})
}

func must(t interface{ Fatal(...any) }, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

func agree(t *rapid.T, a, b *fsm.Store) {
	da, err := Dump(a)
	must(t, err)
	db, err := Dump(b)
	must(t, err)
	if diff := cmp.Diff(string(da), string(db)); diff != "" {
		t.Fatalf("the stores differ:\n%s", diff)
	}
	sa, err := snapshotOf(a)
	must(t, err)
	sb, err := snapshotOf(b)
	must(t, err)
	if !bytes.Equal(sa, sb) {
		t.Fatal("equal stores have different snapshots")
	}
}

// boltCheck has bbolt check the pages of the file.
func boltCheck(r *rough) error {
	if err := r.store.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(r.path(), 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		var bad error
		for e := range tx.Check() {
			bad = errors.Join(bad, e)
		}
		return bad
	})
	return errors.Join(err, db.Close(), r.open())
}

// The generator must reach every command, with and without success, or the
// test above proves little.
func TestGeneratorReachesEverything(t *testing.T) {
	s, err := fsm.Open(filepath.Join(t.TempDir(), "state.db"))
	must(t, err)
	defer s.Close()
	gen := NewGenerator(1)
	seen := map[string]map[bool]bool{}
	for i := fsm.Index(1); i <= 1500; i++ {
		c := gen.Command()
		data, err := fsm.Encode(fsm.Meta{}, c)
		must(t, err)
		res, err := s.Apply([]fsm.Entry{{Index: i, Data: data}})
		must(t, err)
		name := fmt.Sprintf("%T", c)
		if seen[name] == nil {
			seen[name] = map[bool]bool{}
		}
		seen[name][res[0].Err == nil] = true
		if o, ok := c.(fsm.OpenSession); ok && o.TTLSeconds > 0 {
			gen.sessions = append(gen.sessions, fsm.SessionID(i))
		}
	}
	if len(seen) != 21 {
		t.Errorf("%d commands seen, want 21", len(seen))
	}
	for name, outcomes := range seen {
		// To drop what is not there is no mistake.
		if !outcomes[true] || (!outcomes[false] && name != "fsm.DropLoadFiles") {
			t.Errorf("%s: succeeded %v, refused %v", name, outcomes[true], outcomes[false])
		}
	}
}

func TestDumpTellsStoresApart(t *testing.T) {
	dir := t.TempDir()
	var dumps [2]string
	for i := range dumps {
		s, err := fsm.Open(filepath.Join(dir, fmt.Sprint(i)))
		must(t, err)
		data, err := fsm.Encode(fsm.Meta{}, fsm.PutSource{ID: "s", Config: fmt.Sprint("config", i)})
		must(t, err)
		_, err = s.Apply([]fsm.Entry{{Index: 1, Data: data}})
		must(t, err)
		raw, err := Dump(s)
		must(t, err)
		dumps[i] = string(raw)
		must(t, s.Close())
	}
	if dumps[0] == dumps[1] {
		t.Errorf("equal dumps of unequal stores:\n%s", dumps[0])
	}
}

// A checker that has never failed proves nothing: it is shown records that no
// command can write.
func TestCheckerSeesBrokenInvariants(t *testing.T) {
	for name, c := range map[string]struct{ bucket, key, value string }{
		"bound to nobody":         {"bindings", "s0", `{"worker":"w9","epoch":1}`},
		"serving without binding": {"serving", "w0", "s0"},
		"task without source":     {"tasks", "t", `{"created":1,"sources":{}}`},
		"task of unknown source":  {"tasks", "t", `{"created":1,"sources":{"s9":""}}`},
		"subtask without task":    {"subtasks", "s0\x00t", `{"config":"","stage":2,"rev":1}`},
		"files of no subtask":     {"load_files", "s0\x00t", `{"worker":"w0"}`},
		"members at one address":  {"members", "m2", `{"peer":"m1:1","client":"m2:2","instance":"i"}`},
		"member without instance": {"members", "m2", `{"peer":"m2:1","client":"m2:2"}`},
		"session of the future":   {"workers", "w0", `{"addr":"a","session":99,"ttl":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			s, err := fsm.Open(path)
			must(t, err)
			for i, c := range []fsm.Command{fsm.PutSource{ID: "s0"}, fsm.RegisterWorker{Name: "w0", Addr: "a"},
				fsm.PutMember{Name: "m1", Peer: "m1:1", Client: "m1:2", Instance: "i"}} {
				data, err := fsm.Encode(fsm.Meta{}, c)
				must(t, err)
				_, err = s.Apply([]fsm.Entry{{Index: fsm.Index(i + 1), Data: data}})
				must(t, err)
			}
			must(t, s.View(NewChecker().Check))
			must(t, s.Close())
			db, err := bbolt.Open(path, 0o600, nil)
			must(t, err)
			must(t, db.Update(func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte(c.bucket)).Put([]byte(c.key), []byte(c.value))
			}))
			must(t, db.Close())
			s, err = fsm.Open(path)
			must(t, err)
			defer s.Close()
			if err := s.View(NewChecker().Check); err == nil {
				t.Error("the checker found nothing wrong")
			}
		})
	}
}
