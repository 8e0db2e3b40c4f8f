package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/load/sqlfile"
)

// batch is what one transaction carries: statements, and the settings of the
// file under which they were written.
type batch struct {
	statements []statement
	set        sqlfile.Settings
}

// commit puts one batch into the target together with the offset behind it.
func (l *lane) commit(ctx context.Context, it item, next checkpoint.Chunk, b batch) error {
	if l.careful {
		return l.resolve(ctx, it, next, b)
	}
	if done, err := l.tryInfile(ctx, it, next, b); done || err != nil {
		return err
	}
	err := l.transaction(ctx, next, b, func(tx *sql.Tx) (statement, error) {
		for _, s := range b.statements {
			if err := l.insert(ctx, tx, it, s); err != nil {
				return s, err
			}
		}
		return b.statements[0], nil
	})
	var at *refusal
	if !errors.As(err, &at) {
		return err
	}
	if !duplicate(at.err) {
		return l.rowError(it, at.statement, at.err)
	}
	if way := l.way(it.table); way == config.DuplicateError || way == "" {
		return l.clash(ctx, it, b, at)
	}
	l.careful = true
	return l.resolve(ctx, it, next, b)
}

// way is what to do with a row that is there already.
func (r *run) way(t *table) config.OnDuplicate {
	if t.mixed {
		return config.DuplicateReplace
	}
	return r.cfg.Subtask.Load.OnDuplicate
}

// refusal is what the target has answered to a statement, or to the COMMIT
// behind it.
type refusal struct {
	statement statement
	err       error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// transaction executes what do does and the record of next in one transaction.
// do answers the statement that an error, its own or the COMMIT's, is about.
func (l *lane) transaction(ctx context.Context, next checkpoint.Chunk, b batch, do func(*sql.Tx) (statement, error)) error {
	start := time.Now()
	if err := l.inZone(ctx, b.set); err != nil {
		return err
	}
	tx, err := l.conn.BeginTx(ctx, nil)
	if err != nil {
		return dbconn.Error(fault.Downstream, "begin", err)
	}
	l.metrics.begin.Observe(time.Since(start).Seconds())
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, before it the error is already known
	if err := l.cfg.Meta.AdvanceChunk(ctx, tx, next); err != nil {
		return err
	}
	if err := l.names(ctx, tx, b.set, true); err != nil {
		return err
	}
	at, err := do(tx)
	if err != nil {
		l.names(ctx, tx, b.set, false) //nolint:errcheck // a session that stays altered is not used again
		return asRefusal(at, err)
	}
	if err := l.names(ctx, tx, b.set, false); err != nil {
		return err
	}
	begin := time.Now()
	if err := tx.Commit(); err != nil {
		return asRefusal(at, err)
	}
	l.metrics.commit.Observe(time.Since(begin).Seconds())
	return nil
}

// asRefusal keeps which statement an answer of the target is about.
func asRefusal(at statement, err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return &refusal{at, err}
}

// names lets the session take text in the character set of a foreign file, and
// back: our own statements compare names, for which it must be ours.
func (l *lane) names(ctx context.Context, tx *sql.Tx, set sqlfile.Settings, theirs bool) error {
	if set.Names == "" || strings.EqualFold(set.Names, "utf8mb4") {
		return nil
	}
	name := "utf8mb4"
	if theirs {
		name = set.Names
	}
	l.altered = theirs
	if _, err := tx.ExecContext(ctx, "SET NAMES "+name); err != nil {
		l.altered = true
		return dbconn.ExecError(fault.Downstream, "set the character set of the dump", err)
	}
	l.altered = theirs || l.zone != ""
	return nil
}

// insert executes one statement. One with error values of ENUMs needs a session
// that is not strict; the warnings then say that nothing else was altered.
func (l *lane) insert(ctx context.Context, tx *sql.Tx, it item, s statement) error {
	begin := time.Now()
	if s.invalid > 0 {
		if err := l.setMode(ctx, tx, lenientMode); err != nil {
			return err
		}
	}
	text, err := l.toTarget(it, s.text)
	if err != nil {
		return fault.Wrap(place(it, s), err)
	}
	if _, err := tx.ExecContext(ctx, view(text)); err != nil {
		return err
	}
	l.metrics.stmt.Observe(time.Since(begin).Seconds())
	if err := l.warnings(ctx, tx, it, s, false); err != nil {
		return err
	}
	if s.invalid > 0 {
		return l.setMode(ctx, tx, targetMode)
	}
	return nil
}

// view is a text without a copy: the driver only reads it, and the bytes do not
// change meanwhile.
func view(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }

// setMode sets the sql_mode. When a failure leaves the session in the lenient
// one, no harm is done: there is no INSERT whose warnings are not looked at.
func (l *lane) setMode(ctx context.Context, tx *sql.Tx, mode string) error {
	_, err := tx.ExecContext(ctx, "SET SESSION sql_mode = '"+mode+"'")
	return dbconn.Error(fault.Downstream, "set the sql_mode", err)
}

// warnings makes an error of anything that the server altered in order to take
// a row. Each error value of an ENUM gives one warning, and no more are allowed;
// an INSERT IGNORE (duplicates) one for each row that is there already.
func (l *lane) warnings(ctx context.Context, tx *sql.Tx, it item, s statement, duplicates bool) error {
	const op = "read the warnings of an INSERT"
	rows, err := tx.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return dbconn.Error(fault.Downstream, op, err)
	}
	defer rows.Close()
	expected := s.invalid
	for rows.Next() {
		var (
			level  string
			number uint16
			text   string
		)
		if err := rows.Scan(&level, &number, &text); err != nil {
			return dbconn.Error(fault.Downstream, op, err)
		}
		if dbconn.AboutWords(number) || duplicates && duplicateNumber(number) {
			continue
		}
		if expected--; expected >= 0 && number == dbconn.WarnTruncated {
			continue
		}
		return &fault.Error{Op: place(it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec,
			Msg:  "the target would have altered a row",
			Err:  &mysql.MySQLError{Number: number, Message: text},
			Hint: "give the column on the target the type that it has on the source, then resume-task"}
	}
	if err := rows.Err(); err != nil || expected == 0 {
		return dbconn.Error(fault.Downstream, op, err)
	}
	return &fault.Error{Op: place(it, s), Kind: fault.Data, Side: fault.Downstream, Code: codeExec,
		Msg:  "the row has the error value of an ENUM, and the column on the target is no ENUM",
		Hint: "give the column on the target the type that it has on the source, then resume-task"}
}

func duplicateNumber(n uint16) bool { return n == 1062 || n == 1586 }

// duplicate tells whether the target refused a row because of one that it holds.
func duplicate(err error) bool {
	var my *mysql.MySQLError
	return errors.As(err, &my) && duplicateNumber(my.Number)
}

// rowError names where in the dump the refused rows stand.
func (l *lane) rowError(it item, s statement, err error) error {
	out := dbconn.ExecError(fault.Downstream, place(it, s), err)
	var f *fault.Error
	if fault.Transient(err) || !errors.As(out, &f) {
		return out
	}
	var my *mysql.MySQLError
	if errors.As(err, &my) && (my.Number == 1146 || my.Number == 1049) {
		f.Hint = "find out who dropped it; resume-task creates the table anew and loads it from its beginning"
	}
	if f.Hint == "" {
		f.Hint = "repair the table or the server of the target, then resume-task"
	}
	return out
}

func place(it item, s statement) string {
	return fmt.Sprintf("load table %s.%s, file %s, statement at byte %d", it.table.Schema, it.table.Table, it.file.name, s.from)
}
