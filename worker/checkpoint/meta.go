package checkpoint

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// Meta is the record of one (task, source) on the target, held under an epoch.
// All methods may be called by several goroutines at once.
type Meta struct {
	DB     *dbconn.DB
	Schema string
	Task   string
	Source string
	Epoch  uint64
}

// Execer runs a statement: a *sql.Tx, *sql.Conn or *sql.DB. A method that takes
// one wants the transaction that carries the data which its record is about.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Open creates the meta schema and tables where they are missing and takes the
// source over for epoch. It answers ErrFenced when a newer epoch is there. The
// connection pool stays the caller's.
func Open(ctx context.Context, db *dbconn.DB, sub config.Subtask, epoch uint64) (*Meta, error) {
	m := Attach(db, sub, epoch)
	if err := m.checkNames(); err != nil {
		return nil, err
	}
	if err := m.createSchema(ctx); err != nil {
		return nil, err
	}
	list := tables()
	if sub.Online != nil {
		list = append(list, onlineTable())
	}
	for _, t := range list {
		if err := m.createTable(ctx, t); err != nil {
			return nil, err
		}
	}
	if err := m.checkEngines(ctx, list); err != nil {
		return nil, err
	}
	if err := m.TakeOver(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// Attach gives the record beside a run that has opened it under the same epoch.
func Attach(db *dbconn.DB, sub config.Subtask, epoch uint64) *Meta {
	return &Meta{DB: db, Schema: sub.MetaSchema, Task: sub.Task, Source: sub.SourceID, Epoch: epoch}
}

// checkNames refuses a task whose meta tables would have names that no server accepts.
func (m *Meta) checkNames() error {
	longest := 0
	for _, t := range tables() {
		longest = max(longest, len(t.suffix))
	}
	if n := utf8.RuneCountInString(m.Task); n+longest > maxIdent {
		return &fault.Error{Op: m.op("open meta tables"), Kind: fault.Invalid, Side: fault.Downstream,
			Msg: fmt.Sprintf("task name %q has %d characters; its meta tables would have names longer than the %d characters a server allows",
				m.Task, n, maxIdent),
			Hint: fmt.Sprintf("choose a task name of at most %d characters", maxIdent-longest)}
	}
	return nil
}

func (m *Meta) createSchema(ctx context.Context) error {
	var one int
	err := m.DB.QueryRowContext(ctx, "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?", m.Schema).Scan(&one)
	if err == nil {
		return nil // a user without CREATE on *.* may still use a schema that is there
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return m.wrap("look for the meta schema", err)
	}
	_, err = m.DB.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+dbconn.Ident(m.Schema))
	return m.wrap("create the meta schema", err)
}

func (m *Meta) createTable(ctx context.Context, t tableDef) error {
	name := m.table(t.suffix)
	_, err := m.DB.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+name+" ("+t.body+"\n)"+tableTail)
	if err == nil {
		return nil
	}
	if denied(err) {
		// Someone with more rights may have made the table beforehand.
		if _, perr := m.DB.ExecContext(ctx, "DELETE FROM "+name+" WHERE 1 = 0"); perr == nil {
			return nil
		}
	}
	return m.wrap("create meta table "+name, err)
}

// checkEngines refuses meta tables whose engine has no transactions, which others may
// have made: what they say would not go with the rows that it is about.
func (m *Meta) checkEngines(ctx context.Context, list []tableDef) error {
	const op = "look at the engines of the meta tables"
	if m.DB.Server.TiDB {
		return nil
	}
	var names []any
	for _, t := range list {
		names = append(names, m.Task+t.suffix)
	}
	var name, engine string
	err := m.DB.QueryRowContext(ctx, "SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?"+strings.Repeat(", ?", len(names)-1)+
		") AND ENGINE IN ('BLACKHOLE', "+dbconn.EnginesWithoutTransactions+") LIMIT 1", append([]any{m.Schema}, names...)...).Scan(&name, &engine)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return m.wrap(op, err)
	}
	name = dbconn.Ident(m.Schema, name)
	return &fault.Error{Op: m.op(op), Kind: fault.Unsupported, Side: fault.Downstream,
		Msg:  fmt.Sprintf("the meta table %s has the engine %s, which has no transactions", name, engine),
		Hint: "on the target ALTER TABLE " + name + " ENGINE = InnoDB, then resume-task"}
}

// TakeOver raises the epoch of every row of this source to ours, in one
// transaction, and makes the subtask row when there is none yet. After it no
// statement of an older epoch changes anything.
func (m *Meta) TakeOver(ctx context.Context) error {
	const attempts, wait = 50, 100 * time.Millisecond
	for n := 1; ; n++ {
		err := m.takeOver(ctx)
		// Under load a transaction of TiDB may begin with the structures of a moment
		// ago, in which a table that was just created is not there.
		var answer *mysql.MySQLError
		if n == attempts || !errors.As(err, &answer) || answer.Number != 1146 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
		}
	}
}

func (m *Meta) takeOver(ctx context.Context) error {
	const op = "take over the source in the target"
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return m.wrap(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	sub := m.table(suffixSubtask)
	if _, err := tx.ExecContext(ctx, "INSERT IGNORE INTO "+sub+" (source, task, epoch) VALUES (?, ?, 0)", m.Source, m.Task); err != nil {
		return m.wrap(op, err)
	}
	var task string
	if err := tx.QueryRowContext(ctx, "SELECT task FROM "+sub+" WHERE source = ? FOR UPDATE", m.Source).Scan(&task); err != nil {
		return m.wrap(op, err)
	}
	if task != m.Task {
		return &fault.Error{Op: m.op(op), Kind: fault.Conflict, Side: fault.Downstream,
			Msg:  fmt.Sprintf("meta table %s belongs to task %q; the target does not tell apart names that differ in case only", sub, task),
			Hint: "give the new task another name or another meta-schema"}
	}
	for _, t := range tables() {
		if !t.fenced {
			continue
		}
		if err := m.raise(ctx, tx, m.table(t.suffix)); err != nil {
			return m.wrap(op, err)
		}
	}
	return m.wrap(op, tx.Commit())
}

// raise lifts the epoch of our rows in one table; a higher one there is
// ErrFenced. The read locks, so that it sees what is committed now and not
// what was when the transaction began.
func (m *Meta) raise(ctx context.Context, tx *sql.Tx, table string) error {
	var newest sql.Null[uint64]
	q := "SELECT MAX(epoch) FROM " + table + " WHERE source = ? FOR UPDATE"
	if err := tx.QueryRowContext(ctx, q, m.Source).Scan(&newest); err != nil {
		return err
	}
	if newest.Valid && newest.V > m.Epoch {
		return fmt.Errorf("epoch %d, ours is %d: %w", newest.V, m.Epoch, ErrFenced)
	}
	_, err := tx.ExecContext(ctx, "UPDATE "+table+" SET epoch = ?, attempt = attempt + 1 WHERE source = ? AND epoch <= ?",
		m.Epoch, m.Source, m.Epoch)
	return err
}

// held runs fn in a transaction that adds or removes rows, fenced by Hold.
func (m *Meta) held(ctx context.Context, op string, fn func(tx *sql.Tx) error) error {
	tx, err := m.DB.BeginTx(ctx, nil)
	if err != nil {
		return m.wrap(op, err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := m.Hold(ctx, tx); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	return m.wrap(op, tx.Commit())
}

// Hold fences a transaction that adds or removes rows: it touches the subtask row under
// our epoch and so waits for, or loses against, a TakeOver.
func (m *Meta) Hold(ctx context.Context, ex Execer) error {
	res, err := ex.ExecContext(ctx, "UPDATE "+m.table(suffixSubtask)+" SET attempt = attempt + 1 WHERE source = ?"+fence+"?",
		m.Source, m.Epoch)
	return m.matched("hold the source in the target", res, err)
}

// matched turns the outcome of a fenced UPDATE into an error: none of ours
// matched means ErrFenced.
func (m *Meta) matched(op string, res sql.Result, err error) error {
	if err != nil {
		return m.wrap(op, err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return m.wrap(op, err)
	}
	if n == 0 {
		return m.wrap(op, ErrFenced)
	}
	return nil
}

// Remove drops all meta tables of a task, DM's own included, for a start
// from scratch. The meta schema stays.
func Remove(ctx context.Context, db *dbconn.DB, metaSchema, task string) error {
	m := &Meta{DB: db, Schema: metaSchema, Task: task}
	suffixes := append(dmSuffixes(), suffixProbe)
	for _, t := range tables() {
		suffixes = append(suffixes, t.suffix)
	}
	for _, s := range suffixes {
		if utf8.RuneCountInString(task+s) > maxIdent {
			continue // such a table cannot exist
		}
		if _, err := db.ExecContext(ctx, "DROP TABLE IF EXISTS "+m.table(s)); err != nil {
			var my *mysql.MySQLError
			if errors.As(err, &my) && my.Number == 1049 {
				return nil // no such schema: nothing to remove
			}
			return m.wrap("drop meta table "+m.table(s), err)
		}
	}
	return nil
}

func (m *Meta) op(what string) string {
	if m.Source == "" {
		return fmt.Sprintf("%s: task %s", what, m.Task)
	}
	return fmt.Sprintf("%s: task %s, source %s", what, m.Task, m.Source)
}

// wrap gives an error its operation and, when the target refused for lack of
// rights, the GRANT that helps.
func (m *Meta) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrFenced) {
		return &fault.Error{Op: m.op(what), Kind: fault.Conflict, Side: fault.Downstream, Err: err,
			Hint: "nothing to do: the worker that is bound to the source goes on with the task"}
	}
	if denied(err) {
		return &fault.Error{Op: m.op(what), Kind: fault.Conflict, Side: fault.Downstream, Err: err,
			Hint: fmt.Sprintf("grant the target-database user the rights on the meta schema: GRANT CREATE, DROP, SELECT, INSERT, UPDATE, DELETE ON %s.* TO <user>",
				dbconn.Ident(m.Schema))}
	}
	return dbconn.Error(fault.Downstream, m.op(what), err)
}

// denied tells a refusal for lack of privileges.
func denied(err error) bool {
	var my *mysql.MySQLError
	if !errors.As(err, &my) {
		return false
	}
	switch my.Number {
	case 1044, 1142, 1227: // access to database, command on table, needed privilege
		return true
	}
	return false
}
