package raftnode

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
)

const (
	memberFile   = "member.json"
	stateFile    = "state.db"
	logFile      = "raft.db"
	snapshotDir  = "snapshots" // raft's name for it
	keptSnapshot = 2
	lockTimeout  = time.Second
)

// identity is what member.json holds.
type identity struct {
	Name string `json:"name"`
	// Instance tells this directory from any other that the member had or has.
	Instance string `json:"instance"`
	// Founders stands for the initial cluster that was founded here, so that
	// two founders with different lists notice; empty on members that joined.
	Founders string `json:"founders,omitempty"`
}

// Instance gives the id of a data directory, minted when it was created.
func Instance(dir string) (string, error) {
	id, err := readIdentity(filepath.Join(dir, memberFile))
	return id.Instance, fault.Wrap("read the instance of data-dir "+dir, err)
}

// OpenStore opens the state of a member in its data directory, creating both
// when they are missing. It is refused when another process has it open, or
// when the directory belongs to another member.
func OpenStore(cfg Config) (*fsm.Store, error) {
	if _, err := claim(cfg.DataDir, cfg.Name); err != nil {
		return nil, fault.Wrap("open data-dir "+cfg.DataDir, err)
	}
	path := filepath.Join(cfg.DataDir, stateFile)
	if err := sound(path); err != nil {
		return nil, fault.Wrap("open "+path, err)
	}
	var s *fsm.Store
	err := unharmed(path, func() (err error) {
		s, err = fsm.Open(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// claim makes the directory this member's, or says whose it is.
func claim(dir, name string) (identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return identity{}, unusable(err)
	}
	path := filepath.Join(dir, memberFile)
	id, err := readIdentity(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return identity{}, err
	}
	if err == nil && id.Name != name {
		return identity{}, badDir(fmt.Sprintf("it belongs to member %s, and this process is %s", id.Name, name),
			"start it with --name "+id.Name+", or give it a data-dir of its own")
	}
	if id.Instance != "" {
		return id, nil
	}
	raw := make([]byte, 8)
	if _, err := rand.Read(raw); err != nil {
		return identity{}, err
	}
	id.Name, id.Instance = name, hex.EncodeToString(raw)
	if err := writeIdentity(dir, id); err != nil {
		return identity{}, unusable(err)
	}
	return id, nil
}

func readIdentity(path string) (identity, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return identity{}, err
	}
	if err != nil {
		return identity{}, unusable(err)
	}
	var id identity
	if err := json.Unmarshal(raw, &id); err != nil {
		return identity{}, &fault.Error{Kind: fault.Corrupt, Msg: "file " + path + " is not readable", Err: errors.Join(ErrDataDir, err),
			Hint: "put the file back if the directory is this member's, or give it an empty data-dir and let it join anew"}
	}
	return id, nil
}

// unusable is a directory that this process cannot keep its data in.
func unusable(err error) error {
	return &fault.Error{Kind: fault.Invalid, Msg: "it cannot be written", Err: err,
		Hint: "let the user of dm-master write there, make room, or give another data-dir"}
}

func writeIdentity(dir string, id identity) error {
	path := filepath.Join(dir, memberFile)
	raw, err := json.Marshal(id)
	if err != nil {
		return err
	}
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(raw, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// disk is what raft keeps in the data directory.
type disk struct {
	bolt  *raftboltdb.BoltStore
	log   *guard // bolt as raft sees it
	snaps *raft.FileSnapshotStore
}

func openDisk(cfg Config, ops *operations) (*disk, error) {
	path := filepath.Join(cfg.DataDir, logFile)
	if err := sound(path); err != nil {
		return nil, fault.Wrap("open "+path, err)
	}
	var bolt *raftboltdb.BoltStore
	err := unharmed(path, func() (err error) {
		bolt, err = raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
			Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
		}})
		return err
	})
	if err != nil {
		return nil, fault.Wrap("open "+path, err)
	}
	// raft would let everybody read what is in it.
	if err := private(filepath.Join(cfg.DataDir, snapshotDir)); err != nil {
		return nil, errors.Join(fault.Wrap("open snapshots in "+cfg.DataDir, err), bolt.Close())
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(cfg.DataDir, keptSnapshot, newLogger(cfg.Logger))
	if err != nil {
		return nil, errors.Join(fault.Wrap("open snapshots in "+cfg.DataDir, err), bolt.Close())
	}
	var inner Storage = bolt
	if wrap := cfg.Seams.Storage; wrap != nil {
		inner = wrap(inner)
	}
	return &disk{bolt: bolt, log: newGuard(inner, path, ops), snaps: snaps}, nil
}

// private makes a directory that nobody else may look into.
func private(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// start tells how a node starts on what it found.
type start struct {
	fresh bool // there is nothing: found a cluster or wait to be added
	// keepState: the store is at least as new as the newest snapshot, which
	// then need not be restored.
	keepState bool
}

// inspect refuses a directory of which a part was lost: a state newer than the
// log would make the store skip what the cluster agrees on next.
func (d *disk) inspect(applied fsm.Index) (start, error) {
	exists, err := raft.HasExistingState(d.log, d.log, d.snaps)
	if err != nil {
		return start{}, err
	}
	snaps, err := d.snaps.List()
	if err != nil {
		return start{}, err
	}
	newest := uint64(0)
	if len(snaps) > 0 {
		newest = snaps[0].Index
		// A process that died while it installed a snapshot.
		if err := d.log.settle(newest, snaps[0].Term); err != nil {
			return start{}, err
		}
		d.log.forget()
	}
	last, err := d.log.LastIndex()
	if err != nil {
		return start{}, err
	}
	if exists && last == 0 && len(snaps) == 0 && applied == 0 {
		if exists, err = d.unfounded(); err != nil {
			return start{}, err
		}
	}
	if uint64(applied) > max(last, newest) {
		return start{}, badDir(fmt.Sprintf("%s has applied entry %d, but %s ends at entry %d: a part of the directory is missing or was replaced",
			stateFile, applied, logFile, max(last, newest)),
			"put back the whole directory, or start this member with an empty one")
	}
	return start{fresh: !exists, keepState: uint64(applied) >= newest}, nil
}

// unfounded makes the directory new again if its process died while it founded
// the cluster: raft writes term 1, in which nobody ever votes, and then the
// members, without which it would wait for ever.
func (d *disk) unfounded() (exists bool, err error) {
	term, err := d.log.GetUint64([]byte(currentTerm))
	if err != nil || term != 1 {
		return true, err
	}
	return false, d.log.SetUint64([]byte(currentTerm), 0)
}

// sound reads a database from end to end before it is opened for good: bbolt
// looks for free pages on a goroutine of its own, where a damaged page would
// end the process. Only what the newest intact meta page reaches is read; a
// write that was torn before it is no damage.
func sound(path string) error {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || (err == nil && info.Size() == 0) {
		return nil
	}
	err := unharmed(path, func() error {
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
		if err != nil {
			return err
		}
		touched := byte(0)
		err = db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
				return b.ForEach(func(k, v []byte) error {
					for _, c := range append(k[:len(k):len(k)], v...) {
						touched ^= c
					}
					return nil
				})
			})
		})
		return errors.Join(err, db.Close())
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return &fault.Error{Kind: fault.Unavailable, Msg: "file " + path, Err: fsm.ErrLocked,
			Hint: "stop the other process, or give this one another data-dir"}
	}
	return err
}

// unharmed calls fn, which opens or reads the database at path, and turns the
// panics and page faults of a damaged file into an error.
func unharmed(path string, fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damaged(path, fmt.Errorf("%v", r))
		}
	}()
	err = fn()
	for _, is := range []error{berrors.ErrInvalid, berrors.ErrChecksum, berrors.ErrVersionMismatch} {
		if errors.Is(err, is) {
			return damaged(path, err)
		}
	}
	return err
}

func damaged(path string, err error) error {
	return &fault.Error{Kind: fault.Corrupt, Msg: "file " + path + " is damaged", Err: errors.Join(ErrDataDir, err),
		Hint: "put back the whole data-dir, or take this member out with offline-member and let it join anew with an empty one"}
}
