package dumpdir

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/raftdm/raftdm/internal/schema"
)

// record is one line of the journal: a checksum and one of these. What it
// points to does not change.
type record struct {
	Begin    *Header      `json:"begin,omitempty"`
	Snapshot *Snapshot    `json:"snapshot,omitempty"`
	Table    *Progress    `json:"table,omitempty"` // from its beginning on
	Gone     *schema.Name `json:"gone,omitempty"`
	Of       *schema.Name `json:"of,omitempty"`
	Chunk    *Chunk       `json:"chunk,omitempty"`
	OnDisk   string       `json:"on_disk,omitempty"` // a boot: files of earlier ones are on the disk
}

// Journal is where a dump notes how far it is. Its methods may be called by
// several goroutines.
type Journal struct {
	mu sync.Mutex

	// mu guards the following.
	file  *os.File
	state *State // what is noted
	live  *Live  // is told what is noted; nil for nobody
}

// Begin starts the journal of a new dump in a directory that Prepare has made.
// prior is what is complete elsewhere, nil for nothing.
func Begin(dir string, h Header, prior *State) (*Journal, error) {
	f, err := os.OpenFile(filepath.Join(dir, journalName), os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: f, state: &State{Tables: map[schema.Name]*Progress{}}}
	records := []record{{Begin: &h}}
	if prior != nil {
		for i := range prior.Snapshots {
			records = append(records, record{Snapshot: &prior.Snapshots[i]})
		}
		for _, t := range prior.Tables {
			records = append(records, record{Table: t})
		}
	}
	for _, r := range records {
		if err := j.append(r); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(f.Sync(), syncDir(dir)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// Resume opens the journal of the dump with that id and tells how far it has
// come, by the journal and by the files; both are nil when dir does not hold
// that dump, or less of it than the target knows (recorded, which may be nil).
// Files that are loaded may be missing. What is of no use any more is removed
// from dir.
func Resume(dir, task, source, dumpID string, recorded *State, loaded Loaded) (*Journal, *State, error) {
	names, err := list(dir)
	if err != nil || !slices.Contains(names, journalName) {
		return nil, nil, err
	}
	if err := checkOwner(dir, names, task, source); err != nil {
		return nil, nil, err
	}
	path := filepath.Join(dir, journalName)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	s, length := replay(data)
	if s.DumpID != dumpID || s.Task != task || s.Source != source {
		return nil, nil, nil
	}
	if recorded != nil && !s.Covers(recorded, loaded) {
		return nil, nil, nil
	}
	boot := Boot()
	rebooted := slices.ContainsFunc(s.Snapshots, func(at Snapshot) bool { return !at.sure(boot) })
	left, err := s.verify(dir, boot, loaded)
	if err != nil {
		return nil, nil, err
	}
	kept := s.Files()
	if err := remove(dir, names, func(n string) bool {
		_, listed := slices.BinarySearch(kept, n)
		return listed || n == markerName || n == journalName
	}); err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(f.Truncate(length), f.Sync()); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	j := &Journal{file: f, state: s.clone()}
	for _, t := range left {
		if err := j.Table(*t); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
	}
	if rebooted { // what was read back after that is on the disk, and what was not is gone from there before it is said
		if err := errors.Join(syncDir(dir), j.append(record{OnDisk: boot})); err != nil {
			return nil, nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Sync(); err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return j, s, nil
}

// replay reads records up to the first that is torn, and tells where that is.
func replay(data []byte) (*State, int64) {
	s := &State{Tables: map[schema.Name]*Progress{}}
	length := int64(0)
	in := bufio.NewReader(bytes.NewReader(data))
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return s, length
		}
		r, ok := decode(line)
		if !ok || !s.apply(r) {
			return s, length
		}
		length += int64(len(line))
	}
}

// checksumLength is of the checksum in front of a record, with a blank.
const checksumLength = 9

func decode(line []byte) (r record, ok bool) {
	if len(line) <= checksumLength {
		return r, false
	}
	var sum uint32
	body := bytes.TrimSuffix(line[checksumLength:], []byte("\n"))
	if _, err := fmt.Sscanf(string(line[:checksumLength]), "%08x ", &sum); err != nil || sum != crc32.Checksum(body, CRC()) {
		return r, false
	}
	return r, json.Unmarshal(body, &r) == nil
}

// verify takes chunks whose files are not there, or not whole, as not done. It
// lists the tables of which the target has rows of such chunks.
func (s *State) verify(dir, boot string, loaded Loaded) ([]*Progress, error) {
	var left []*Progress
	for _, t := range s.Tables {
		changed := false
		for i := range t.Chunks {
			c := &t.Chunks[i]
			for _, f := range c.Files {
				if loaded.whole(f) {
					continue
				}
				whole, err := f.whole(dir, s.Snapshots[c.Snapshot].sure(boot))
				if err != nil {
					return nil, err
				}
				c.Done = c.Done && whole
			}
			if !c.Done {
				changed = t.leave(c, loaded) || changed
				c.Files = nil
			}
		}
		if changed {
			left = append(left, t)
		}
	}
	return left, nil
}

func (j *Journal) append(r record) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	line := fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, CRC()), body)
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err = j.file.Write(line); err != nil {
		return err
	}
	if !j.state.apply(r.clone()) {
		return fmt.Errorf("the journal has no place for %s", body)
	}
	if j.live != nil {
		j.live.add(r.clone())
	}
	return nil
}

// Snapshot notes the moment that is read from now on.
func (j *Journal) Snapshot(s Snapshot) error { return j.append(record{Snapshot: &s}) }

// Table notes that a table begins, anew if it was known before. Files of the new
// beginning have names of the old, so Sync comes before the first of them.
func (j *Journal) Table(p Progress) error { return j.append(record{Table: &p}) }

// Gone notes that a table is not part of the dump any more.
func (j *Journal) Gone(n schema.Name) error { return j.append(record{Gone: &n}) }

// Chunk notes a chunk, when it is decided on and again when it is done. Its
// files are written then, but either they or the note may be lost with the
// machine, and the chunk is read again.
func (j *Journal) Chunk(n schema.Name, c Chunk) error {
	return j.append(record{Of: &n, Chunk: &c})
}

// Sync brings all notes to the disk.
func (j *Journal) Sync() error {
	j.mu.Lock()
	f := j.file
	j.mu.Unlock()
	if f == nil {
		return nil // they are there
	}
	if err := f.Sync(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil // Close has done it
}

// Close ends the writing, with all notes on the disk.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	f := j.file
	if f == nil {
		return nil
	}
	j.file = nil
	return errors.Join(f.Sync(), f.Close())
}
