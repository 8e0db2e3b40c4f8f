package syncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// autoIncrement is the counter in SHOW CREATE TABLE, which rows change too.
var autoIncrement = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// state gives what tells whether one ran: the structure of n, and where one
// changes only whose rows the table holds, the table's id.
func (d *ddlRunner) state(ctx context.Context, one *ddl, n schema.Name) (string, error) {
	text, err := d.structure(ctx, n)
	if err != nil || !one.swaps || text == "" {
		return text, err
	}
	id, err := d.tableID(ctx, n)
	return fmt.Sprintf("%s id=%d", text, id), err
}

// structure gives the CREATE text without the counter, "" where nothing exists.
func (d *ddlRunner) structure(ctx context.Context, n schema.Name) (string, error) {
	var text string
	var err error
	if n.Table == "" {
		text, err = d.db.CreateSchema(ctx, n.Schema)
	} else {
		text, err = d.db.CreateTable(ctx, n)
	}
	if absent(err) {
		return "", nil
	}
	return autoIncrement.ReplaceAllString(text, ""), err
}

// tableID asks for the number that stays with a table's rows when it is renamed
// or exchanged for a partition.
func (d *ddlRunner) tableID(ctx context.Context, n schema.Name) (int64, error) {
	query, args := "SELECT TABLE_ID FROM information_schema.INNODB_SYS_TABLES WHERE NAME = ?", []any{n.Schema + "/" + n.Table}
	switch {
	case d.db.Server.TiDB:
		query, args = "SELECT TIDB_TABLE_ID FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?", []any{n.Schema, n.Table}
	case d.db.Server.Flavor != binlog.MariaDB:
		query = "SELECT TABLE_ID FROM information_schema.INNODB_TABLES WHERE NAME = ?"
	}
	var id int64
	err := d.db.QueryRowContext(ctx, query, args...).Scan(&id)
	if err == nil || retryable(err) {
		return id, err
	}
	return 0, &fault.Error{Kind: fault.Unsupported, Side: fault.Downstream, Code: codeHandleDDL, Err: err,
		Msg: fmt.Sprintf("the target does not tell the id of table %s, without which nobody can know after a broken connection "+
			"whether its rows were exchanged", dbconn.Ident(n.Schema, n.Table)),
		Hint: "grant PROCESS to the user on the target, then resume-task; or execute the statement by hand and go on behind it"}
}

// session prepares the session for a source statement: what the source's
// session had that changes what a definition means.
func (d *ddlRunner) session(ctx context.Context, conn *sql.Conn, one *ddl, st *Statement) error {
	vars := []string{"sql_mode = '" + sessionMode(st, one.quoted) + "'"}
	if st.vars.unchecked {
		vars = append(vars, "foreign_key_checks = 0")
	}
	if one.home != "" {
		if _, err := conn.ExecContext(ctx, "USE "+dbconn.Ident(one.home)); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, "SET SESSION "+strings.Join(vars, ", SESSION ")); err != nil {
		return err
	}
	for _, take := range []func(context.Context, *sql.Conn, *ddl, *Statement) error{d.takeNumbers, d.takeStamps, d.takeTime, d.takeZone} {
		if err := take(ctx, conn, one, st); err != nil {
			return err
		}
	}
	return nil
}

// takeNumbers gives rows the numbers that they have on the source.
func (d *ddlRunner) takeNumbers(ctx context.Context, conn *sql.Conn, one *ddl, st *Statement) error {
	if !numbers(one.node) {
		return nil
	}
	step, offset, its, from := max(1, st.vars.step), max(1, st.vars.offset), uint16(0), uint16(0)
	err := conn.QueryRowContext(ctx, "SELECT @@auto_increment_increment, @@auto_increment_offset").Scan(&its, &from)
	if err == nil && (its != step || from != offset) { // else no right to set them is needed
		_, err = conn.ExecContext(ctx, fmt.Sprintf("SET SESSION auto_increment_increment = %d, SESSION auto_increment_offset = %d", step, offset))
	}
	return err
}

// takeTime takes the source's time, which CURRENT_TIMESTAMP fills new columns with. A
// target may forbid to set it.
func (d *ddlRunner) takeTime(ctx context.Context, conn *sql.Conn, one *ddl, st *Statement) error {
	var answer *mysql.MySQLError
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION timestamp = %d.%06d", st.Time, st.vars.micros))
	if err != nil && (!errors.As(err, &answer) || fault.Transient(err)) {
		return err
	}
	if err != nil {
		d.log.Warn("the target does not let a DDL have the source's time", "answer", answer.Message, "statement", one.text)
	}
	return nil
}

// takeZone takes the time zone of the source's session, the task's where no time is
// in the statement.
func (d *ddlRunner) takeZone(ctx context.Context, conn *sql.Conn, one *ddl, st *Statement) (err error) {
	zone := st.vars.zone
	switch zone {
	case "":
		zone = d.timezone
	case "SYSTEM":
		if zone, err = d.systemZone(ctx, conn, st.Time); err != nil {
			return err
		}
	}
	if zone == "" {
		return nil
	}
	var answer *mysql.MySQLError
	_, err = conn.ExecContext(ctx, "SET SESSION time_zone = ?", zone)
	if errors.As(err, &answer) && answer.Number == 1298 && zone != d.timezone { // unknown time zone
		d.log.Warn("the target does not know the time zone that a DDL was executed in", "zone", zone, "statement", one.text)
		return nil
	}
	return err
}

// systemZone gives the time zone of the source's machine. Its binlog has no name for
// it: it is the task's if that was as far from UTC at that moment, else that distance.
func (d *ddlRunner) systemZone(ctx context.Context, conn *sql.Conn, at uint32) (string, error) {
	moment := time.Unix(int64(at), 0).UTC().Format(time.DateTime)
	ask := func(row func(context.Context, string, ...any) *sql.Row, zone string) (seconds sql.NullInt64, err error) {
		err = row(ctx, "SELECT TIMESTAMPDIFF(SECOND, ?, CONVERT_TZ(?, '+00:00', ?))", moment, moment, zone).Scan(&seconds)
		return seconds, err
	}
	there, err := ask(d.structures.source.QueryRowContext, "SYSTEM")
	if err != nil || !there.Valid {
		return d.timezone, err
	}
	if d.timezone != "" {
		if here, err := ask(conn.QueryRowContext, d.timezone); err != nil || here == there {
			return d.timezone, err
		}
	}
	sign, minutes := '+', there.Int64/60
	if minutes < 0 {
		sign, minutes = '-', -minutes
	}
	return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60), nil
}
