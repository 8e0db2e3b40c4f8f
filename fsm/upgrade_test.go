package fsm_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/fsm"
)

// Version 1 of the layout: these buckets, numbered in this order.
var versionOne = []string{"bindings", "changes", "meta", "request_order", "requests",
	"serving", "sources", "subtasks", "tasks", "workers"}

// asVersionOne gives the records that a store of version 1 would hold.
func asVersionOne(m *machine) (records []string, raw []byte) {
	m.view(func(v *fsm.View) {
		err := v.Walk(func(bucket string, key, val []byte) error {
			n := slices.Index(versionOne, bucket)
			if n < 0 {
				return nil
			}
			if bucket == "meta" && string(key) == "schema" {
				val = binary.BigEndian.AppendUint64(nil, 1)
			}
			records = append(records, bucket, string(key), string(val))
			raw = binary.AppendUvarint(append(raw, byte(n)), uint64(len(key)))
			raw = binary.AppendUvarint(append(raw, key...), uint64(len(val)))
			raw = append(raw, val...)
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
	})
	return records, raw
}

// oldMachine has a state that version 1 could have.
func oldMachine(t *testing.T) *machine {
	m := newMachine(t, fsm.DefaultLimits())
	m.do(fsm.SetClusterID{ID: "c"}, fsm.RegisterWorker{Name: "w1", Addr: "h1:8262"}, fsm.OpenSession{Worker: "w1", TTLSeconds: 60},
		fsm.PutSource{ID: "s1", Config: "cfg"}, fsm.BindSource{Source: "s1", Worker: "w1"},
		fsm.StartTask{Name: "t", Sources: map[fsm.SourceID]string{"s1": "cfg1"}}, fsm.PutSubtask{Task: "t", Source: "s1"})
	return m
}

// goesOn tries what version 2 brought.
func goesOn(m *machine) {
	m.t.Helper()
	m.do(fsm.HoldLoadFiles{Task: "t", Source: "s1", Worker: "w1"}, fsm.PutMember{Name: "m1", Peer: "p", Client: "c", Instance: "i"})
}

func TestASnapshotOfVersionOneIsRestored(t *testing.T) {
	old := oldMachine(t)
	_, records := asVersionOne(old)
	raw := binary.BigEndian.AppendUint32([]byte("raftdmS1"), 1)
	raw = binary.BigEndian.AppendUint64(raw, uint64(old.index))
	raw = binary.BigEndian.AppendUint64(raw, uint64(len(records)))
	raw = append(raw, records...)
	sum := sha256.Sum256(raw)
	m := newMachine(t, fsm.DefaultLimits())
	world(m)
	if err := m.store.Restore(bytes.NewReader(append(raw, sum[:]...))); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(state(old), state(m)); diff != "" {
		t.Error(diff)
	}
	m.index = old.index
	goesOn(m)
}

func TestAStoreOfVersionOneIsOpened(t *testing.T) {
	old := oldMachine(t)
	records, _ := asVersionOne(old)
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range versionOne {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		for r := range slices.Chunk(records, 3) {
			if err := tx.Bucket([]byte(r[0])).Put([]byte(r[1]), []byte(r[2])); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := fsm.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m := &machine{t: t, store: s, index: old.index}
	if diff := cmp.Diff(state(old), state(m)); diff != "" {
		t.Error(diff)
	}
	goesOn(m)
}
