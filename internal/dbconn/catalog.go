package dbconn

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/schema"
)

// IsSystemSchema is filter's: such schemas are never replicated.
func IsSystemSchema(name string) bool { return filter.IsSystemSchema(name) }

// Variable gives the value of a server variable as a new session sees it.
func (db *DB) Variable(ctx context.Context, name string) (string, error) {
	op := "read variable " + name
	if !isVariableName(name) {
		return "", fault.Wrap(op, fault.New(fault.Invalid, "that is not a variable's name"))
	}
	// SHOW and not SELECT @@name: it answers no row, not an error, for one that
	// this kind of server does not have.
	row, err := queryRow(ctx, db, "SHOW VARIABLES WHERE Variable_name = '"+name+"'")
	if err != nil {
		return "", Error(db.side, op, err)
	}
	if row == nil {
		return "", &fault.Error{Op: op, Kind: fault.NotFound, Side: db.side, Msg: "the server has no such variable"}
	}
	return row["VALUE"], nil
}

// LogsCascades tells whether the binlog has the rows that a foreign key changes
// by CASCADE or SET NULL: those of a MySQL have since 9.6, unless the server was
// told to leave foreign keys to InnoDB.
func (db *DB) LogsCascades(ctx context.Context) (bool, error) {
	native, err := db.Variable(ctx, "innodb_native_foreign_keys")
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return native == "OFF", err
}

// Tables lists the tables that pass the filter, sorted by schema and name.
// Views are no tables; tables with system versioning are listed, since leaving
// them out would be silent.
func (db *DB) Tables(ctx context.Context, f config.TableFilter) ([]schema.Name, error) {
	const op = "list tables"
	rows, err := db.QueryContext(ctx, "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES"+
		" WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')")
	if err != nil {
		return nil, Error(db.side, op, err)
	}
	defer rows.Close()
	var out []schema.Name
	for rows.Next() {
		var n schema.Name
		if err := rows.Scan(&n.Schema, &n.Table); err != nil {
			return nil, Error(db.side, op, err)
		}
		if !IsSystemSchema(n.Schema) && f.MatchTable(n.Schema, n.Table) {
			out = append(out, n)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, Error(db.side, op, err)
	}
	slices.SortFunc(out, schema.Name.Compare)
	return out, nil
}

// Schemas lists the schemas of tables and those that belong to a task as a whole,
// which may be empty now and get tables later, sorted.
func (db *DB) Schemas(ctx context.Context, f config.TableFilter, tables []schema.Name) ([]string, error) {
	const op = "list schemas"
	out := map[string]bool{}
	for _, n := range tables {
		out[n.Schema] = true
	}
	rows, err := db.QueryContext(ctx, "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
	if err != nil {
		return nil, Error(db.side, op, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, Error(db.side, op, err)
		}
		if !IsSystemSchema(name) && f.MatchSchema(name) {
			out[name] = true
		}
	}
	return slices.Sorted(maps.Keys(out)), Error(db.side, op, rows.Err())
}

// CreateTable gives the text of SHOW CREATE TABLE.
func (db *DB) CreateTable(ctx context.Context, n schema.Name) (string, error) {
	return db.showCreate(ctx, "TABLE", Ident(n.Schema, n.Table), "Create Table")
}

// CreateSchema gives the text of SHOW CREATE DATABASE.
func (db *DB) CreateSchema(ctx context.Context, name string) (string, error) {
	return db.showCreate(ctx, "DATABASE", Ident(name), "Create Database")
}

func (db *DB) showCreate(ctx context.Context, what, ident, column string) (string, error) {
	op := fmt.Sprintf("SHOW CREATE %s %s", what, ident)
	row, err := queryRow(ctx, db, op)
	if err != nil {
		return "", Error(db.side, op, err)
	}
	text, ok := row[strings.ToUpper(column)]
	if _, view := row["CREATE VIEW"]; view {
		return "", &fault.Error{Op: op, Kind: fault.NotFound, Side: db.side, Code: codeQuery, Msg: "it is a view, not a table",
			Hint: "rename or drop the view " + ident + ", or let a route give the table another name; then resume-task"}
	}
	if !ok {
		return "", Error(db.side, op, errors.Join(sql.ErrNoRows))
	}
	return text, nil
}

// EnginesWithoutTransactions lists, for an SQL IN, the engines of MySQL and MariaDB
// that keep rows and know no ROLLBACK.
const EnginesWithoutTransactions = "'MyISAM', 'Aria', 'MEMORY', 'CSV', 'ARCHIVE', 'MRG_MyISAM'"
