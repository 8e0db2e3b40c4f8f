package schema_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"
	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/schema/ddlgen"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTrackerFollowsRandomDDL executes random statements on a real MariaDB and
// on a Tracker. After each that the server accepts, all tables are equal to what
// the server reports (peer-bugs 22).
func TestTrackerFollowsRandomDDL(t *testing.T) {
	followRandom(t, servers.MariaDB(t))
}

func followRandom(t *testing.T, server *testbed.Server) {
	t.Helper()
	seed := rand.Uint64()
	for i := range uint64(3) {
		f := newFollower(t, server, seed+i)
		f.run(t, 300)
		_ = f.conn.Close()
	}
}

// follower is a tracker beside the server that it follows.
type follower struct {
	seed    uint64
	mysql   bool
	conn    *sql.Conn
	gen     *ddlgen.Gen
	tracker *schema.Tracker
	texts   map[schema.Name]string // what was compared last
	history []string
}

func newFollower(t *testing.T, server *testbed.Server, seed uint64) *follower {
	t.Helper()
	conn, err := server.Session(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := &follower{seed: seed, mysql: server.Name == "mysql", conn: conn, tracker: schema.NewTracker("", false), texts: map[schema.Name]string{}}
	f.gen = &ddlgen.Gen{Rand: rand.New(rand.NewPCG(seed, 0)), Schema: fmt.Sprintf("rnd_%d", seed), Other: fmt.Sprintf("rnd_%d_x", seed)}
	var charset, collate string
	if err := conn.QueryRowContext(t.Context(), "SELECT @@GLOBAL.character_set_server, @@GLOBAL.collation_server").Scan(&charset, &collate); err != nil {
		t.Fatal(err)
	}
	if server.Name == "mariadb" {
		f.tracker.SetTextJSON()
	}
	f.tracker.SetServerCharset(charset, collate)
	if f.mysql {
		f.tracker.SetDefaultCollations(map[string]string{"utf8mb4": "utf8mb4_0900_ai_ci"})
	}
	for _, q := range []string{"SET NAMES utf8mb4", "SET sql_mode=''", "CREATE DATABASE " + f.gen.Schema, "USE " + f.gen.Schema} {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.tracker.PutSchema(f.gen.Schema, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Exec(context.Background(), "DROP DATABASE IF EXISTS "+f.gen.Schema, "DROP DATABASE IF EXISTS "+f.gen.Other)
	})
	return f
}

// sizedByOldColumn matches what makes MySQL 9.7 choose the size of a new BLOB or
// TEXT by the length of the column before, so that MODIFY c TEXT makes a TINYTEXT
// of a short one. The tracker says TEXT; rows carry their own types (docs/limits.md).
var sizedByOldColumn = regexp.MustCompile(`(MODIFY|CHANGE)[^,]*(BLOB|TEXT).*CONVERT TO|CONVERT TO.*(MODIFY|CHANGE)[^,]*(BLOB|TEXT)`)

// run goes on until n statements were accepted.
func (f *follower) run(t *testing.T, n int) {
	p := parser.New()
	refused := 0
	for accepted := 0; accepted < n; {
		var tables []*schema.Table
		for _, db := range []string{f.gen.Schema, f.gen.Other} {
			for _, name := range f.tracker.Tables(db) {
				one, err := f.tracker.Table(name)
				if err != nil {
					t.Fatal(err)
				}
				tables = append(tables, one)
			}
		}
		statement := f.gen.Statement(tables)
		if f.mysql && sizedByOldColumn.MatchString(statement) {
			continue
		}
		_, err := f.conn.ExecContext(t.Context(), statement)
		var answer *mysql.MySQLError
		if errors.As(err, &answer) {
			refused++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted++
		f.history = append(f.history, statement)
		node, err := p.ParseOneStmt(statement, "", "")
		if err != nil {
			f.fail(t, "parser: %v", err)
		}
		if _, err := f.tracker.Apply(f.gen.Schema, node); err != nil {
			f.fail(t, "tracker: %v", err)
		}
		f.compare(t)
	}
	t.Logf("seed %d: %d accepted, %d refused by the server", f.seed, n, refused)
}

func (f *follower) fail(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Fatalf("seed %d: %s\nstatements:\n%s", f.seed, fmt.Sprintf(format, args...), strings.Join(f.history[max(0, len(f.history)-25):], ";\n"))
}

// compare compares all tables whose text is not what was compared last.
func (f *follower) compare(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var want, got []schema.Name
	for _, db := range []string{f.gen.Schema, f.gen.Other} {
		got = append(got, f.tracker.Tables(db)...)
	}
	rows, err := f.conn.QueryContext(ctx, "SELECT table_schema AS s, table_name AS n FROM information_schema.tables WHERE table_schema IN (?, ?)"+
		" ORDER BY s, BINARY n", f.gen.Schema, f.gen.Other)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n schema.Name
		if err := rows.Scan(&n.Schema, &n.Table); err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.fail(t, "tables (-server +tracker):\n%s", diff)
	}
	for _, n := range want {
		f.compareTable(ctx, t, n)
	}
}

func (f *follower) compareTable(ctx context.Context, t *testing.T, n schema.Name) {
	t.Helper()
	got, err := f.tracker.Table(n)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	if err := f.conn.QueryRowContext(ctx, "SHOW CREATE TABLE `"+n.Schema+"`.`"+n.Table+"`").Scan(new(string), &text); err != nil {
		t.Fatal(err)
	}
	if f.texts[n] == text+got.CreateSQL {
		return
	}
	f.texts[n] = text + got.CreateSQL
	want, err := schema.Parse(text, "", n.Schema)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(comparable(want), comparable(got)); diff != "" {
		f.fail(t, "%s (-server +tracker):\n%s\nserver: %s\ntracker: %s", n, diff, text, got.CreateSQL)
	}
}
