package raftnode

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	keptSnapshot = 2
	lockTimeout  = time.Second
)

// identity is what member.json holds.
type identity struct {
	Name string `json:"name"`
}

// OpenStore opens the state of a member in its data directory, creating both
// when they are missing. It is refused when another process has it open, or
// when the directory belongs to another member.
func OpenStore(cfg Config) (*fsm.Store, error) {
	if err := claim(cfg.DataDir, cfg.Name); err != nil {
		return nil, fault.Wrap("open data-dir "+cfg.DataDir, err)
	}
	return fsm.Open(filepath.Join(cfg.DataDir, stateFile))
}

// claim makes the directory this member's, or says whose it is.
func claim(dir, name string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return unusable(err)
	}
	path := filepath.Join(dir, memberFile)
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := writeIdentity(dir, path, identity{Name: name}); err != nil {
			return unusable(err)
		}
		return nil
	}
	if err != nil {
		return unusable(err)
	}
	var id identity
	if err := json.Unmarshal(raw, &id); err != nil {
		return &fault.Error{Kind: fault.Corrupt, Msg: "file " + path + " is not readable", Err: errors.Join(ErrDataDir, err),
			Hint: fmt.Sprintf(`write {"name":%q} into it if the directory is this member's`, name)}
	}
	if id.Name != name {
		return badDir(fmt.Sprintf("it belongs to member %s, and this process is %s", id.Name, name),
			"start it with --name "+id.Name+", or give it a data-dir of its own")
	}
	return nil
}

// unusable is a directory that this process cannot keep its data in.
func unusable(err error) error {
	return &fault.Error{Kind: fault.Invalid, Msg: "it cannot be written", Err: err,
		Hint: "let the user of dm-master write there, make room, or give another data-dir"}
}

func writeIdentity(dir, path string, id identity) error {
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
	log   *raftboltdb.BoltStore
	snaps *raft.FileSnapshotStore
}

func openDisk(cfg Config) (*disk, error) {
	path := filepath.Join(cfg.DataDir, logFile)
	log, err := raftboltdb.New(raftboltdb.Options{Path: path, BoltOptions: &bbolt.Options{
		Timeout: lockTimeout, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	}})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, &fault.Error{Kind: fault.Unavailable, Msg: "file " + path, Err: fsm.ErrLocked,
			Hint: "stop the other process, or give this one another data-dir"}
	}
	if err != nil {
		return nil, fault.Wrap("open "+path, err)
	}
	snaps, err := raft.NewFileSnapshotStoreWithLogger(cfg.DataDir, keptSnapshot, newLogger(cfg.Logger))
	if err != nil {
		return nil, errors.Join(fault.Wrap("open snapshots in "+cfg.DataDir, err), log.Close())
	}
	return &disk{log: log, snaps: snaps}, nil
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
	last, err := d.log.LastIndex()
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
	}
	if uint64(applied) > max(last, newest) {
		return start{}, badDir(fmt.Sprintf("%s has applied entry %d, but %s ends at entry %d: a part of the directory is missing or was replaced",
			stateFile, applied, logFile, max(last, newest)),
			"put back the whole directory, or start this member with an empty one")
	}
	return start{fresh: !exists, keepState: uint64(applied) >= newest}, nil
}
