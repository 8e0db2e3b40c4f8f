package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// checkSwaps refuses a shadow table that is not what the real table becomes by
// the statements that were recorded: rows have no column names, and its rows
// would land in other columns. It is asked before the first of list is executed.
func (d *ddlRunner) checkSwaps(ctx context.Context, t *Txn, list []ddl) error {
	for i := range list {
		err := d.patiently(ctx, "online", func() error { return d.checkSwap(ctx, list[i].online, list) })
		if err != nil {
			return hintAround(err)
		}
	}
	return nil
}

func (d *ddlRunner) checkSwap(ctx context.Context, w *onlineWork, list []ddl) error {
	if w == nil {
		return nil
	}
	for _, swap := range w.swaps {
		if err := d.structures.checkSwap(ctx, swap, list); err != nil {
			return err
		}
	}
	return nil
}

func (s *structures) checkSwap(ctx context.Context, swap onlineSwap, list []ddl) error {
	var columns copied
	for i := range list {
		if list[i].stmt == nil || list[i].idle || !slices.Contains(list[i].tables, swap.real) {
			continue
		}
		if err := columns.statement(list[i].stmt); err != nil {
			return err
		}
	}
	if len(columns.own) > 0 {
		s.log.Warn("rows that were there get other values in new columns than those that the online DDL tool has given them on the source",
			"table", dbconn.Ident(swap.real.Schema, swap.real.Table), "columns", columns.own)
	}
	if text, saved := s.saved[swap.shadow]; saved {
		if _, err := s.learn(ctx, swap.shadow, text); err != nil {
			return nil //nolint:nilerr // what was recorded cannot be read: nothing to compare with
		}
	}
	shadow, err := s.tracker.Table(swap.shadow)
	if err != nil {
		return nil //nolint:nilerr // it was created before the task began, or by a statement that nobody can follow
	}
	if _, err := s.table(ctx, swap.real, anyColumns); err != nil {
		if retryable(err) {
			return err
		}
		return nil // what is wrong with it, the statements tell
	}
	next := s.tracker.Clone()
	for i := range list {
		if !slices.Contains(list[i].tables, swap.real) || list[i].stmt == nil && !list[i].raw {
			continue
		}
		if list[i].raw {
			return nil
		}
		if _, err := next.Apply("", list[i].stmt); err != nil {
			return nil //nolint:nilerr // the structure will be read from the target
		}
	}
	real, err := next.Table(swap.real)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	if got, want := columnNames(shadow), columnNames(real); !slices.Equal(got, want) {
		return &fault.Error{Kind: fault.Schema, Side: fault.Upstream, Code: codeNoOnlineDDL,
			Msg: fmt.Sprintf("table %s takes the place of %s and is not what the statements that have changed it make of that one: it has the columns (%s) instead of (%s)",
				dbconn.Ident(swap.shadow.Schema, swap.shadow.Table), dbconn.Ident(swap.real.Schema, swap.real.Table),
				strings.Join(got, ", "), strings.Join(want, ", "))}
	}
	return nil
}

// forgetShadows removes the structures of shadow tables that are gone.
func (s *structures) forgetShadows(b *behind, w *onlineWork) {
	for _, n := range w.gone() {
		_, saved := s.saved[n]
		if _, err := b.tracker.Table(n); err == nil || saved {
			b.tracker.Drop(n)
			b.texts[n] = ""
		}
	}
}

// onlyOnline is what is left of a statement whose tables the dump has brought in
// their state behind it: what the statements to come have to know.
func onlyOnline(list []ddl) []ddl {
	for i := range list {
		if w := list[i].online; w != nil {
			return []ddl{{text: list[i].text, watch: w.changes[0].name, idle: true, why: "the dump is from behind it",
				online: &onlineWork{changes: w.changes}}}
		}
	}
	return nil
}
