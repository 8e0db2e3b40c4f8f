package dumpdir

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
)

// Header says what a dump is of. A dump goes on only where all of it still holds.
type Header struct {
	DumpID string `json:"dump_id"`
	Task   string `json:"task"`
	Source string `json:"source"`
	// Server is the source's version, Identity which server it was.
	Server   string `json:"server"`
	Identity string `json:"identity"`
	// Settings is what of the configuration shapes the files.
	Settings string    `json:"settings"`
	Started  time.Time `json:"started"`
}

// Snapshot is one moment of the source at which rows were read.
type Snapshot struct {
	At binlog.Location `json:"at"`
	// Until is later than At where no lock made the moment exact: the rows are of
	// some moment in between. It is zero otherwise.
	Until binlog.Location `json:"until,omitzero"`
	// Prepared is where the syncer has to begin for XA transactions that were
	// prepared at At; zero when there were none.
	Prepared binlog.Location `json:"prepared,omitzero"`
	// Boot is the Boot in which files of it were written, which may not be on the
	// disk when that has ended; "" when they are.
	Boot string `json:"boot,omitempty"`
}

// End gives the place in the binlog behind which nothing is in the rows.
func (s Snapshot) End() binlog.Location {
	if s.Until.IsZero() {
		return s.At
	}
	return s.Until
}

// Key is the index by which a table is cut.
type Key struct {
	Index   string   `json:"index"`
	Columns []string `json:"columns"`
}

// Range is the rows whose keys are at least From and less than To, each given
// as SQL literals of the key's first columns; no literals are no bound.
type Range struct {
	From []string `json:"from,omitempty"`
	To   []string `json:"to,omitempty"`
}

// Piece is a part of a table that becomes one chunk, or with Walk several.
type Piece struct {
	Range
	Walk bool `json:"walk,omitempty"`
}

// Chunk is a part of a table that one connection reads in one go.
type Chunk struct {
	No int `json:"no"`
	Range
	// Piece is which of the table's pieces it is of, and Last that no chunk of
	// that piece is behind it.
	Piece int  `json:"piece"`
	Last  bool `json:"last,omitempty"`
	// Done tells that it is complete, in Files, as of the Snapshot-th snapshot.
	Done     bool   `json:"done,omitempty"`
	Snapshot int    `json:"snapshot"`
	Files    []File `json:"files,omitempty"`
	// Elsewhere tells that its rows need no files: they are on the target.
	Elsewhere bool `json:"elsewhere,omitempty"`
}

// Progress is how far one table has come.
type Progress struct {
	Schema string `json:"schema"`
	Name   string `json:"name"`
	// Create and Created tell a table from another one in its place.
	Create  string `json:"create"`
	Created string `json:"created"`
	// Keyed tells that each row has a key of its own without NULLs, so that
	// chunks of several snapshots can be brought to the state of the last one.
	Keyed  bool    `json:"keyed"`
	Key    *Key    `json:"key,omitempty"`
	Pieces []Piece `json:"pieces"`
	Chunks []Chunk `json:"chunks,omitempty"`
	// Begun is the number of the snapshot at which its first chunks were decided
	// on: a table that begins anew has another one.
	Begun int `json:"begun,omitempty"`
	// Made tells that the table was not on the target before it was loaded.
	Made bool `json:"made,omitempty"`
	// Left is set when the target has rows of chunks that are to be read again, as
	// old as that snapshot.
	Left *int `json:"left,omitempty"`
	// Brought is how many rows the load has brought of chunks whose files' progress
	// was forgotten; nil where that is not known, as of a table that was loaded since.
	Brought *int64 `json:"brought,omitempty"`
}

// Complete tells whether nothing is left to read.
func (p *Progress) Complete() bool {
	last := 0
	for _, c := range p.Chunks {
		if !c.Done {
			return false
		}
		if c.Last {
			last++
		}
	}
	return last == len(p.Pieces)
}

// Rest gives what of a piece has not become chunks; ok is false when nothing has not.
func (p *Progress) Rest(piece int) (rest Range, ok bool) {
	rest = p.Pieces[piece].Range
	for _, c := range p.Chunks {
		if c.Piece != piece {
			continue
		}
		if c.Last {
			return Range{}, false
		}
		rest.From = c.To // chunks of a piece follow each other
	}
	return rest, true
}

// leave notes that the target has rows of a chunk that is to be read again, if
// it has. It tells whether that is news.
func (p *Progress) leave(c *Chunk, loaded Loaded) bool {
	for _, f := range c.Files {
		if loaded.bytes(f) > 0 && (p.Left == nil || *p.Left > c.Snapshot) {
			at := c.Snapshot
			p.Left = &at
			return true
		}
	}
	return false
}

// Mixed tells whether the rows of a table are, or may come to be, of several
// moments when the last of the snapshots is read now.
func (p *Progress) Mixed(snapshots []Snapshot) bool {
	last := len(snapshots) - 1
	oldest, newest := last, 0
	see := func(n int) { oldest, newest = min(oldest, n), max(newest, n) }
	if !p.Complete() {
		see(last)
	}
	for _, c := range p.Chunks {
		if c.Done {
			see(c.Snapshot)
		}
	}
	if p.Left != nil {
		see(*p.Left)
	}
	return oldest < newest || last >= 0 && !snapshots[min(newest, last)].Until.IsZero()
}

func (p *Progress) clone() *Progress {
	out := *p
	out.Chunks = slices.Clone(p.Chunks)
	return &out
}

// Loaded tells how many bytes of a file's contents are on the target; nil for
// none of any file.
type Loaded func(file string) int64

func (l Loaded) bytes(f File) int64 {
	if l == nil {
		return 0
	}
	return l(f.Name)
}

func (l Loaded) whole(f File) bool { return l != nil && f.Bytes > 0 && l(f.Name) >= f.Bytes }

// State is how far a dump has come.
type State struct {
	Header
	Snapshots []Snapshot
	Tables    map[schema.Name]*Progress
}

// apply follows one record of the journal; false for one that makes no sense.
func (s *State) apply(r record) bool {
	switch {
	case r.Begin != nil:
		s.Header = *r.Begin
	case r.Snapshot != nil:
		s.Snapshots = append(s.Snapshots, *r.Snapshot)
	case r.Table != nil:
		s.Tables[schema.Name{Schema: r.Table.Schema, Table: r.Table.Name}] = r.Table
	case r.OnDisk != "":
		for i := range s.Snapshots {
			if s.Snapshots[i].Boot != r.OnDisk {
				s.Snapshots[i].Boot = ""
			}
		}
	case r.Gone != nil:
		delete(s.Tables, *r.Gone)
	case r.Chunk != nil:
		t := s.Tables[*r.Of]
		if t == nil || r.Chunk.No > len(t.Chunks) || r.Chunk.Snapshot >= len(s.Snapshots) {
			return false
		}
		if r.Chunk.No == len(t.Chunks) {
			t.Chunks = append(t.Chunks, Chunk{})
		}
		t.Chunks[r.Chunk.No] = *r.Chunk
	}
	return true
}

// clone is a copy that does not follow s.
func (s *State) clone() *State {
	out := &State{Header: s.Header, Snapshots: slices.Clone(s.Snapshots), Tables: make(map[schema.Name]*Progress, len(s.Tables))}
	for n, t := range s.Tables {
		out.Tables[n] = t.clone()
	}
	return out
}

// clone is a copy whose table does not change with r's.
func (r record) clone() record {
	if r.Table != nil {
		r.Table = r.Table.clone()
	}
	return r
}

// NewID names a dump so that no other has the same name.
func NewID() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	return hex.EncodeToString(b[:])
}

// Files names all files of complete chunks, sorted.
func (s *State) Files() []string {
	var out []string
	for _, t := range s.Tables {
		for _, c := range t.Chunks {
			for _, f := range c.Files {
				out = append(out, f.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// SettingsOf writes what of a dump's configuration shapes its files.
func SettingsOf(rows bool, where string) string {
	return fmt.Sprintf("rows=%t%s%s", rows, beforeWhere, where)
}

const beforeWhere = " where="

// Where is the condition of the rows that were dumped; false where nobody noted it.
func (m *Manifest) Where() (where string, known bool) {
	_, where, known = strings.Cut(m.Settings, beforeWhere)
	return where, known
}
