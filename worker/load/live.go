package load

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// openLive begins to read a dump that is being written. All but the files of its
// tables is known.
func openLive(live *dumpdir.Live) *content {
	reader := live.Reader()
	c := &content{dir: live.Dir(), id: reader.State.DumpID, own: true, live: live}
	schemas := live.Schemas()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		c.schemas = append(c.schemas, creation{name, func() (string, error) { return schemas[name], nil }})
	}
	from := &liveFeed{content: c, reader: reader, tables: map[schema.Name]*table{}, waits: map[schema.Name]bool{}}
	for n, p := range reader.State.Tables {
		t := &table{Name: n, text: func() (string, error) { return p.Create, nil }, mixed: p.Mixed(reader.State.Snapshots), touched: p.Touched()}
		for _, chunk := range p.Chunks {
			for _, f := range chunk.Files {
				if !chunk.Elsewhere {
					t.files = append(t.files, ownFile(c.dir, f))
				}
			}
		}
		from.tables[n] = t
		c.tables = append(c.tables, t)
	}
	c.files = from
	return c
}

// liveFeed hands out files of a dump as they are complete.
type liveFeed struct {
	*content
	reader *dumpdir.Reader
	tables map[schema.Name]*table
	// waits tells which tables are to be loaded when the dump is complete: should
	// they begin anew, nobody could tell their rows from others'.
	waits map[schema.Name]bool
	// create makes the tables that wait; nil when they are there.
	create func(context.Context) error
	where  bool // the dump has a filter of rows
}

// hold finds out what waits for the end of the dump.
func (f *liveFeed) hold(ctx context.Context, r *run) error {
	sub := r.cfg.Subtask
	alone, err := r.cfg.Meta.Alone(ctx)
	if err != nil {
		return err
	}
	several := !alone || sub.Sources > 1
	f.where = sub.Dump.Where != ""
	by := map[string][]schema.Name{}
	for n := range f.tables {
		to, err := r.to(n)
		if err != nil {
			return err
		}
		target := dbconn.Ident(to.Schema, to.Table)
		by[target] = append(by[target], n)
	}
	for _, names := range by {
		for _, n := range names {
			f.waits[n] = several || len(names) > 1
		}
	}
	f.create = func(ctx context.Context) error { return r.createTables(ctx, r.later) }
	return nil
}

// later tells whether a table is not touched before the dump is complete.
func (r *run) later(t *table) bool {
	f, live := r.content.files.(*liveFeed)
	return live && f.waits[t.Name]
}

// ready tells whether a table's files may be loaded while the dump goes on. A
// table that may begin anew alone has to be complete: then it stays.
func (f *liveFeed) ready(p *dumpdir.Progress) bool {
	n := schema.Name{Schema: p.Schema, Table: p.Name}
	return !f.waits[n] && (p.Keyed && !f.where || p.Complete())
}

func (f *liveFeed) next(ctx context.Context) ([]item, []byte, error) {
	files, more, err := f.reader.Next(ctx, f.ready)
	if f.create != nil && f.live.Manifest() != nil {
		if err := f.create(ctx); err != nil {
			return nil, nil, err
		}
		f.create = nil
	}
	if errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	var out []item
	for _, c := range files {
		out = append(out, item{table: f.tables[c.Of], file: ownFile(f.dir, c.File)})
	}
	return out, more, err
}

// complete makes the end of a live dump known.
func (r *run) complete() {
	if r.content.live == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.content.manifest == nil {
		r.content.complete(r.content.live.Manifest())
	}
}

// state is the dump as it is now. before is what the target knew of it.
func (r *run) state(before *dumpdir.State) (*dumpdir.State, error) {
	if f, ok := r.content.files.(*liveFeed); ok {
		s := f.reader.State
		s.Remember(before)
		return s, nil
	}
	return r.content.manifest.State(r.content.dir, before)
}

// dispose removes a file that is loaded, where the subtask wants that. A load
// alone needs all files until its end, and they may be another task's: see clean.
func (r *run) dispose(f file) error {
	sub := r.cfg.Subtask
	if sub.Mode == config.ModeLoad || !sub.Load.Overlap || !sub.CleanDumpFile {
		return nil
	}
	if live := r.content.live; live != nil {
		return live.Remove(f.own)
	}
	r.disk.Add(-f.own.Size())
	return f.own.Remove(f.dir)
}
