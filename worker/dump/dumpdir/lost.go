package dumpdir

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// The target keeps what a dump that is being loaded consists of. When its files
// are lost, that and the load's progress say which chunks are complete there;
// only the others are dumped again.

// stored is the form of a State on the target.
type stored struct {
	Header
	Snapshots []Snapshot `json:"snapshots"`
	Tables    []Progress `json:"tables"`
}

// Text is the state in a form for ReadState.
func (s *State) Text() ([]byte, error) {
	out := stored{Header: s.Header, Snapshots: s.Snapshots}
	for _, t := range s.Tables {
		out.Tables = append(out.Tables, *t)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	err := errors.Join(json.NewEncoder(z).Encode(out), z.Close())
	return b.Bytes(), err
}

// ReadState reads what Text wrote.
func ReadState(text []byte) (*State, error) {
	var in stored
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err == nil {
		err = json.NewDecoder(z).Decode(&in)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, z) // the checksum is at the end
	}
	if err != nil {
		return nil, &fault.Error{Op: "read the record of a dump", Kind: fault.Corrupt, Side: fault.Downstream, Err: err,
			Msg:  "the meta tables of the task are damaged",
			Hint: "stop the task, clean its target tables and start it again with start-task --remove-meta"}
	}
	out := &State{Header: in.Header, Snapshots: in.Snapshots, Tables: map[schema.Name]*Progress{}}
	for i := range in.Tables {
		t := &in.Tables[i]
		out.Tables[schema.Name{Schema: t.Schema, Table: t.Name}] = t
	}
	return out, nil
}

// State is a complete dump as one that may be lost. before is what the target
// knows of chunks that are there already, nil for nothing.
func (m *Manifest) State(dir string, before *State) (*State, error) {
	out := &State{Header: Header{DumpID: m.DumpID, Task: m.Task, Source: m.Source, Server: m.Server, Identity: m.Identity,
		Settings: m.Settings, Started: m.Started}, Snapshots: m.Snapshots, Tables: map[schema.Name]*Progress{}}
	for _, t := range m.Tables {
		create, err := t.Create(dir)
		if err != nil {
			return nil, err
		}
		p := &Progress{Schema: t.Schema, Name: t.Name, Create: create, Created: t.Created, Keyed: t.Keyed, Key: t.Key, Pieces: t.Pieces,
			Chunks: slices.Clone(t.Chunks), Left: t.Left}
		n := schema.Name{Schema: t.Schema, Table: t.Name}
		for i := range p.Chunks {
			c := &p.Chunks[i]
			if c.Elsewhere && before != nil && before.Tables[n] != nil && c.No < len(before.Tables[n].Chunks) {
				c.Files = before.Tables[n].Chunks[c.No].Files
			}
		}
		for _, f := range t.Data {
			p.Chunks[f.Chunk].Files = append(p.Chunks[f.Chunk].Files, f)
		}
		out.Tables[n] = p
	}
	return out, nil
}

// Lose makes of s what is left when all files are lost, under a new id. offset
// tells how much of a file is on the target. Files of chunks that have to be
// read again are answered: their progress is to be forgotten.
func (s *State) Lose(offset func(file string) int64) (left *State, forget []string) {
	left = &State{Header: s.Header, Snapshots: s.Snapshots, Tables: map[schema.Name]*Progress{}}
	left.DumpID = NewID()
	for n, t := range s.Tables {
		p := *t
		p.Chunks = slices.Clone(t.Chunks)
		for i := range p.Chunks {
			c := &p.Chunks[i]
			if c.Elsewhere {
				continue
			}
			complete, begun := c.Done, false
			for _, f := range c.Files {
				at := offset(f.Name)
				complete, begun = complete && at >= f.Bytes, begun || at > 0
			}
			if complete {
				c.Elsewhere = true
				continue
			}
			if begun && (p.Left == nil || *p.Left > c.Snapshot) {
				snapshot := c.Snapshot
				p.Left = &snapshot
			}
			for _, f := range c.Files {
				forget = append(forget, f.Name)
			}
			c.Done, c.Files = false, nil
		}
		left.Tables[n] = &p
	}
	return left, forget
}

// Prior is what a dump of the rest begins with.
func (s *State) Prior() *State {
	out := &State{Header: s.Header, Snapshots: s.Snapshots, Tables: map[schema.Name]*Progress{}}
	for n, t := range s.Tables {
		p := *t
		p.Chunks = slices.Clone(t.Chunks)
		for i := range p.Chunks {
			p.Chunks[i].Files = nil // they are on the target, not here
		}
		out.Tables[n] = &p
	}
	return out
}

// Touched tells whether the target has rows of the table before it is loaded.
func (t Table) Touched() bool { return touched(t.Chunks, t.Left) }

func touched(chunks []Chunk, left *int) bool {
	return left != nil || slices.ContainsFunc(chunks, func(c Chunk) bool { return c.Elsewhere })
}

// Restarted lists the tables of which the target has rows that are not part of m:
// those that were read anew alone, and those that are gone.
func (s *State) Restarted(m *Manifest) []*Progress {
	kept := map[schema.Name]bool{}
	for _, t := range m.Tables {
		kept[schema.Name{Schema: t.Schema, Table: t.Name}] = t.Touched()
	}
	var out []*Progress
	for n, t := range s.Tables {
		if touched(t.Chunks, t.Left) && !kept[n] {
			out = append(out, t)
		}
	}
	return out
}

// autoIncrement is the one part of a CREATE TABLE that rows change. Line breaks
// in comments are escaped there, so no other line begins like this one.
var autoIncrement = regexp.MustCompile(`(?m)^(\) ENGINE=\S+) AUTO_INCREMENT=\d+`)

// SameStructure compares two SHOW CREATE TABLE texts.
func SameStructure(a, b string) bool {
	return a == b || autoIncrement.ReplaceAllString(a, "$1") == autoIncrement.ReplaceAllString(b, "$1")
}
