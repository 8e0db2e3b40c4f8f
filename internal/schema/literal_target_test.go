package schema_test

import (
	"context"
	"database/sql"
	"encoding/json"
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

func openTarget(t *testing.T, ctx context.Context, name string, cases []literalCase) *target {
	t.Helper()
	conn, err := servers.TiDB(t).Session(ctx)
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
	g.exec("CREATE DATABASE literal_" + name)
	g.exec("USE literal_" + name)
	for i, c := range cases {
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
		form = "CAST(v AS DOUBLE) + 0e0" // without the sign of zero, which TiDB does not keep
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
	ours := form
	if strings.HasPrefix(c.column, "VECTOR") {
		form, ours = "VECTOR_TO_STRING(v)", "VEC_AS_TEXT(v)"
	}
	read := func(conn *sql.Conn, form string) []string {
		return g.read(conn, fmt.Sprintf("SELECT id, %s FROM src%d ORDER BY id", form, i))
	}
	if diff := cmp.Diff(read(source, form), read(g.conn, ours)); diff != "" {
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
		if strings.HasPrefix(v.String, "[") {
			v.String = sixDigits(g.t, v.String)
		}
		out = append(out, fmt.Sprint(id, v))
	}
	if err := rows.Err(); err != nil {
		g.t.Fatal(err)
	}
	return out
}

// sixDigits writes the numbers of a vector as MySQL does.
func sixDigits(t *testing.T, vector string) string {
	var numbers []float32
	if err := json.Unmarshal([]byte(vector), &numbers); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%.5e", numbers)
}
