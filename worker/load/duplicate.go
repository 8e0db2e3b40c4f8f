package load

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// shownConflicts is how many conflicting rows of a pass are logged with the
// values of both sides. Behind them rows are only counted, which goes faster.
const shownConflicts = 20

// shownValue and shownRow bound what of a row is shown, bytes.
const (
	shownValue = 60
	shownRow   = 400
)

// careful is a transaction in which rows may be there already.
type careful struct {
	*lane
	tx   *sql.Tx
	it   item
	keys *keys
	set  sqlfile.Settings
	now  statement // the one that is being executed
	in   sqlfile.Insert
	met  []conflict // so many as are to be shown
	n    int64      // rows that were there already
}

// conflict is a row that is there already.
type conflict struct{ ours, theirs string }

// text names both rows.
func (c conflict) text() string {
	theirs := c.theirs
	if theirs == "" {
		theirs = "a row that could not be read"
	}
	return "the dump has " + c.ours + ", the target has " + theirs
}

// clash gives the error about a row that the target holds already, with both
// rows, after a transaction that was refused because of it.
func (l *lane) clash(ctx context.Context, it item, b batch, at *refusal) error {
	out := &fault.Error{Op: place(it, at.statement), Kind: fault.Data, Side: fault.Downstream, Code: codeExec, Err: at.err,
		Msg: "the target holds a row with the same key that this task did not load",
		Hint: "find out who wrote it; empty the table on the target, or choose with on-duplicate-logical: replace or ignore in the task's loaders" +
			" section which of the two stays; then resume-task"}
	defer l.drop() // its settings are changed here
	l.altered = true
	c, err := l.begin(ctx, it, b)
	if err != nil {
		return out
	}
	defer c.tx.Rollback() //nolint:errcheck // it is only looked at what would happen
	for _, s := range b.statements {
		if c.parse(s) != nil {
			return out
		}
		found, err := c.first(ctx, 0, len(c.in.Rows))
		if err != nil {
			return out
		}
		if found >= 0 {
			out.Op = place(it, part(s, c.in, found, found+1))
			out.Msg += ": " + c.rows(ctx, found).text()
			return out
		}
	}
	return out
}

// begin opens a transaction that finds duplicates at once, also in TiDB.
func (l *lane) begin(ctx context.Context, it item, b batch) (*careful, error) {
	if err := l.connect(ctx, it.table.to.Schema); err != nil {
		return nil, err
	}
	if err := l.inZone(ctx, b.set); err != nil {
		return nil, err
	}
	if err := l.checkInPlace(ctx); err != nil {
		return nil, err
	}
	k, err := l.keysOf(ctx, it.table)
	if err == nil && !k.transactional {
		err = fault.New(fault.Unsupported, "what is tried in this table cannot be taken back")
	}
	if err != nil {
		return nil, err
	}
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := l.names(ctx, tx, b.set, true); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return &careful{lane: l, tx: tx, it: it, keys: k, set: b.set}, nil
}

// checkInPlace lets the session say at once which row is there already, and
// warn of each. The session does not go back to the pool.
func (l *lane) checkInPlace(ctx context.Context) error {
	l.altered = true
	vars := "SET SESSION max_error_count = 65535"
	if l.run.db.Server.TiDB {
		vars += ", SESSION tidb_constraint_check_in_place = 1"
	}
	_, err := l.conn.ExecContext(ctx, vars)
	return dbconn.ExecError(fault.Downstream, "set up a session for rows that are there already", err)
}

// resolve puts a batch into the target in which rows may be there already.
func (l *lane) resolve(ctx context.Context, it item, next checkpoint.Chunk, b batch) error {
	if err := l.checkInPlace(ctx); err != nil {
		return err
	}
	k, err := l.keysOf(ctx, it.table)
	if err != nil {
		return err
	}
	if !k.transactional {
		return &fault.Error{Op: place(it, b.statements[0]), Kind: fault.Unsupported, Side: fault.Downstream, Code: codeExec,
			Msg:  "rows are there already, and the table's storage engine on the target has no transactions",
			Hint: "empty the table, or give it another engine with ALTER TABLE ... ENGINE = InnoDB; then resume-task"}
	}
	c := &careful{lane: l, it: it, keys: k, set: b.set}
	err = l.transaction(ctx, next, b, func(tx *sql.Tx) (statement, error) {
		c.tx, c.n, c.met = tx, 0, nil
		for _, s := range b.statements {
			if err := c.statement(ctx, s); err != nil {
				return s, err
			}
		}
		return b.statements[0], nil
	})
	l.altered = true
	if r, ok := err.(*refusal); ok {
		return l.rowError(it, r.statement, r.err)
	}
	if err != nil {
		return err
	}
	l.met(it, c.met, c.n)
	return nil
}

func (c *careful) parse(s statement) error {
	in, err := sqlfile.ParseInsert(s.text, nil)
	c.now, c.in = s, in
	return err
}

// statement puts the rows of one statement into the target.
func (c *careful) statement(ctx context.Context, s statement) error {
	if err := c.parse(s); err != nil {
		return err
	}
	return c.put(ctx, 0, len(c.in.Rows))
}

// put puts the rows from i to before j into the target: together, else in
// halves, down to the rows that are there already.
func (c *careful) put(ctx context.Context, i, j int) error {
	if c.enough() && c.bulk() {
		return c.putAll(ctx, i, j)
	}
	err := c.insert(ctx, c.tx, c.it, part(c.now, c.in, i, j))
	if !duplicate(err) {
		return err
	}
	if j == i+1 {
		return c.one(ctx, i, err)
	}
	mid := (i + j) / 2
	if err := c.put(ctx, i, mid); err != nil {
		return err
	}
	return c.put(ctx, mid, j)
}

// first finds the first row from i to before j that is there already; -1 for
// none. The rows before it are in the transaction then.
func (c *careful) first(ctx context.Context, i, j int) (int, error) {
	err := c.insert(ctx, c.tx, c.it, part(c.now, c.in, i, j))
	if !duplicate(err) {
		return -1, err
	}
	if j == i+1 {
		return i, nil
	}
	mid := (i + j) / 2
	if at, err := c.first(ctx, i, mid); at >= 0 || err != nil {
		return at, err
	}
	return c.first(ctx, mid, j)
}

// enough tells whether the conflicts to show have been met. In a mixed table they
// are no conflicts.
func (c *careful) enough() bool { return c.it.table.mixed || c.conflicts.Load()+c.n >= shownConflicts }

// bulk tells whether one statement may do for many rows: REPLACE must not
// delete by a key that the source does not have.
func (c *careful) bulk() bool {
	return c.now.invalid == 0 && (c.way(c.it.table) == config.DuplicateIgnore || len(c.keys.extra) == 0)
}

// putAll leaves to the server which rows are there already.
func (c *careful) putAll(ctx context.Context, i, j int) error {
	s := part(c.now, c.in, i, j)
	verb, ignore := "REPLACE", c.way(c.it.table) == config.DuplicateIgnore
	if ignore {
		verb = "INSERT IGNORE"
	}
	text, err := c.toTarget(c.it, s.text)
	if err != nil {
		return fault.Wrap(place(c.it, s), err)
	}
	res, err := c.tx.ExecContext(ctx, verb+string(bytes.TrimPrefix(text, []byte("INSERT"))))
	if err != nil {
		return err
	}
	if err := c.warnings(ctx, c.tx, c.it, s, ignore); err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if ignore {
		c.n += s.rows - n
	} else {
		c.n += n - s.rows // a row that took the place of another counts twice
	}
	return nil
}

// one decides about a row that is there already.
func (c *careful) one(ctx context.Context, i int, cause error) error {
	both := c.rows(ctx, i)
	if !c.enough() {
		c.met = append(c.met, both)
	}
	c.n++
	if c.way(c.it.table) == config.DuplicateIgnore {
		return nil
	}
	if c.bulk() { // the server finds the row by keys whose values are not in ours, too
		n := c.n
		err := c.putAll(ctx, i, i+1)
		c.n = n
		return err
	}
	values := c.values(i)
	if where := c.keys.where(c.keys.own, c.in.Columns, values, c.set); where != "" {
		res, err := c.tx.ExecContext(ctx, "DELETE FROM "+dbconn.Ident(c.it.table.to.Table)+" WHERE "+where)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n > int64(len(c.keys.own)) {
			return errors.Join(err, fault.New(fault.Internal, fmt.Sprintf("a row would take the place of %d rows with %d unique keys", n, len(c.keys.own))))
		}
	}
	s := part(c.now, c.in, i, i+1)
	err := c.insert(ctx, c.tx, c.it, s)
	if !duplicate(err) {
		return err
	}
	return &fault.Error{Op: place(c.it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec, Err: err,
		Msg:  "the row clashes with another one in a unique key that only the target has, so replacing would lose a row: " + c.rows(ctx, i).text(),
		Hint: "remove that unique key from the target, or the row that is there; then resume-task"}
}

func (c *careful) values(i int) [][]byte { return sqlfile.Values(c.in.Rows[i].Of(c.now.text)) }

// rows gives a row of the statement and the row of the target that has a key of
// it.
func (c *careful) rows(ctx context.Context, i int) conflict {
	values := c.values(i)
	shown := make([]string, len(values))
	for j, v := range values {
		shown[j] = string(cut(v, shownValue))
	}
	return conflict{ours: rowText(c.in.Columns, shown), theirs: c.there(ctx, values)}
}

// there reads a row of the target that has one of a row's unique values; "" when
// none is found.
func (c *careful) there(ctx context.Context, values [][]byte) string {
	where := c.keys.where(append(c.keys.own[:len(c.keys.own):len(c.keys.own)], c.keys.extra...), c.in.Columns, values, c.set)
	if where == "" {
		return ""
	}
	rows, err := c.tx.QueryContext(ctx, "SELECT * FROM "+dbconn.Ident(c.it.table.to.Table)+" WHERE "+where+" LIMIT 1")
	if err != nil {
		return ""
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil || !rows.Next() {
		return ""
	}
	raw := make([]sql.RawBytes, len(names))
	into := make([]any, len(names))
	for i := range raw {
		into[i] = &raw[i]
	}
	if rows.Scan(into...) != nil {
		return ""
	}
	shown := make([]string, len(names))
	for i, v := range raw {
		shown[i] = "NULL"
		if v != nil {
			shown[i] = fmt.Sprintf("%q", cut(v, shownValue))
		}
	}
	return rowText(names, shown)
}

// rowText is a row for a person.
func rowText(names, values []string) string {
	var b strings.Builder
	b.WriteByte('(')
	for i, v := range values {
		if b.Len() > shownRow {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		if i < len(names) {
			b.WriteString(names[i] + "=")
		}
		b.WriteString(strings.ToValidUTF8(v, "\uFFFD"))
	}
	b.WriteByte(')')
	return b.String()
}

func cut(v []byte, n int) []byte {
	if len(v) <= n {
		return v
	}
	return append(append([]byte{}, v[:n]...), "…"...)
}

// met counts conflicts whose rows are committed, and logs the first.
func (u *Unit) met(it item, shown []conflict, n int64) {
	if it.table.mixed {
		return
	}
	for _, c := range shown {
		u.log.Warn("a row of the dump is on the target already", slog.String("on-duplicate", string(u.cfg.Subtask.Load.OnDuplicate)),
			"table", dbconn.Ident(it.table.Schema, it.table.Table), "rows", c.text())
	}
	if n == 0 {
		return
	}
	u.conflicts.Add(n)
	u.metrics.conflicts.Add(float64(n))
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(shown) > 0 {
		u.lastConflict = fmt.Sprintf("table %s: %s", dbconn.Ident(it.table.Schema, it.table.Table), shown[len(shown)-1].text())
	}
}
