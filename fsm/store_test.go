package fsm_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

func snapshotBytes(t *testing.T, s *fsm.Store) []byte {
	t.Helper()
	snap, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	n, err := snap.WriteTo(&buf)
	if err != nil || n != int64(buf.Len()) {
		t.Fatalf("wrote %d of %d: %v", n, buf.Len(), err)
	}
	if err := errors.Join(snap.Close(), snap.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestRestoreRefusesEveryDamage(t *testing.T) {
	from := newMachine(t, fsm.DefaultLimits())
	world(from)
	good := snapshotBytes(t, from.store)
	to := newMachine(t, fsm.DefaultLimits())
	to.do(fsm.PutSource{ID: "kept"})
	before := state(to)
	refused := func(what string, raw []byte) {
		t.Helper()
		err := to.store.Restore(bytes.NewReader(raw))
		if !errors.Is(err, fsm.ErrSnapshot) && !errors.Is(err, fsm.ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n := 0; n < len(good); n += 97 {
		refused("truncated", good[:n])
	}
	refused("without its last byte", good[:len(good)-1])
	refused("with a byte more", append(bytes.Clone(good), 0))
	for n := 0; n < len(good); n += 61 {
		bad := bytes.Clone(good)
		bad[n] ^= 0x10
		refused("one bit turned", bad)
	}
	// Intact as to its checksum, but the header lies about the index.
	lie := bytes.Clone(good[:len(good)-sha256.Size])
	lie[19]++
	sum := sha256.Sum256(lie)
	refused("lying header", append(lie, sum[:]...))
	if diff := cmp.Diff(before, state(to)); diff != "" {
		t.Errorf("a refused snapshot changed the state:\n%s", diff)
	}
	if err := to.store.Restore(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state(from), state(to)); diff != "" {
		t.Error(diff)
	}
}

func TestViewsAndSnapshotsOutliveARestore(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	empty := snapshotBytes(t, m.store)
	world(m)
	snap, err := m.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	want := snapshotBytes(t, m.store)
	m.view(func(old *fsm.View) {
		if err := m.store.Restore(bytes.NewReader(empty)); err != nil {
			t.Fatal(err)
		}
		if got := len(old.Sources()); got != 3 {
			t.Errorf("the old view sees %d sources, want 3", got)
		}
		m.view(func(v *fsm.View) {
			if got := len(v.Sources()); got != 0 {
				t.Errorf("a new view sees %d sources, want 0", got)
			}
		})
	})
	var got bytes.Buffer
	if _, err := snap.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the snapshot taken before the restore changed: %v", err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
	m.index = 0
	m.do(fsm.PutSource{ID: "goes on"})
}

func TestASnapshotDoesNotSeeWhatIsAppliedMeanwhile(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	want := snapshotBytes(t, m.store)
	snap, err := m.store.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	at := m.index
	m.do(fsm.PutSource{ID: "later"})
	var got bytes.Buffer
	if _, err := snap.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), want) || snap.Index() != at {
		t.Errorf("index %d, want %d; %v", snap.Index(), at, err)
	}
	if err := snap.Close(); err != nil {
		t.Error(err)
	}
}

func TestObserversHearEveryBatchOnce(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	var heard []fsm.Applied
	m.store.Observe(func(a fsm.Applied) { heard = append(heard, a) })
	m.do(fsm.PutSource{ID: "a"})
	m.request("", fsm.PutSource{ID: "a"}) // refused
	if _, err := m.store.Apply([]fsm.Entry{{Index: 1}, {Index: 2}}); err != nil {
		t.Fatal(err)
	}
	if err := m.store.Restore(bytes.NewReader(snapshotBytes(t, m.store))); err != nil {
		t.Fatal(err)
	}
	type seen struct {
		From, To fsm.Index
		Changes  int
		Reset    bool
	}
	var got []seen
	for _, a := range heard {
		got = append(got, seen{a.From, a.To, len(a.Changes), a.Reset})
	}
	if diff := cmp.Diff([]seen{{0, 1, 1, false}, {1, 2, 0, false}, {2, 2, 0, true}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestASecondProcessIsToldSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := fsm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = fsm.Open(path)
	if !errors.Is(err, fsm.ErrLocked) || !fault.Is(err, fault.Unavailable) || fault.HintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	s, err := fsm.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	_, applyErr := s.Apply([]fsm.Entry{{Index: 1}})
	_, snapErr := s.Snapshot()
	for _, err := range []error{applyErr, snapErr, s.View(func(*fsm.View) error { return nil }), s.Restore(bytes.NewReader(nil))} {
		if !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("got %v", err)
		}
	}
}

// onDisk changes a closed store's file behind its back.
func onDisk(t *testing.T, path, bucket, key, value string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(value)) })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAnotherSchemaVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := fsm.Open(path)
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	onDisk(t, path, "meta", "schema", "\x00\x00\x00\x00\x00\x00\x00\x09")
	if _, err := fsm.Open(path); !errors.Is(err, fsm.ErrSchema) {
		t.Errorf("got %v", err)
	}
}

func TestADamagedRecordStopsApplyAndShowsNoSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := fsm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	onDisk(t, path, "sources", "s1", `{"config":"password: secret`)
	if s, err = fsm.Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	data, err := fsm.Encode(fsm.Meta{}, fsm.RemoveSource{ID: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	_, applyErr := s.Apply([]fsm.Entry{{Index: 1}, {Index: 2, Data: data}})
	viewErr := s.View(func(v *fsm.View) error { v.Sources(); return nil })
	for _, err := range []error{applyErr, viewErr} {
		if !fault.Is(err, fault.Corrupt) || bytes.Contains([]byte(err.Error()), []byte("secret")) {
			t.Errorf("got %v", err)
		}
	}
	if got := s.Applied(); got != 0 {
		t.Errorf("applied %d: a failed batch must leave nothing", got)
	}
}

func TestALeftoverOfARestoreIsRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path+".restore", []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := fsm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := os.Stat(path + ".restore"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestSnapshotIndexIsReadFromTheBeginning(t *testing.T) {
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	raw := snapshotBytes(t, m.store)
	if got, ok := fsm.SnapshotIndex(raw[:fsm.SnapshotHead]); !ok || got != m.store.Applied() {
		t.Errorf("%d, %t, want %d", got, ok, m.store.Applied())
	}
	if _, ok := fsm.SnapshotIndex(raw[:fsm.SnapshotHead-1]); ok {
		t.Error("half of the beginning is enough")
	}
	if _, ok := fsm.SnapshotIndex(raw[1:]); ok {
		t.Error("anything is a snapshot")
	}
}
