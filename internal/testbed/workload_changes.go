package testbed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
)

// change is one random statement (or a small group that belongs together) on
// one random table.
func (w *Workload) change(ctx context.Context, ex execer, r *rand.Rand, did *Counts) error {
	c := changer{w: w, ex: ex, r: r, did: did}
	awkward := []func(context.Context) error{c.noKey, c.composite, c.uniqueNulls, c.types, c.stringKey}
	if w.SysbenchOnly || w.SysbenchTables > 0 && r.IntN(2) == 0 {
		return c.sysbench(ctx)
	}
	return awkward[r.IntN(len(awkward))](ctx)
}

// changer carries what one statement needs.
type changer struct {
	w   *Workload
	ex  execer
	r   *rand.Rand
	did *Counts
}

// exec runs a statement on a table (%t in the text) and counts its rows.
func (c changer) exec(ctx context.Context, count *int64, table, query string, args ...any) error {
	res, err := c.ex.ExecContext(ctx, strings.ReplaceAll(query, "%t", c.w.table(table)), args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	*count += n
	return err
}

func (c changer) sysbench(ctx context.Context) error {
	n := 1 + c.r.IntN(c.w.SysbenchTables)
	t := fmt.Sprintf("sbtest%d", n)
	id := 1 + c.r.IntN(c.w.ids)
	switch c.r.IntN(8) {
	case 0, 1:
		c.did.Inserts++
		return c.w.insertSysbench(ctx, c.ex, n, 1, c.r)
	case 2:
		rows := 2 + c.r.IntN(20)
		c.did.Inserts += int64(rows)
		return c.w.insertSysbench(ctx, c.ex, n, rows, c.r)
	case 3:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET k = k + 1 WHERE id = ?", id)
	case 4:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET c = ? WHERE id BETWEEN ? AND ?", digits(c.r, 119), id, id+c.r.IntN(10))
	case 5:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE id BETWEEN ? AND ?", id, id+c.r.IntN(3))
	case 6: // a primary key moves; far away, so that it seldom meets another
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET id = ? WHERE id = ?", 1_000_000+c.r.IntN(500_000_000), id)
	default:
		if err := c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE id = ?", id); err != nil {
			return err
		}
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (id, k, c, pad) VALUES (?, ?, ?, ?)", id, c.r.IntN(1<<30), digits(c.r, 119), digits(c.r, 59))
	}
}

// noKey writes rows that occur several times and changes one or all of them.
func (c changer) noKey(ctx context.Context) error {
	const t = "no_key"
	a := c.r.IntN(50)
	switch c.r.IntN(5) {
	case 0, 1:
		row := []any{a, word(c.r), "12.50"}
		rows := 1 + c.r.IntN(3)
		args := []any{}
		for range rows {
			args = append(args, row...)
		}
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (a, b, c) VALUES "+tuples(rows, 3), args...)
	case 2:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET b = ?, c = c + 0.01 WHERE a = ? LIMIT 1", word(c.r), a)
	case 3:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET b = ? WHERE a = ? AND b = ?", word(c.r), a, word(c.r))
	default:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE a = ? LIMIT ?", a, 1+c.r.IntN(3))
	}
}

func (c changer) composite(ctx context.Context) error {
	const t = "composite_key"
	a, b := c.r.IntN(200), word(c.r)
	switch c.r.IntN(5) {
	case 0, 1:
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (a, b, v, note) VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE v = v + 1", a, b, c.r.IntN(1000), text(c.r))
	case 2:
		return c.exec(ctx, &c.did.Inserts, t, "REPLACE INTO %t (a, b, v, note) VALUES (?, ?, ?, NULL)", a, b, c.r.IntN(1000))
	case 3: // half of the key moves
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET a = ? WHERE a = ? AND b = ?", c.r.IntN(200), a, b)
	default:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE a = ? AND b = ?", a, b)
	}
}

// uniqueNulls works on a nullable unique key, the table's only one.
func (c changer) uniqueNulls(ctx context.Context) error {
	const t = "unique_nulls"
	u := c.r.IntN(2000)
	switch c.r.IntN(6) {
	case 0:
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (u, v, n) VALUES (NULL, ?, ?)", word(c.r), c.r.IntN(20))
	case 1:
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (u, v, n) VALUES (?, ?, ?)", u, word(c.r), c.r.IntN(20))
	case 2:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET u = NULL WHERE u = ?", u)
	case 3:
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET v = ? WHERE u IS NULL AND n = ? LIMIT 2", word(c.r), c.r.IntN(20))
	case 4: // two rows exchange their unique value
		other := c.r.IntN(2000)
		for _, step := range [][2]int{{u, -1 - u}, {other, u}, {-1 - u, other}} {
			if err := c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET u = ? WHERE u = ?", step[1], step[0]); err != nil {
				return err
			}
		}
		return nil
	default:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE u = ? OR (u IS NULL AND n = ?) LIMIT 2", u, c.r.IntN(20))
	}
}

func (c changer) types(ctx context.Context) error {
	const t = "all_types"
	names := typeColumns()
	switch c.r.IntN(4) {
	case 0, 1:
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t ("+strings.Join(names, ", ")+") VALUES "+tuples(1, len(names)), typeValues(c.r)...)
	case 2:
		i := c.r.IntN(len(names))
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET "+names[i]+" = ? WHERE id = ?", typeValues(c.r)[i], 1+c.r.IntN(2000))
	default:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE id = ?", 1+c.r.IntN(2000))
	}
}

// stringKey has a key whose collation finds different texts equal.
func (c changer) stringKey(ctx context.Context) error {
	const t = "string_key"
	switch c.r.IntN(5) {
	case 0, 1:
		return c.exec(ctx, &c.did.Inserts, t, "INSERT INTO %t (code, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = v + 1", code(c.r), c.r.IntN(1000))
	case 2: // the key changes only in what the collation ignores, or wholly
		return c.exec(ctx, &c.did.Updates, t, "UPDATE %t SET code = ? WHERE code = ?", code(c.r), code(c.r))
	case 3:
		return c.exec(ctx, &c.did.Inserts, t, "REPLACE INTO %t (code, v) VALUES (?, ?)", code(c.r), c.r.IntN(1000))
	default:
		return c.exec(ctx, &c.did.Deletes, t, "DELETE FROM %t WHERE code = ?", code(c.r))
	}
}
