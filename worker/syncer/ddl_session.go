package syncer

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

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
	if numbers(one.node) {
		step, offset, its, from := max(1, st.vars.step), max(1, st.vars.offset), uint16(0), uint16(0)
		if err := conn.QueryRowContext(ctx, "SELECT @@auto_increment_increment, @@auto_increment_offset").Scan(&its, &from); err != nil {
			return err
		}
		if its != step || from != offset { // else a right to set them is not needed
			vars = append(vars, fmt.Sprintf("auto_increment_increment = %d", step), fmt.Sprintf("auto_increment_offset = %d", offset))
		}
	}
	if one.home != "" {
		if _, err := conn.ExecContext(ctx, "USE "+dbconn.Ident(one.home)); err != nil {
			return err
		}
	}
	if _, err := conn.ExecContext(ctx, "SET SESSION "+strings.Join(vars, ", SESSION ")); err != nil {
		return err
	}
	if err := d.takeStamps(ctx, conn, one, st); err != nil {
		return err
	}
	var answer *mysql.MySQLError
	// What CURRENT_TIMESTAMP fills new columns with. A target may forbid to set it.
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION timestamp = %d.%06d", st.Time, st.vars.micros))
	if err != nil && (!errors.As(err, &answer) || fault.Transient(err)) {
		return err
	}
	if err != nil {
		d.log.Warn("the target does not let a DDL have the source's time", "answer", answer.Message, "statement", one.text)
	}
	zone := d.timezone
	if st.vars.zone != "" && st.vars.zone != "SYSTEM" {
		zone = st.vars.zone
	}
	if zone == "" {
		return nil
	}
	_, err = conn.ExecContext(ctx, "SET SESSION time_zone = ?", zone)
	if errors.As(err, &answer) && answer.Number == 1298 && zone != d.timezone { // unknown time zone
		d.log.Warn("the target does not know the time zone that a DDL was executed in", "zone", zone, "statement", one.text)
		return nil
	}
	return err
}
