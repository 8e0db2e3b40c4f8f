package schema_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// target is a TiDB that takes the same literals as the MariaDB of the test.
type target struct {
	t    *testing.T
	ctx  context.Context
	conn *sql.Conn
	made map[string]bool
}

// onTarget tells whether TiDB has the column's type at all.
func onTarget(column string) bool {
	for _, missing := range []string{"POINT", "GEOMETRY", "INET", "UUID", "TEXT UNIQUE", "INT, g"} {
		if strings.HasPrefix(column, missing) {
			return false
		}
	}
	return true
}

func openTarget(t *testing.T, ctx context.Context) *target {
	t.Helper()
	conn, err := servers.TiDB(t).DB().Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	g := &target{t: t, ctx: ctx, conn: conn, made: map[string]bool{}}
	g.exec("SET NAMES utf8mb4")
	g.exec("SET sql_mode='ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00'")
	g.exec("CREATE DATABASE literal")
	g.exec("USE literal")
	for i, c := range literalCases() {
		if onTarget(c.column) {
			g.exec(fmt.Sprintf("CREATE TABLE src%d (id INT PRIMARY KEY, v %s)", i, strings.Replace(c.column, " COMPRESSED", "", 1)))
			g.made[fmt.Sprintf("src%d", i)] = true
		}
	}
	return g
}

func (g *target) exec(statement string) {
	g.t.Helper()
	if _, err := g.conn.ExecContext(g.ctx, statement); err != nil {
		g.t.Errorf("%v\n%.200s", err, statement)
	}
}

func (g *target) insert(table string, id int64, literal []byte) {
	g.t.Helper()
	if g.made[table] {
		g.exec(fmt.Sprintf("INSERT INTO %s VALUES (%d, %s)", table, id, literal))
	}
}

// compare reads the column from both servers in a form in which they agree.
func (g *target) compare(source *sql.Conn, i int, c literalCase) {
	g.t.Helper()
	if !onTarget(c.column) {
		return
	}
	form := "HEX(v)"
	switch kind, _, _ := strings.Cut(c.column, "("); strings.Fields(kind)[0] {
	case "FLOAT", "DOUBLE":
		form = "CAST(v AS DOUBLE)"
	case "DECIMAL": // TiDB does not print the zeros of ZEROFILL
		form = "CAST(v + 0 AS CHAR)"
	case "YEAR", "DATE", "DATETIME", "TIMESTAMP", "TIME":
		form = "CAST(v AS CHAR)"
	case "JSON":
		form = "JSON_LENGTH(v)"
	}
	if strings.Contains(c.column, "latin1") { // TiDB stores it as UTF-8
		form = "HEX(CONVERT(v USING utf8mb4))"
	}
	query := fmt.Sprintf("SELECT id, %s FROM src%d ORDER BY id", form, i)
	if diff := cmp.Diff(g.read(source, query), g.read(g.conn, query)); diff != "" {
		g.t.Errorf("%s (-source +TiDB):\n%.600s", c.column, diff)
	}
}

func (g *target) read(conn *sql.Conn, query string) (out []string) {
	g.t.Helper()
	rows, err := conn.QueryContext(g.ctx, query)
	if err != nil {
		g.t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		var v sql.NullString
		if err := rows.Scan(&id, &v); err != nil {
			g.t.Fatal(err)
		}
		out = append(out, fmt.Sprint(id, v))
	}
	if err := rows.Err(); err != nil {
		g.t.Fatal(err)
	}
	return out
}
