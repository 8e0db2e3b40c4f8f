package dump

import (
	"context"
	"slices"

	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// there is what the target has of the dump.
type there struct {
	id     string
	state  *dumpdir.State // nil when it is of another dump
	chunks map[string]checkpoint.Chunk
}

// look asks the target, so that what it answers is final.
func (a *attempt) look(ctx context.Context, id string) (*there, error) {
	out := &there{id: id}
	var err error
	if out.chunks, err = a.cfg.Meta.SettleChunks(ctx); err != nil {
		return nil, err
	}
	text, err := a.cfg.Meta.Dump(ctx)
	if err != nil || text == nil {
		return out, err
	}
	s, err := dumpdir.ReadState(text)
	if err == nil && s.DumpID == id {
		out.state = s
	}
	return out, err
}

func (t *there) loaded() dumpdir.Loaded {
	if t == nil {
		return nil
	}
	return func(file string) int64 { return t.chunks[file].Offset }
}

// nothing tells whether no row is on the target.
func (t *there) nothing() bool {
	for _, c := range t.chunks {
		if c.Offset > 0 {
			return false
		}
	}
	if t.state == nil {
		return true
	}
	for _, p := range t.state.Tables {
		if p.Touched() {
			return false
		}
	}
	return true
}

// unknown lists the files of this dump that prior does not count on: theirs are
// chunks that are read again.
func (t *there) unknown(prior *dumpdir.State) []string {
	known := prior.Files()
	var out []string
	for name, c := range t.chunks {
		if _, listed := slices.BinarySearch(known, name); !listed && c.DumpID == t.id {
			out = append(out, name)
		}
	}
	return out
}
