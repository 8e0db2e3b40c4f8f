package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
)

// ErrDumpAgain is in the error of a Run that has handed the subtask back to the
// dump, since its files are not on this worker.
var ErrDumpAgain = errors.New("the dump is not on this worker")

// handBack makes the dump's next work what of it is neither loaded nor here any
// more. The rows that are loaded stay; see worker/dump/DESIGN.md.
func (r *run) handBack(ctx context.Context, cause error) error {
	const op = "go back to the dump for what is missing"
	if r.cfg.Subtask.Mode == config.ModeLoad { // nobody can dump it again
		return r.lost(cause)
	}
	before, err := r.recorded(ctx, r.phase.DumpID)
	if err != nil {
		return err
	}
	if before == nil {
		return r.lost(cause)
	}
	err = r.fenced(ctx, r.cfg.Meta.DB, op, func(ctx context.Context, ex checkpoint.Execer) error {
		return r.cfg.Meta.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitDump, DumpID: r.phase.DumpID})
	})
	if err != nil {
		return err
	}
	r.log.Warn("the dump is not on this worker", "cause", cause)
	return fmt.Errorf("%w: %w", ErrDumpAgain, cause)
}

// anew makes the dump read a table again whose rows are not on the target any
// more, when the files are not there either.
func (r *run) anew(ctx context.Context, t *table) error {
	before, err := r.recorded(ctx, r.phase.DumpID)
	if err != nil {
		return err
	}
	if before == nil {
		return r.lost(fmt.Errorf("%w: the meta tables do not say of what it consists", dumpdir.ErrMissing))
	}
	left, forget := before.Forget(t.Name)
	text, err := left.Text()
	if err != nil {
		return err
	}
	err = r.fenced(ctx, r.cfg.Meta.DB, "read a table again", func(ctx context.Context, ex checkpoint.Execer) error {
		meta := r.cfg.Meta
		if err := meta.SetPhase(ctx, ex, checkpoint.Phase{Unit: status.UnitDump, DumpID: left.DumpID}); err != nil {
			return err
		}
		if err := meta.ForgetFiles(ctx, ex, forget); err != nil {
			return err
		}
		return meta.SaveDump(ctx, ex, text)
	})
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: table %s was dropped or emptied on the target", ErrDumpAgain, dbconn.Ident(t.to.Schema, t.to.Table))
}

// recorded is what the target says of the dump with an id; nil for nothing.
func (r *run) recorded(ctx context.Context, id string) (*dumpdir.State, error) {
	text, err := r.cfg.Meta.Dump(ctx)
	if err != nil || text == nil {
		return nil, err
	}
	s, err := dumpdir.ReadState(text)
	if err != nil || s.DumpID != id {
		return nil, err
	}
	return s, nil
}

// fenced does something in one transaction, which is fenced by what do does first.
func (r *run) fenced(ctx context.Context, db *dbconn.DB, op string, do func(context.Context, checkpoint.Execer) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := do(ctx, tx); err != nil {
		return err
	}
	return dbconn.Error(fault.Downstream, op, tx.Commit())
}

// settle begins the load of a dump: what the target has of tables that were
// dumped anew alone goes, and what the dump consists of is recorded, for the
// case that its files are lost.
func (r *run) settle(ctx context.Context) error {
	if !r.content.own || r.cfg.Subtask.Mode == config.ModeLoad {
		return nil
	}
	before, err := r.recorded(ctx, r.content.id)
	if err != nil {
		return err
	}
	now, err := r.state(before)
	if err != nil {
		return err
	}
	if err := r.made(ctx, before, now); err != nil {
		return err
	}
	var forget []string
	if before != nil {
		for _, t := range before.Restarted(now, r.loaded) {
			if err := r.restart(ctx, t); err != nil {
				return err
			}
			for _, c := range t.Chunks {
				for _, f := range c.Files {
					forget = append(forget, f.Name)
				}
			}
		}
	}
	text, err := now.Text()
	if err != nil {
		return err
	}
	err = r.fenced(ctx, r.cfg.Meta.DB, "record the dump", func(ctx context.Context, ex checkpoint.Execer) error {
		if err := r.cfg.Meta.Hold(ctx, ex); err != nil {
			return err
		}
		if err := r.cfg.Meta.ForgetFiles(ctx, ex, forget); err != nil {
			return err
		}
		return r.cfg.Meta.SaveDump(ctx, ex, text)
	})
	for _, f := range forget {
		delete(r.chunks, f)
	}
	return err
}

// made notes which tables the load is about to make.
func (r *run) made(ctx context.Context, before, now *dumpdir.State) error {
	for _, t := range r.content.tables {
		p := now.Tables[t.Name]
		if before != nil && before.Tables[t.Name] != nil {
			p.Made = before.Tables[t.Name].Made
			continue
		}
		if r.later(t) {
			continue
		}
		to, err := r.to(t.Name)
		if err != nil {
			return err
		}
		there, err := r.tableThere(ctx, to)
		if err != nil {
			return err
		}
		p.Made = !there
	}
	return nil
}

// restart removes what the target has of a table that was dumped anew alone, or
// is gone from the source.
func (r *run) restart(ctx context.Context, p *dumpdir.Progress) error {
	n := schema.Name{Schema: p.Schema, Table: p.Name}
	to, err := r.to(n)
	if err != nil {
		return err
	}
	var now *table
	for _, t := range r.content.tables {
		if t.Name == n {
			now = t
		} else if there, err := r.to(t.Name); err == nil && there.Schema == to.Schema && there.Table == to.Table {
			return r.sharedRestart(p, to)
		}
	}
	if alone, err := r.cfg.Meta.Alone(ctx); err != nil || !alone {
		return errors.Join(err, r.sharedRestart(p, to))
	}
	if now == nil && !r.cfg.Subtask.Filter.MatchTable(n.Schema, n.Table) {
		return nil // the task leaves it out now, and what it has brought stays
	}
	if there, err := r.tableThere(ctx, to); err != nil || !there {
		return err
	}
	name := dbconn.Ident(to.Schema, to.Table)
	if others, err := r.othersIn(ctx, p, name); err != nil {
		return err
	} else if others {
		return r.sharedRestart(p, to)
	}
	r.log.Warn("rows of the table that an earlier part of the dump brought are removed: it is loaded anew", "table", name)
	if err := r.empty(ctx, name); err != nil {
		return err
	}
	if now == nil {
		_, err := r.db.ExecContext(ctx, "DROP TABLE "+name)
		return dbconn.ExecError(fault.Downstream, "drop a table that the source has no more", err)
	}
	text, err := now.text()
	if err != nil || dumpdir.SameStructure(text, p.Create) {
		return err
	}
	// Its structure changed on the source meanwhile, so it is made anew.
	_, err = r.db.ExecContext(ctx, "DROP TABLE "+name)
	return dbconn.ExecError(fault.Downstream, "drop a table whose structure has changed on the source", err)
}

// othersIn tells whether a table of the target has more rows than this load has
// brought: somebody else's, or of another task. Where the load does not know how
// many it has brought, since their progress was forgotten, it is taken to be alone.
func (r *run) othersIn(ctx context.Context, p *dumpdir.Progress, name string) (bool, error) {
	var own int64
	switch {
	case p.Brought != nil:
		own = *p.Brought
	case p.Left != nil:
		return false, nil
	}
	for _, c := range p.Chunks {
		for _, f := range c.Files {
			own += r.chunks[f.Name].Rows
		}
	}
	var there int64
	err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name).Scan(&there)
	return there > own, dbconn.Error(fault.Downstream, "count the rows of a table that is to be loaded anew", err)
}

// sharedRestart refuses to remove rows of a table that has rows of others.
func (r *run) sharedRestart(p *dumpdir.Progress, to *route.Target) error {
	return &fault.Error{Op: "load table " + dbconn.Ident(p.Schema, p.Name), Kind: fault.Conflict, Code: codeDumpMissing,
		Msg: fmt.Sprintf("the table had to be dumped anew after a part of it was loaded, and %s has rows of other tables, sources or tasks too",
			dbconn.Ident(to.Schema, to.Table)),
		Hint: "stop-task on all sources of the task, remove the task's tables from the target and begin anew with start-task --remove-meta"}
}

// empty deletes all rows of a table, some at a time, each time fenced: a worker
// that was suspended must not delete what its successor has loaded.
func (r *run) empty(ctx context.Context, name string) error {
	const op, some = "remove rows that are loaded anew", 5000
	for {
		n := int64(0)
		err := r.fenced(ctx, r.db, op, func(ctx context.Context, ex checkpoint.Execer) error {
			if err := r.cfg.Meta.Hold(ctx, ex); err != nil {
				return err
			}
			res, err := ex.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s LIMIT %d", name, some))
			if err != nil {
				return dbconn.ExecError(fault.Downstream, op, err)
			}
			n, err = res.RowsAffected()
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}
