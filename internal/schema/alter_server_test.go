package schema_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTrackerFollowsServer runs each script of testdata/ddl on a real MariaDB
// and on a Tracker, and compares every table after every statement.
func TestTrackerFollowsServer(t *testing.T) {
	files, err := filepath.Glob("testdata/ddl/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".sql")
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			followServer(t, servers.MariaDB(t), "ddl_"+name, string(text))
		})
	}
}

func followServer(t *testing.T, server *testbed.Server, db, script string) {
	ctx := context.Background()
	conn, err := server.Session(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tracker := schema.NewTracker("", false)
	createDB := "CREATE DATABASE " + db + " CHARACTER SET latin1"
	if err := tracker.PutSchema(db, createDB); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"SET NAMES utf8mb4", "SET sql_mode=''", "SET foreign_key_checks=0", createDB, "USE " + db} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range strings.Split(script, ";\n") {
		statement = strings.TrimSpace(statement)
		if statement == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			t.Fatalf("server: %v\n%s", err, statement)
		}
		node, err := parser.New().ParseOneStmt(statement, "", "")
		if err != nil {
			t.Fatalf("parser: %v\n%s", err, statement)
		}
		if _, err := tracker.Apply(db, node); err != nil {
			t.Fatalf("tracker: %v\n%s", err, statement)
		}
		rows, err := conn.QueryContext(ctx, "SHOW TABLES")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for rows.Next() {
			var n string
			if err := rows.Scan(&n); err != nil {
				t.Fatal(err)
			}
			names = append(names, n)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		var tracked []string
		for _, n := range tracker.Tables(db) {
			tracked = append(tracked, n.Table)
		}
		if diff := cmp.Diff(names, tracked); diff != "" {
			t.Fatalf("tables after %s (-server +tracker):\n%s", statement, diff)
		}
		for _, n := range names {
			var create string
			if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE `"+n+"`").Scan(new(string), &create); err != nil {
				t.Fatal(err)
			}
			want, err := schema.Parse(create, "", db)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tracker.Table(schema.Name{Schema: db, Table: n})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(comparable(want), comparable(got)); diff != "" {
				t.Fatalf("%s after %s (-server +tracker):\n%s\nserver: %s\ntracker: %s", n, statement, diff, create, got.CreateSQL)
			}
		}
	}
}

// comparable drops what a server fills in and a tracker has no need of: display
// widths, and the order of indexes.
func comparable(t *schema.Table) map[string]any {
	out := map[string]any{"charset": t.Charset, "collate": t.Collate}
	cols := make([]schema.Column, len(t.Columns))
	copy(cols, t.Columns)
	for i := range cols {
		switch cols[i].Type {
		case "tinyint", "smallint", "mediumint", "int", "bigint", "year":
			cols[i].Length = -1
		case "decimal":
			if cols[i].Length == -1 {
				cols[i].Length = 10
			}
			cols[i].Decimals = max(cols[i].Decimals, 0)
		case "json": // MariaDB's name for a text
			cols[i].Type, cols[i].Charset, cols[i].Collate = "longtext", "utf8mb4", "utf8mb4_bin"
		}
	}
	out["columns"] = cols
	indexes := map[string][]schema.IndexPart{}
	for _, x := range t.Indexes {
		indexes[x.Name] = x.Parts
	}
	out["indexes"] = indexes
	return out
}
