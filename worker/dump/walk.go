package dump

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/dbconn"
)

// walker cuts one range of a table by counting rows along its key. It reads
// the index and sends nothing, so it is well ahead of those who read the rows,
// and what it has read is in the server's memory when they come.
type walker struct {
	db *dbconn.DB
	t  *table
}

// cut gives the pieces of r in turn; last tells that none will follow. The last
// two are cut so that no piece is smaller than half of the others.
func (w walker) cut(ctx context.Context, r keyRange, each func(r keyRange, last bool) error) error {
	from := r.from
	next, err := w.after(ctx, keyRange{from, r.to}, w.t.step)
	if err != nil {
		return err
	}
	for next != nil {
		// [from, next) is a piece, unless too little is behind it.
		more, err := w.after(ctx, keyRange{next, r.to}, w.t.step)
		if err != nil {
			return err
		}
		if more == nil {
			if rest, err := w.after(ctx, keyRange{next, r.to}, w.t.step/2); err != nil || rest == nil {
				return errors.Join(err, each(keyRange{from, r.to}, true))
			}
		}
		if err := each(keyRange{from, next}, false); err != nil {
			return err
		}
		from, next = next, more
	}
	return each(keyRange{from, r.to}, true)
}

// after gives the key behind the first n rows of a range as a bound, nil when
// there are not so many. Rows with equal keys, which there are when the key is
// not unique or known in part only, are on one side of the bound.
func (w walker) after(ctx context.Context, r keyRange, n int64) ([]string, error) {
	k := w.t.key
	beyond := "1"
	switch {
	case len(r.from) > 0:
		beyond = k.compare(r.from, ">", ">")
	case k.columns[0].nullable:
		beyond = dbconn.Ident(k.columns[0].name) + " IS NOT NULL"
	}
	bound, is, err := w.key(ctx, beyond, k.condition(r), max(1, n))
	if err != nil || bound == nil || is {
		return bound, err
	}
	// All n rows have one key: the bound is the next one.
	all := k.condition(r)
	if all != "" {
		all = " AND " + all
	}
	bound, _, err = w.key(ctx, "1", "("+beyond+")"+all, 0)
	return bound, err
}

// key reads the key of the row behind n others and whether it meets a condition.
func (w walker) key(ctx context.Context, cond, where string, n int64) (bound []string, is bool, err error) {
	k := w.t.key
	exprs, order := make([]string, len(k.columns)), make([]string, len(k.columns))
	for i, c := range k.columns {
		exprs[i], order[i] = c.expr(), dbconn.Ident(c.name)
	}
	if where != "" {
		where = " WHERE " + where
	}
	values := make([]sql.NullString, len(k.columns))
	targets := []any{&is}
	for i := range values {
		targets = append(targets, &values[i])
	}
	q := fmt.Sprintf("SELECT %s, %s FROM %s FORCE INDEX (%s)%s ORDER BY %s LIMIT 1 OFFSET %d", cond, strings.Join(exprs, ", "),
		dbconn.Ident(w.t.Schema, w.t.Table), dbconn.Ident(k.index), where, strings.Join(order, ", "), n)
	err = w.db.QueryRowContext(ctx, q).Scan(targets...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	bound = make([]string, len(values))
	for i, v := range values {
		bound[i] = k.columns[i].literal(v.String)
	}
	return bound, is, nil
}
