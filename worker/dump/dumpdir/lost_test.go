package dumpdir

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// lostState is a dump of three tables at two snapshots, with its files.
func lostState() *State {
	file := func(name string) []File { return []File{{Name: name, Bytes: 100}} }
	table := func(name string, chunks ...Chunk) *Progress {
		for i := range chunks {
			chunks[i].No, chunks[i].Done, chunks[i].Last = i, true, i == len(chunks)-1
		}
		return &Progress{Schema: "d", Name: name, Keyed: true, Pieces: []Piece{{Walk: true}}, Chunks: chunks}
	}
	return &State{Header: Header{DumpID: "one"}, Snapshots: make([]Snapshot, 3), Tables: map[schema.Name]*Progress{
		{Schema: "d", Table: "loaded"}: table("loaded", Chunk{Snapshot: 1, Files: file("l0")}, Chunk{Snapshot: 1}),
		{Schema: "d", Table: "half"}:   table("half", Chunk{Snapshot: 2, Files: file("h0")}, Chunk{Snapshot: 1, Files: file("h1")}, Chunk{Snapshot: 2, Files: file("h2")}),
		{Schema: "d", Table: "none"}:   table("none", Chunk{Snapshot: 1, Files: file("n0")}),
	}}
}

// TestLose: what is complete on the target stays, whatever else was begun there is
// known, and all else is read again, under another id.
func TestLose(t *testing.T) {
	offsets := map[string]int64{"l0": 100, "h0": 100, "h1": 40}
	left, forget := lostState().Lose(func(file string) int64 { return offsets[file] })
	text, err := left.Text()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadState(text)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(left, back); d != "" {
		t.Error(d)
	}
	if left.DumpID == "one" || left.DumpID == "" {
		t.Errorf("id %q", left.DumpID)
	}
	got := map[string]string{}
	for n, p := range left.Tables {
		text := ""
		for _, c := range p.Chunks {
			switch {
			case c.Elsewhere:
				text += "there "
			case !c.Done && c.Files == nil:
				text += "again "
			default:
				text += "? "
			}
		}
		if p.Left != nil {
			text += "rows of " + string(rune('0'+*p.Left))
		}
		got[n.Table] = text
	}
	if d := cmp.Diff(map[string]string{"loaded": "there there ", "half": "there again again rows of 1", "none": "again "}, got); d != "" {
		t.Error(d)
	}
	known := map[string]bool{}
	for _, f := range forget {
		known[f] = true
	}
	if d := cmp.Diff(map[string]bool{"h1": true, "h2": true, "n0": true}, known); d != "" {
		t.Error(d)
	}
	for _, p := range left.Prior().Tables {
		for _, c := range p.Chunks {
			if c.Files != nil {
				t.Errorf("%s: a dump of the rest would list the files of chunk %d", p.Name, c.No)
			}
		}
	}
	// Lost once more before anything of the rest was loaded, nothing changes.
	more, _ := left.Lose(func(string) int64 { return 0 })
	more.DumpID = left.DumpID
	if d := cmp.Diff(left, more); d != "" {
		t.Error(d)
	}
}

// TestRestarted: a table of which the target has rows that the new dump does not
// count on, because it was read anew or is gone, is told.
func TestRestarted(t *testing.T) {
	offsets := map[string]int64{"l0": 100, "h1": 40}
	left, _ := lostState().Lose(func(file string) int64 { return offsets[file] })
	at := func(name string, p Progress) *Progress {
		p.Schema, p.Name = "d", name
		return &p
	}
	for _, c := range []struct {
		name   string
		loaded map[string]int64 // beside what is elsewhere
		tables []*Progress
		want   map[string]bool
	}{
		{"both go on", nil, []*Progress{at("loaded", Progress{Chunks: []Chunk{{Elsewhere: true}}}), at("half", Progress{Left: new(int)}), at("none", Progress{})}, map[string]bool{}},
		{"one anew, one gone", nil, []*Progress{at("half", Progress{Chunks: []Chunk{{Done: true}}})}, map[string]bool{"loaded": true, "half": true}},
		{"another beginning", nil, []*Progress{at("loaded", Progress{Begun: 3, Chunks: []Chunk{{Done: true}}}), at("half", Progress{Left: new(int)})}, map[string]bool{"loaded": true}},
	} {
		now := &State{Tables: map[schema.Name]*Progress{}}
		for _, p := range c.tables {
			now.Tables[schema.Name{Schema: "d", Table: p.Name}] = p
		}
		got := map[string]bool{}
		for _, p := range left.Restarted(now, nil) {
			got[p.Name] = true
		}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

// TestRestartedWhileItIsLoaded: with all files there, rows on the target are told
// by the progress of files, and a table that begins anew by its Begun.
func TestRestartedWhileItIsLoaded(t *testing.T) {
	before, now := lostState(), lostState()
	loaded := Loaded(func(file string) int64 { return map[string]int64{"h1": 1}[file] })
	if got := before.Restarted(now, loaded); len(got) > 0 {
		t.Errorf("nothing has begun anew, and %s counts as if it had", got[0].Name)
	}
	for _, p := range now.Tables {
		p.Begun = 3
	}
	if got := before.Restarted(now, loaded); len(got) != 1 || got[0].Name != "half" {
		t.Errorf("restarted: %v", got)
	}
}

// TestReadStateRefusesDamage: a record that is not whole is an error, not a dump
// of nothing.
func TestReadStateRefusesDamage(t *testing.T) {
	text, err := lostState().Text()
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		if _, err := ReadState(text[:n]); !fault.Is(err, fault.Corrupt) {
			t.Fatalf("%d bytes of %d: %v", n, len(text), err)
		}
	}
}
