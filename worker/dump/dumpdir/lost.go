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

// The target keeps what a dump that is being loaded consists of: the state when
// the load began, and the journal's records since. When the files are lost, that
// and the load's progress say which chunks are complete there; only the others
// are dumped again.

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

// textOf is records in a form for ReadState, behind the text of a state.
func textOf(records []record) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	out := json.NewEncoder(z)
	for _, r := range records {
		if err := out.Encode(r); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}

// ReadState reads what Text wrote, and records behind it.
func ReadState(text []byte) (*State, error) {
	s, err := readState(text)
	if err != nil {
		return nil, &fault.Error{Op: "read the record of a dump", Kind: fault.Corrupt, Side: fault.Downstream, Err: err,
			Msg:  "the meta tables of the task are damaged",
			Hint: "stop the task, clean its target tables and start it again with start-task --remove-meta"}
	}
	return s, nil
}

func readState(text []byte) (*State, error) {
	z, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var in stored
	from := json.NewDecoder(z)
	if err := from.Decode(&in); err != nil {
		return nil, err
	}
	out := &State{Header: in.Header, Snapshots: in.Snapshots, Tables: map[schema.Name]*Progress{}}
	for i := range in.Tables {
		t := &in.Tables[i]
		out.Tables[schema.Name{Schema: t.Schema, Table: t.Name}] = t
	}
	for {
		var r record
		err := from.Decode(&r)
		if errors.Is(err, io.EOF) { // the checksum is right
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if !out.apply(r) {
			return nil, errors.New("a chunk is of a table or a snapshot that nothing is known of")
		}
	}
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
			Chunks: slices.Clone(t.Chunks), Begun: t.Begun, Left: t.Left}
		n := schema.Name{Schema: t.Schema, Table: t.Name}
		for i := range p.Chunks {
			before.complete(n, &p.Chunks[i])
		}
		for _, f := range t.Data {
			p.Chunks[f.Chunk].Files = append(p.Chunks[f.Chunk].Files, f)
		}
		out.Tables[n] = p
	}
	return out, nil
}

// complete gives a chunk that is elsewhere its files, as s remembers them.
func (s *State) complete(n schema.Name, c *Chunk) {
	if s != nil && c.Elsewhere && s.Tables[n] != nil && c.No < len(s.Tables[n].Chunks) {
		c.Files = s.Tables[n].Chunks[c.No].Files
	}
}

// Remember gives the chunks of s that are elsewhere their files, as before, which
// may be nil, knows them.
func (s *State) Remember(before *State) {
	for n, t := range s.Tables {
		for i := range t.Chunks {
			before.complete(n, &t.Chunks[i])
		}
	}
}

// Covers tells whether s knows all that recorded, an earlier state of the same
// dump, knows of chunks that the target has rows of.
func (s *State) Covers(recorded *State, loaded Loaded) bool {
	if len(s.Snapshots) < len(recorded.Snapshots) {
		return false
	}
	for n, r := range recorded.Tables {
		t := s.Tables[n]
		if t == nil || t.Begun > r.Begun {
			continue // it is gone, or has begun anew
		}
		for _, c := range r.Chunks {
			there := slices.ContainsFunc(c.Files, func(f File) bool { return loaded.bytes(f) > 0 })
			if there && (c.No >= len(t.Chunks) || !t.Chunks[c.No].same(c)) {
				return false
			}
		}
	}
	return true
}

// same tells whether two notes are of the same reading of a chunk.
func (c Chunk) same(o Chunk) bool {
	return c.Snapshot == o.Snapshot && c.Elsewhere == o.Elsewhere && slices.Equal(c.From, o.From) && slices.Equal(c.To, o.To) &&
		(c.Elsewhere || slices.Equal(c.Files, o.Files))
}

// Forget is s without the chunks of one table, whose rows are not on the target
// any more, and the files whose progress is to be forgotten. The id is a new one.
func (s *State) Forget(n schema.Name) (left *State, forget []string) {
	left = s.clone()
	left.DumpID = NewID()
	t := left.Tables[n]
	if t == nil {
		return left, nil
	}
	for i := range t.Chunks {
		c := &t.Chunks[i]
		for _, f := range c.Files {
			forget = append(forget, f.Name)
		}
		c.Done, c.Elsewhere, c.Files = false, false, nil
	}
	t.Left, t.Brought = nil, nil
	return left, forget
}

// Lose makes of s what is left when all files are lost, under a new id. Files
// of chunks that have to be read again are answered: their progress is to be
// forgotten.
func (s *State) Lose(loaded Loaded) (left *State, forget []string) {
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
			if c.Done && !slices.ContainsFunc(c.Files, func(f File) bool { return !loaded.whole(f) }) {
				c.Elsewhere = true
				continue
			}
			p.leave(c, loaded)
			for _, f := range c.Files {
				forget = append(forget, f.Name)
			}
			c.Done, c.Files = false, nil
		}
		left.Tables[n] = &p
	}
	return left, forget
}

// Remaining notes in left, which Lose has made of s, how many rows of each table the
// target has of the files that are to be forgotten; rows tells it of one file.
func (s *State) Remaining(left *State, rows func(file string) int64) {
	for n, p := range left.Tables {
		was := s.Tables[n]
		if was.Left != nil && was.Brought == nil {
			continue // of some that were forgotten before nothing is known
		}
		var sum int64
		if was.Brought != nil {
			sum = *was.Brought
		}
		for i, c := range was.Chunks {
			for _, f := range c.Files {
				if !p.Chunks[i].Elsewhere {
					sum += rows(f.Name)
				}
			}
		}
		p.Brought = &sum
	}
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

// Touched tells whether a target has rows that the files lack, or rows of a moment
// that only its task can bring to that of the files.
func (m *Manifest) Touched() bool { return slices.ContainsFunc(m.Tables, Table.Touched) }

// Touched tells whether the target has rows of the table that count.
func (p *Progress) Touched() bool { return touched(p.Chunks, p.Left) }

func touched(chunks []Chunk, left *int) bool {
	return left != nil || slices.ContainsFunc(chunks, func(c Chunk) bool { return c.Elsewhere })
}

// Restarted lists the tables of which the target has rows that are not part of
// now: those that were read anew alone, and those that are gone. A table that was
// made there is listed, too, when it is gone or has another structure now.
func (s *State) Restarted(now *State, loaded Loaded) []*Progress {
	var out []*Progress
	for n, t := range s.Tables {
		there := t.Touched()
		for _, c := range t.Chunks {
			there = there || slices.ContainsFunc(c.Files, func(f File) bool { return loaded.bytes(f) > 0 })
		}
		at := now.Tables[n]
		kept := at != nil && at.Begun == t.Begun && (at.Touched() || !t.Touched())
		outdated := t.Made && (at == nil || at.Begun != t.Begun && !SameStructure(at.Create, t.Create))
		if there && !kept || outdated {
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
