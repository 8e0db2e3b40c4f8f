package raftnodetest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// CheckFiles has bbolt check the pages of both databases of a data directory
// that nobody has open.
func CheckFiles(t testing.TB, dir string) {
	t.Helper()
	for _, name := range []string{"state.db", "raft.db"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			continue
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		err = db.View(func(tx *bbolt.Tx) error {
			var errs []error
			for err := range tx.Check() {
				errs = append(errs, err)
			}
			return errors.Join(errs...)
		})
		if err = errors.Join(err, db.Close()); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// LogsAgree compares the logs of closed members: up to committed they hold the
// same entries, as far as they still hold them, and anywhere two entries of one
// index and term are equal.
func LogsAgree(t testing.TB, committed uint64, dirs ...string) {
	t.Helper()
	known := map[[2]uint64]*raft.Log{}
	terms := map[uint64]uint64{} // of committed entries
	for _, dir := range dirs {
		for _, l := range readLog(t, dir) {
			key := [2]uint64{l.Index, l.Term}
			if k := known[key]; k == nil {
				known[key] = l
			} else if k.Type != l.Type || !bytes.Equal(k.Data, l.Data) {
				t.Errorf("entry %d of term %d is another in %s: %s, not %s", l.Index, l.Term, dir, l.Data, k.Data)
			}
			if l.Index > committed {
				continue
			}
			if term, ok := terms[l.Index]; ok && term != l.Term {
				t.Errorf("committed entry %d is of term %d in %s and of term %d elsewhere", l.Index, l.Term, dir, term)
			}
			terms[l.Index] = l.Term
		}
	}
}

func readLog(t testing.TB, dir string) (out []*raft.Log) {
	t.Helper()
	db, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, "raft.db"),
		BoltOptions: &bbolt.Options{ReadOnly: true, Timeout: time.Second}})
	if err != nil {
		t.Error(err)
		return nil
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	first, err := db.FirstIndex()
	if err != nil {
		t.Error(err)
	}
	last, err := db.LastIndex()
	if err != nil {
		t.Error(err)
	}
	for i := first; i > 0 && i <= last; i++ {
		l := new(raft.Log)
		if err := db.GetLog(i, l); errors.Is(err, raft.ErrLogNotFound) {
			continue
		} else if err != nil {
			t.Error(err)
			return out
		}
		out = append(out, l)
	}
	return out
}
