package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load/foreign"
)

// content is a dump as the load sees it, whoever wrote it.
type content struct {
	dir                string
	id                 string
	own                bool // written by us: checked by a manifest
	manifest           *dumpdir.Manifest
	snapshot, prepared binlog.Location
	replay             *checkpoint.Replay // of a dump of several moments
	metaBinlog         string             // the snapshot as status shows it
	metaGTID           string
	schemas            []creation
	tables             []*table
	total              int64 // bytes of all data files, and how many these are
	count              int
	files              feed
	live               *dumpdir.Live // of a dump that is being written, else nil
	left               []string      // files that are not loaded
}

// creation is a schema and its CREATE statement.
type creation struct {
	name string
	text func() (string, error)
}

// table is one table of a dump.
type table struct {
	schema.Name
	// text gives the CREATE TABLE statement, "" when the dump has none.
	text  func() (string, error)
	files []file
	// mixed tells that its rows are of several moments: two of them may have the
	// same unique value, and either may stay, for the syncer writes it again.
	mixed bool
	// touched tells that the target has rows of it that came with an earlier part.
	touched bool
	to      *route.Target // where its rows go; set before any is loaded
	bytes   int64         // of its data files, 0 while the dump goes on
	loaded  atomic.Int64  // how many of them the target has
	plain   bool          // the target's table has no transactions and no unique key
	// otherText are columns, by name in lower case, and spatial tells of one with
	// shapes; of a foreign dump, set before any row is loaded.
	otherText map[string]otherText
	spatial   bool

	infile infile

	once    sync.Once // guards columns and broken
	columns []string
	broken  error
}

// file is one complete data file.
type file struct {
	name  string
	bytes int64
	rows  int64 // -1 when nobody has counted them
	utf8  bool  // its text is UTF-8, whatever character set it names
	// check compares the whole file with what its writer said about it.
	check func() error
	own   dumpdir.File // what it is in a dump of ours, in dir
	dir   string
	open  func() (io.ReadCloser, error)
}

// item is one data file to load and its table.
type item struct {
	table *table
	file  file
}

// feed hands out the files of a dump. A dump that is still being written hands
// out what is complete: next waits until there is more, and answers io.EOF when
// all has been handed out. One goroutine calls it.
type feed interface {
	// more is what the target has to keep before it gets rows of these files.
	next(ctx context.Context) (items []item, more []byte, err error)
}

// list is the feed of a dump that is complete.
type list []item

func (l *list) next(context.Context) ([]item, []byte, error) {
	if len(*l) == 0 {
		return nil, nil, io.EOF
	}
	out := *l
	*l = nil
	return out, nil, nil
}

// wanted refuses a dump of other rows than the task wants now: of those that are
// missing no later part of the task would know.
func (c *content) wanted(where string) error {
	was, known := c.manifest.Where()
	if !known || was == where {
		return nil
	}
	return &fault.Error{Op: "open the dump", Kind: fault.Conflict, Code: codeDumpMissing,
		Msg: fmt.Sprintf("the rows were dumped with where %q, and the task has %q now", was, where),
		Hint: "stop-task and start it with the former where; or remove the task's tables from the target" +
			" and begin anew with start-task --remove-meta"}
}

// listed is the feed of the tables of a dump that is complete.
func listed(tables []*table) *list {
	var out list
	for _, t := range tables {
		for _, f := range t.files {
			out = append(out, item{table: t, file: f})
		}
	}
	return &out
}

// openContent opens the dump of a subtask, of which files that are loaded may be
// missing.
func openContent(sub config.Subtask, loaded dumpdir.Loaded) (*content, error) {
	if sub.Mode != config.ModeLoad {
		return openOwn(sub.Load.Dir, loaded)
	}
	dir := sub.Load.Dir
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) && sub.Load.GivenDir != "" {
		dir = sub.Load.GivenDir
	}
	if dumpdir.Owned(dir) {
		return openOwn(dir, nil)
	}
	return openForeign(dir)
}

// fits tells whether the dump is one that the subtask can load.
func (c *content) fits(sub config.Subtask) error {
	if sub.Mode == config.ModeLoad {
		return c.alone()
	}
	return c.wanted(sub.Dump.Where)
}

// alone refuses a dump that only its own task can load: one that was
// interrupted there. Its rows are of several moments, which that task's
// replication makes one, or are on that task's target and in no file.
func (c *content) alone() error {
	if !c.own || c.replay == nil && !c.manifest.Touched() {
		return nil
	}
	return &fault.Error{Op: "open the dump", Kind: fault.Invalid, Code: codeDumpMissing,
		Msg: fmt.Sprintf("the dump in %s was interrupted and gone on with: its rows are of several moments, or no longer in files, and only the task %q that dumped them makes one state of them",
			c.dir, c.manifest.Task),
		Hint: "load a dump of mode dump, or one that was not interrupted: put its files there, then resume-task"}
}

// openOwn opens a dump of ours.
func openOwn(dir string, loaded dumpdir.Loaded) (*content, error) {
	m, err := dumpdir.ReadManifest(dir, loaded)
	if err != nil {
		return nil, err
	}
	c := &content{dir: dir, id: m.DumpID, own: true}
	for _, s := range m.Schemas {
		c.schemas = append(c.schemas, creation{s.Name, func() (string, error) { return s.Create(dir) }})
	}
	for _, t := range m.Tables {
		out := &table{Name: schema.Name{Schema: t.Schema, Table: t.Name}, text: func() (string, error) { return t.Create(dir) }, mixed: m.Mixed(t), touched: t.Touched()}
		for _, f := range t.Data {
			out.files = append(out.files, ownFile(dir, f))
		}
		c.tables = append(c.tables, out)
	}
	c.files = listed(c.tables)
	c.complete(m)
	return c, nil
}

// closed tells whether all of the dump is known.
func (c *content) closed() bool { return c.live == nil || c.manifest != nil }

// complete adds what only a complete dump knows.
func (c *content) complete(m *dumpdir.Manifest) {
	bytes := map[schema.Name]int64{}
	c.count = 0
	for _, t := range m.Tables {
		c.count += len(t.Data)
		for _, f := range t.Data {
			bytes[schema.Name{Schema: t.Schema, Table: t.Name}] += f.Bytes
		}
	}
	for _, t := range c.tables {
		t.bytes = bytes[t.Name]
	}
	c.manifest, c.snapshot, c.prepared, c.replay, c.total = m, m.Snapshot, m.Prepared, replayOf(m), m.Bytes()
	c.metaBinlog, c.metaGTID = m.Snapshot.Position.String(), m.Snapshot.GTID.String()
}

// replayOf says of which moments the rows of a dump are; nil when of one.
func replayOf(m *dumpdir.Manifest) *checkpoint.Replay {
	out := &checkpoint.Replay{}
	number := map[string]int{}
	place := func(at binlog.Location) int {
		n, known := number[at.String()]
		if !known {
			n = len(out.Places)
			number[at.String()] = n
			out.Places = append(out.Places, at)
		}
		return n
	}
	for _, s := range m.Snapshots {
		place(s.At)
		place(s.End())
	}
	one := true
	for _, t := range m.Tables {
		from, to := m.Window(t)
		at := checkpoint.ReplayTable{Schema: t.Schema, Table: t.Name, From: place(from), To: place(to)}
		one = one && from.String() == m.Snapshot.String() && at.From == at.To
		out.Tables = append(out.Tables, at)
	}
	if one && m.Newest().String() == m.Snapshot.String() {
		return nil
	}
	return out
}

func ownFile(dir string, f dumpdir.File) file {
	return file{name: f.Name, bytes: f.Bytes, rows: f.Rows, own: f, dir: dir, check: func() error { return f.Check(dir) },
		open: func() (io.ReadCloser, error) { return f.Open(dir) }}
}

// openForeign opens a dump that another tool has written.
func openForeign(dir string) (*content, error) {
	d, err := foreign.Read(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", dumpdir.ErrMissing, err)
	}
	if err != nil {
		return nil, err
	}
	c := &content{dir: dir, id: d.ID, left: d.Left, metaGTID: d.GTID}
	if pos, err := strconv.ParseUint(d.Pos, 10, 32); err == nil && d.Log != "" {
		c.metaBinlog = binlog.Position{Name: d.Log, Pos: uint32(pos)}.String()
	}
	for _, s := range d.Schemas {
		c.schemas = append(c.schemas, creation{s.Name, func() (string, error) { return s.Create, nil }})
	}
	for _, t := range d.Tables {
		out := &table{Name: schema.Name{Schema: t.Schema, Table: t.Name}, text: func() (string, error) { return t.Create, nil }}
		for _, f := range t.Data {
			c.total += f.Bytes
			c.count++
			out.bytes += f.Bytes
			out.files = append(out.files, file{name: f.Name, bytes: f.Bytes, rows: -1, utf8: f.UTF8(), check: func() error { return nil }, open: f.Open})
		}
		c.tables = append(c.tables, out)
	}
	c.files = listed(c.tables)
	return c, nil
}

// choose leaves out what a task in mode load would not have dumped, of which
// another task or tool may have written files. Of the task's own dump nothing is
// left out: the list has chosen already.
func (c *content) choose(sub config.Subtask) {
	f := sub.DumpFilter
	if f == nil {
		f = sub.Filter
	}
	if sub.Mode != config.ModeLoad || f == nil {
		return
	}
	var tables []*table
	used := map[string]bool{}
	for _, t := range c.tables {
		if f.MatchTable(t.Schema, t.Table) {
			tables = append(tables, t)
			used[t.Schema] = true
			continue
		}
		c.total -= t.bytes
		c.count -= len(t.files)
	}
	var schemas []creation
	for _, s := range c.schemas {
		if used[s.name] || f.MatchSchema(s.name) {
			schemas = append(schemas, s)
		}
	}
	c.schemas, c.tables, c.files = schemas, tables, listed(tables)
}

// noDump is the error of task-mode load without a dump to load. What is wrong with
// one that is there says so itself.
func noDump(sub config.Subtask, err error) error {
	var known *fault.Error
	if errors.As(err, &known) && known.Kind != fault.NotFound {
		return err
	}
	return &fault.Error{Op: "open the dump", Kind: fault.NotFound, Code: codeDirNotFound, Err: err,
		Msg: "there is no dump to load on this worker",
		Hint: fmt.Sprintf("put the files of raftdm, mydumper or dumpling into %s (or %s) on the worker of source %s; then resume-task",
			sub.Load.GivenDir, sub.Load.Dir, sub.SourceID)}
}
