package dump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// changedSince is why a table that another one has replaced begins anew.
const changedSince = "its structure has changed since, or it was recreated"

// inherit takes over what earlier attempts have read of a table, and tells why
// it does not; "" also when there is nothing to take over.
func (t *table) inherit(prior *dumpdir.State, where string) (refused string) {
	if prior == nil {
		return ""
	}
	p := prior.Tables[t.Name]
	switch {
	case p == nil:
		return ""
	case p.Created != t.created || !dumpdir.SameStructure(p.Create, t.create):
		return changedSince
	case !sameKey(p.Key, t.key.describe()):
		return "it is cut along another key now"
	case !p.Complete() && !p.Keyed:
		return "it has no primary key and no unique key without NULLs, so all of its rows have to be of one moment"
	case !p.Complete() && where != "":
		return "with a where filter all rows of a table have to be of one moment"
	}
	t.prior, t.keyed = p, p.Keyed
	t.plan = nil
	for _, piece := range p.Pieces {
		t.plan = append(t.plan, pieceOf(piece))
	}
	return ""
}

func pieceOf(p dumpdir.Piece) piece {
	return piece{keyRange: keyRange{from: p.From, to: p.To}, walk: p.Walk}
}

func (k *key) describe() *dumpdir.Key {
	if k == nil {
		return nil
	}
	d := &dumpdir.Key{Index: k.index}
	for _, c := range k.columns {
		d.Columns = append(d.Columns, c.name)
	}
	return d
}

func sameKey(a, b *dumpdir.Key) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Index == b.Index && slices.Equal(a.Columns, b.Columns)
}

// identity tells one server from another, as far as binlog files are concerned.
func identity(ctx context.Context, db *dbconn.DB) (string, error) {
	q := "SELECT @@server_uuid"
	if db.Server.Flavor == binlog.MariaDB {
		q = "SELECT CONCAT(@@server_id, ' ', @@hostname, ' ', @@port, ' ', @@datadir)"
	}
	var id string
	err := db.QueryRowContext(ctx, q).Scan(&id)
	return id, dbconn.Error(fault.Upstream, "ask which server the source is", err)
}

// errOutlived means that what was read before cannot be brought to the state of
// now. The dump begins anew.
var errOutlived = errors.New("the source's history is not the one that the dump began in")

// outlived tells why the changes since an earlier snapshot cannot be replayed
// on what was read at it; "" when they can.
func outlived(ctx context.Context, db *dbconn.DB, prior *dumpdir.State, h dumpdir.Header) (string, error) {
	switch {
	case prior.Settings != h.Settings:
		return "the settings of the dump have changed", nil
	case prior.Identity != h.Identity:
		return "the source is another server now", nil
	}
	if len(prior.Snapshots) == 0 {
		return "", nil
	}
	oldest := prior.Snapshots[0]
	from := oldest.At
	if !oldest.Prepared.IsZero() {
		from = oldest.Prepared
	}
	rows, err := db.QueryContext(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return "", dbconn.Error(fault.Upstream, "list the binlog files", err)
	}
	defer rows.Close()
	for rows.Next() {
		row, err := dbconn.ScanNamed(rows)
		if err != nil {
			return "", dbconn.Error(fault.Upstream, "list the binlog files", err)
		}
		if row["LOG_NAME"] == from.Position.Name && count(row["FILE_SIZE"]) >= int64(from.Position.Pos) {
			return "", nil
		}
	}
	return fmt.Sprintf("the source has removed the binlog file %s, which holds the changes since then", from.Position.Name),
		dbconn.Error(fault.Upstream, "list the binlog files", rows.Err())
}

// follows tells whether a snapshot is behind another one in the same history.
func follows(at, earlier binlog.Location) bool {
	if !earlier.GTID.IsEmpty() {
		return at.GTID.Contains(earlier.GTID)
	}
	return at.Position.Compare(earlier.Position) >= 0
}

// arrange brings the journal to what is read now: tables that are not there any
// more go, and those that are not taken over begin anew. Their files are removed
// once the journal says so.
func (a *attempt) arrange(tables []*table) error {
	const op = "arrange the dump"
	gone := map[schema.Name]*dumpdir.Progress{}
	if a.prior != nil {
		gone = maps.Clone(a.prior.Tables)
	}
	var outdated []*dumpdir.Progress
	for _, t := range tables {
		old := gone[t.Name]
		delete(gone, t.Name)
		if t.prior != nil {
			continue
		}
		if old != nil {
			why := cmp.Or(t.refused, changedSince)
			a.log.Warn("dumped anew from the start", "schema", t.Schema, "table", t.Table, "why", why)
			outdated = append(outdated, old)
		}
		if err := a.journal.Table(t.progress(a.number())); err != nil {
			return a.local(op, err)
		}
	}
	for n, p := range gone {
		a.log.Warn("not part of the dump any more: the table is gone or excluded", "schema", n.Schema, "table", n.Table)
		outdated = append(outdated, p)
		if err := a.journal.Gone(n); err != nil {
			return a.local(op, err)
		}
	}
	if err := a.journal.Sync(); err != nil {
		return a.local(op, err)
	}
	for _, p := range outdated {
		if err := dumpdir.RemoveChunks(a.cfg.Subtask.Load.Dir, p); err != nil {
			return a.local(op, err)
		}
	}
	return nil
}

// number is that of the snapshot which the attempt reads.
func (a *attempt) number() int {
	if a.prior == nil {
		return 0
	}
	return len(a.prior.Snapshots)
}

// open goes on with an earlier attempt or begins a new dump. A manifest is
// answered when nothing is left to do but to record it.
func (a *attempt) open(ctx context.Context, db *dbconn.DB, p checkpoint.Phase) (*dumpdir.Manifest, error) {
	const op = "prepare the dump directory"
	sub := a.cfg.Subtask
	id, err := identity(ctx, db)
	if err != nil {
		return nil, err
	}
	a.header = dumpdir.Header{DumpID: p.DumpID, Task: sub.Task, Source: sub.SourceID, Server: db.Server.Version, Identity: id,
		Settings: dumpdir.SettingsOf(sub.Dump.Rows > 0, sub.Dump.Where), Started: a.started}
	if !a.cfg.Resume || p.DumpID == "" {
		return nil, a.create(nil, a.record(ctx, func(ctx context.Context, ex checkpoint.Execer) error { return a.restart(ctx, ex) }))
	}
	there, err := a.look(ctx, p.DumpID)
	if err != nil {
		return nil, err
	}
	if !a.anew() {
		if m, err := dumpdir.ReadManifest(sub.Load.Dir, there.loaded()); err == nil && m.DumpID == p.DumpID {
			return m, nil
		}
		j, prior, err := dumpdir.Resume(sub.Load.Dir, sub.Task, sub.SourceID, p.DumpID, there.state, there.loaded())
		if err != nil {
			return nil, a.local(op, err)
		}
		if prior != nil {
			return nil, a.goOn(ctx, db, j, prior, there)
		}
	}
	return nil, a.again(ctx, db, there)
}

// goOn takes up what an earlier attempt has left in the directory.
func (a *attempt) goOn(ctx context.Context, db *dbconn.DB, j *dumpdir.Journal, prior *dumpdir.State, there *there) error {
	why, err := outlived(ctx, db, prior, a.header)
	if err == nil && why == "" {
		err = a.forget(ctx, there.unknown(prior))
	}
	if err != nil {
		return errors.Join(err, j.Close())
	}
	if why != "" {
		if err := j.Close(); err != nil {
			return err
		}
		a.log.Warn("the dump cannot go on and begins anew", "why", why)
		return a.again(ctx, db, there)
	}
	a.journal, a.prior, a.id, a.started, a.there = j, prior, prior.DumpID, prior.Started, there
	a.log.Info("the dump goes on where it was", "snapshots", len(prior.Snapshots), "tables", len(prior.Tables))
	return nil
}

// again begins a dump in an emptied directory: of everything when nothing is on
// the target, else of what is not.
func (a *attempt) again(ctx context.Context, db *dbconn.DB, there *there) error {
	if there.nothing() {
		return a.create(nil, a.record(ctx, func(ctx context.Context, ex checkpoint.Execer) error { return a.restart(ctx, ex) }))
	}
	refuse := func(why string) error {
		return &fault.Error{Op: "dump what is missing on the target", Kind: fault.Conflict, Code: codeRuntime, Msg: why,
			Hint: "stop-task, remove the task's tables from the target and begin anew with start-task --remove-meta"}
	}
	if there.state == nil {
		return refuse("a part of the dump is loaded, and the meta tables do not say of what it consists")
	}
	if a.anew() {
		return refuse(errOutlived.Error())
	}
	left, forget := there.state.Lose(there.loaded())
	there.state.Remaining(left, func(file string) int64 { return there.chunks[file].Rows })
	why, err := outlived(ctx, db, left, a.header)
	if err != nil {
		return err
	}
	if why != "" {
		return refuse(why)
	}
	text, err := left.Text()
	if err != nil {
		return err
	}
	a.id, a.prior, a.there = left.DumpID, left.Prior(), there
	err = a.record(ctx, func(ctx context.Context, ex checkpoint.Execer) error {
		meta := a.cfg.Meta
		if err := meta.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitDump, DumpID: a.id}); err != nil {
			return err
		}
		return errors.Join(meta.ForgetFiles(ctx, ex, forget), meta.SaveDump(ctx, ex, text))
	})
	if err == nil {
		a.log.Warn("the files of the dump are not on this worker: what is not loaded of it is dumped again", "files", len(forget))
	}
	return a.create(a.prior, err)
}

// restart records a dump of everything under a new id.
func (a *attempt) restart(ctx context.Context, ex checkpoint.Execer) error {
	a.id = dumpdir.NewID()
	if err := a.cfg.Meta.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitDump, DumpID: a.id}); err != nil {
		return err
	}
	return a.cfg.Meta.ForgetChunks(ctx, ex)
}

// forget removes the load's progress of some files.
func (a *attempt) forget(ctx context.Context, files []string) error {
	if len(files) == 0 {
		return nil
	}
	return a.record(ctx, func(ctx context.Context, ex checkpoint.Execer) error {
		return errors.Join(a.cfg.Meta.Hold(ctx, ex), a.cfg.Meta.ForgetFiles(ctx, ex, files))
	})
}

// create empties the directory and begins a dump there, once it is recorded: of
// everything, or of what prior lacks.
func (a *attempt) create(prior *dumpdir.State, recorded error) error {
	const op = "prepare the dump directory"
	if recorded != nil {
		return recorded
	}
	h := a.header
	h.DumpID = a.id
	dir := a.cfg.Subtask.Load.Dir
	if err := dumpdir.Prepare(dir, h.Task, h.Source, a.id); err != nil {
		return a.local(op, err)
	}
	var err error
	a.journal, err = dumpdir.Begin(dir, h, prior)
	return a.local(op, err)
}
