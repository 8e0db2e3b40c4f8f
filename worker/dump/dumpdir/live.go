package dumpdir

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/schema"
)

// Live is a dump that is being written while its files are loaded. The dump
// notes in its journal what is complete, the load what it has removed; the dump
// reads on as far as the bound of the disk lets it. All methods may be called by
// several goroutines.
type Live struct {
	dir     string
	schemas map[string]string
	most    int64 // bytes on the disk, 0 for any number

	mu sync.Mutex

	// mu guards the following.
	journal  *Journal
	state    *State   // as of the last record
	records  []record // since then the reader has not taken them
	reader   *Reader  // the present one
	waits    bool     // the reader has nothing to hand out
	out      int      // files that are handed out and not removed
	closed   *Manifest
	changed  chan struct{} // closed at the next change
	used     int64         // bytes of files on the disk
	reserved int64         // expected of the chunks that are being read
	held     bool          // somebody waits in Reserve
}

// Follow makes the journal of a dump live. schemas are the CREATE DATABASE
// statements by name, most is how many bytes of files may be on the disk, 0 for
// any number.
func (j *Journal) Follow(dir string, schemas map[string]string, most int64) *Live {
	j.mu.Lock()
	defer j.mu.Unlock()
	l := &Live{dir: dir, schemas: schemas, most: most, journal: j, state: j.state.clone(), changed: make(chan struct{})}
	for _, t := range l.state.Tables {
		for _, c := range t.Chunks {
			for _, f := range c.Files {
				if f.There(dir) {
					l.used += f.Size()
				}
			}
		}
	}
	j.live = l
	return l
}

// Dir is the directory.
func (l *Live) Dir() string { return l.dir }

// ID names the dump.
func (l *Live) ID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.DumpID
}

// Schemas are the CREATE DATABASE statements by name.
func (l *Live) Schemas() map[string]string { return l.schemas }

// wake lets those who wait look again. The caller holds mu.
func (l *Live) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// add follows the journal.
func (l *Live) add(r record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.apply(r.clone())
	l.records = append(l.records, r)
	l.wake()
}

// Close says that the dump is complete, and recorded.
func (l *Live) Close(m *Manifest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = m
	l.wake()
}

// Manifest is the complete dump; nil before.
func (l *Live) Manifest() *Manifest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// Reserve waits until another chunk of about n bytes may be read. It may, too,
// when nothing is being read and the load waits for files. tick is called now and
// then meanwhile. release ends the chunk.
func (l *Live) Reserve(ctx context.Context, n int64, tick func(context.Context) error) (release func(), err error) {
	const often = time.Minute
	for {
		l.mu.Lock()
		if l.most <= 0 || l.used+l.reserved+n <= l.most || l.reserved == 0 && l.waits && l.out == 0 && len(l.records) == 0 {
			l.reserved += n
			l.held = false
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.reserved -= n
				l.wake()
			}, nil
		}
		l.held = true
		changed := l.changed
		l.mu.Unlock()
		t := time.NewTimer(often)
		select {
		case <-changed:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		case <-t.C:
			if err := tick(ctx); err != nil {
				return nil, err
			}
		}
		t.Stop()
	}
}

// Written counts a file that is complete.
func (l *Live) Written(bytes int64) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.used += bytes
}

// Remove removes a file that is loaded.
func (l *Live) Remove(f File) error {
	there := f.There(l.dir)
	if err := f.Remove(l.dir); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if there {
		l.used -= f.Size()
	}
	l.out--
	l.wake()
	return nil
}

// Disk tells how many bytes are on the disk, how many may be, and why the dump
// waits, "" when it does not.
func (l *Live) Disk() (used, most int64, held string) {
	if l == nil {
		return 0, 0, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		held = fmt.Sprintf("waits for the load: %d MiB of the dump are on the disk, max-disk-mb of loaders is %d", l.used>>20, l.most>>20)
	}
	return l.used, l.most, held
}

// Complete is a complete file and the table that it is of.
type Complete struct {
	Of schema.Name
	File
}

// Reader takes the files of a Live, each once.
type Reader struct {
	live *Live
	// State is the dump as the reader has seen it.
	State   *State
	pending map[schema.Name][]File // not taken
	unsent  []record               // what the target has not got
}

// Reader begins to read from the present state. Only the last reader counts.
func (l *Live) Reader() *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Reader{live: l, State: l.state.clone(), pending: map[schema.Name][]File{}}
	for n, t := range r.State.Tables {
		for _, c := range t.Chunks {
			if c.Done && !c.Elsewhere {
				r.pending[n] = append(r.pending[n], c.Files...)
			}
		}
	}
	l.records, l.reader, l.waits, l.out = nil, r, false, 0
	return r
}

// Next gives files to load, io.EOF when there will be none. ready tells whether
// files of a table may be loaded before the dump is complete. more is what the
// target has to keep before it gets a row of these files.
func (r *Reader) Next(ctx context.Context, ready func(*Progress) bool) (files []Complete, more []byte, err error) {
	l := r.live
	for {
		l.mu.Lock()
		news := l.records
		l.records, l.waits = nil, false
		closed, changed := l.closed != nil, l.changed
		l.mu.Unlock()
		for _, rec := range news {
			r.see(rec)
		}
		for _, n := range slices.SortedFunc(maps.Keys(r.pending), schema.Name.Compare) {
			if !closed && !ready(r.State.Tables[n]) {
				continue
			}
			for _, f := range r.pending[n] {
				files = append(files, Complete{n, f})
			}
			delete(r.pending, n)
		}
		if len(files) > 0 {
			l.mu.Lock()
			l.out += len(files)
			l.mu.Unlock()
			more, err := r.send()
			return files, more, err
		}
		if closed {
			return nil, nil, io.EOF
		}
		l.mu.Lock()
		if l.reader == r && len(l.records) == 0 && l.closed == nil {
			l.waits = true
			l.wake()
			changed = l.changed
		}
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// see follows one record.
func (r *Reader) see(rec record) {
	r.State.apply(rec.clone())
	r.unsent = append(r.unsent, rec)
	if c := rec.Chunk; c != nil && c.Done && !c.Elsewhere {
		r.pending[*rec.Of] = append(r.pending[*rec.Of], c.Files...)
	}
}

// send gives the records that the target has not got, once they are on the disk
// here.
func (r *Reader) send() ([]byte, error) {
	if err := r.live.journal.Sync(); err != nil {
		return nil, err
	}
	more, err := textOf(r.unsent)
	r.unsent = nil
	return more, err
}
