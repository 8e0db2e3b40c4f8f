package load_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/load"
)

// servers are shared by the tests: MariaDB is the source, TiDB a target.
var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }

// mariaTarget is a target of its own for one test.
func mariaTarget(t testing.TB) *testbed.Server {
	t.Helper()
	return testbed.MariaDB(t, testbed.WithoutBinlog())
}

// intoEach runs a test from MariaDB into MariaDB and into TiDB.
func intoEach(t *testing.T, test func(t *testing.T, src, dst *testbed.Server)) {
	for name, target := range map[string]func(testing.TB) *testbed.Server{"mariadb": mariaTarget, "tidb": servers.TiDB} {
		t.Run(name, func(t *testing.T) { test(t, servers.MariaDB(t), target(t)) })
	}
}

// prefix is a filter for the schemas of one test.
type prefix string

func (p prefix) MatchSchema(s string) bool   { return strings.HasPrefix(s, string(p)) }
func (p prefix) MatchTable(s, _ string) bool { return p.MatchSchema(s) }

// bed is one task between two servers.
type bed struct {
	t        testing.TB
	src, dst *testbed.Server
	sub      config.Subtask
	epoch    uint64
}

// newBed makes a task for the schemas that begin with name.
func newBed(t testing.TB, name string, src, dst *testbed.Server) *bed {
	t.Helper()
	return &bed{t: t, src: src, dst: dst, sub: config.Subtask{
		Task: name, SourceID: "src", Mode: config.ModeAll, MetaSchema: "meta_" + name,
		Source: config.Source{SourceID: "src", From: src.Config()}, Target: dst.Config(), Filter: prefix(name),
		Dump: config.Dump{Threads: 3, ChunkBytes: 256 << 10, StatementSize: 20_000},
		Load: config.Load{PoolSize: 4, Dir: filepath.Join(t.TempDir(), "dump")},
	}}
}

func (b *bed) exec(s *testbed.Server, statements ...string) {
	b.t.Helper()
	for i := range statements {
		statements[i] = s.Numbers(statements[i])
	}
	if err := s.Exec(b.t.Context(), statements...); err != nil {
		b.t.Fatal(err)
	}
}

// meta takes the task over under the next epoch, as a newly bound worker does.
func (b *bed) meta(ctx context.Context) (*checkpoint.Meta, func()) {
	b.t.Helper()
	db, err := dbconn.Open(ctx, fault.Downstream, b.sub.Target, dbconn.Options{MaxConns: 4, TimeZone: "+00:00"})
	if err != nil {
		b.t.Fatal(err)
	}
	b.epoch++
	m, err := checkpoint.Open(ctx, db, b.sub, b.epoch)
	if err != nil {
		b.t.Fatal(err)
	}
	return m, func() { db.Close() }
}

func (b *bed) dump(ctx context.Context, m *checkpoint.Meta) error {
	return dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log()}).Run(ctx)
}

func (b *bed) load(ctx context.Context, m *checkpoint.Meta) error {
	return load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()}).Run(ctx)
}

// log goes to the output of the test.
func (b *bed) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(b.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// run dumps and loads without any disturbance.
func (b *bed) run() {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatalf("dump: %v", err)
	}
	if err := b.load(b.t.Context(), m); err != nil {
		b.t.Fatalf("load: %v (hint: %s)", err, fault.HintOf(err))
	}
}

// equal compares the rows of tables on both sides as sorted lists of bytes, so
// doubled rows of tables without keys count.
func (b *bed) equal(schema string, tables ...string) {
	b.t.Helper()
	for _, tbl := range tables {
		src, dst := b.rows(b.src, schema, tbl), b.rows(b.dst, schema, tbl)
		if len(src) != len(dst) {
			b.t.Errorf("%s.%s: %d rows in the source, %d in the target", schema, tbl, len(src), len(dst))
			continue
		}
		for i := range src {
			if src[i] != dst[i] {
				b.t.Errorf("%s.%s: row differs\nsource %s\ntarget %s", schema, tbl, src[i], dst[i])
				break
			}
		}
	}
}

// rows gives all rows as text of HEX() of each column, sorted. Wide rows come
// as a digest.
func (b *bed) rows(s *testbed.Server, schema, tbl string) []string {
	b.t.Helper()
	ctx := b.t.Context()
	conn, err := s.Session(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range []string{"SET SESSION sql_mode = '', time_zone = '+00:00'", "SET NAMES utf8mb4"} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			b.t.Fatal(err)
		}
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+b.exprs(schema, tbl)+" FROM "+dbconn.Ident(schema, tbl))
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	cols, err := rows.Columns()
	if err != nil {
		b.t.Fatal(err)
	}
	values := make([]sql.NullString, len(cols))
	targets := make([]any, len(cols))
	for i := range values {
		targets[i] = &values[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			b.t.Fatal(err)
		}
		line := make([]string, len(values))
		for i, v := range values {
			line[i] = "NULL"
			if v.Valid {
				line[i] = v.String
			}
		}
		text := strings.Join(line, "|")
		if len(text) > 4096 {
			text = fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	sort.Strings(out)
	return out
}

// exprs reads the columns of the source's table: HEX of each, floats as exact text.
func (b *bed) exprs(schema, tbl string) string {
	b.t.Helper()
	rows, err := b.src.DB().QueryContext(b.t.Context(), "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS"+
		" WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION", schema, tbl)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var col, typ string
		if err := rows.Scan(&col, &typ); err != nil {
			b.t.Fatal(err)
		}
		switch c := dbconn.Ident(col); typ {
		case "float", "double":
			out = append(out, c+"*1e0")
		case "bit", "binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob", "point", "geometry":
			out = append(out, "HEX("+c+")")
		case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year", "date", "datetime", "timestamp", "time":
			out = append(out, c)
		default: // TiDB keeps latin1 as UTF-8 inside, so the text is compared, not its storage
			out = append(out, "HEX(CONVERT("+c+" USING utf8mb4))")
		}
	}
	return strings.Join(out, ", ")
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// copyDir copies the files of a dump, to be damaged.
func copyDir(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
