package load

import (
	"context"
	"fmt"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/route"
)

// A table of the target whose engine has no transactions (MyISAM, Aria, MEMORY)
// keeps the rows of a transaction that was interrupted, while the offset of their
// file stays behind. Where it has a unique key, the rows clash when they come
// again. Without one nothing would notice them, so they are counted.

// plain tells whether a table has neither transactions nor a unique key.
func (r *run) plain(ctx context.Context, to *route.Target) (bool, error) {
	if r.db.Server.TiDB {
		return false, nil
	}
	var n int
	err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.TABLES t WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?"+
		" AND ENGINE IN ("+dbconn.EnginesWithoutTransactions+") AND NOT EXISTS (SELECT 1 FROM information_schema.STATISTICS s"+
		" WHERE s.TABLE_SCHEMA = t.TABLE_SCHEMA AND s.TABLE_NAME = t.TABLE_NAME AND NON_UNIQUE = 0)", to.Schema, to.Table).Scan(&n)
	return n > 0, dbconn.Error(fault.Downstream, "look for the engine of the table on the target", err)
}

// checkWhole refuses to go on with a table that has rows of a transaction which was
// interrupted. With rows of other sources in it nobody can tell.
func (r *run) checkWhole(ctx context.Context, t *table) error {
	if t.touched {
		return nil
	}
	if plain, err := r.plain(ctx, t.to); err != nil || !plain {
		return err
	}
	var loaded int64
	left := false
	for _, o := range r.content.tables {
		if to, err := r.to(o.Name); err != nil || to.Schema != t.to.Schema || to.Table != t.to.Table {
			continue
		}
		for _, f := range o.files {
			loaded += r.chunks[f.name].Rows
			left = left || r.chunks[f.name].Offset < f.bytes
		}
	}
	alone, err := r.cfg.Meta.Alone(ctx)
	if err != nil || !alone || !left {
		return err
	}
	const op = "count the rows of the table on the target"
	name := dbconn.Ident(t.to.Schema, t.to.Table)
	var there int64
	if err := r.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+name).Scan(&there); err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	if there == loaded {
		return nil
	}
	return &fault.Error{Op: op, Kind: fault.Conflict, Side: fault.Downstream, Code: codeExec,
		Msg: fmt.Sprintf("table %s, whose engine has no transactions, holds %d rows, and %d are known to be loaded: without a unique key"+
			" nothing tells the others from those that are still to come", name, there, loaded),
		Hint: fmt.Sprintf("TRUNCATE TABLE %s on the target, then resume-task: it is loaded from its beginning; with ALTER TABLE %s ENGINE = InnoDB behind that it does not happen again", name, name)}
}
