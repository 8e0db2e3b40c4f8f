package syncer

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestImplicitTimestamps: sessions without explicit_defaults_for_timestamp, the default
// of a MySQL 5.7, give rows that are there the moment or zeros in a new TIMESTAMP
// column, where others give them NULL.
func TestImplicitTimestamps(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		implicitTimestamps(b)
	})
}

func implicitTimestamps(b *bench) {
	b.t.Helper()
	s := b.schema()
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".b (id INT PRIMARY KEY, t TIMESTAMP NULL)", "CREATE TABLE "+s+".e (id INT PRIMARY KEY)",
		"INSERT INTO "+s+".a VALUES (1), (2)", "INSERT INTO "+s+".b VALUES (1, NULL)", "INSERT INTO "+s+".e VALUES (1)")
	b.session("SET sql_mode = '', explicit_defaults_for_timestamp = 0", "ALTER TABLE a ADD made TIMESTAMP, ADD more TIMESTAMP(3), ADD n TIMESTAMP NULL", "ALTER TABLE b ADD made TIMESTAMP",
		"CREATE TABLE c (id INT PRIMARY KEY, made TIMESTAMP(6), more TIMESTAMP)", "INSERT INTO c (id) VALUES (1)", "INSERT INTO c VALUES (2, NULL, NULL)",
		"SET explicit_defaults_for_timestamp = 1", "ALTER TABLE e ADD made TIMESTAMP", "CREATE TABLE d (id INT PRIMARY KEY, made TIMESTAMP)", "INSERT INTO d VALUES (1, NULL)")
	r.caughtUp()
	r.end()
	b.equal()
	for _, table := range []string{"a", "b", "c", "d", "e"} {
		query := "SELECT CONCAT_WS(' ', COLUMN_NAME, IS_NULLABLE, REPLACE(LOWER(COALESCE(COLUMN_DEFAULT, 'NULL')), '()', ''), REPLACE(REPLACE(LOWER(EXTRA), '()', ''), 'default_generated ', '')) FROM information_schema.COLUMNS" +
			" WHERE TABLE_SCHEMA = '" + s + "' AND TABLE_NAME = '" + table + "' AND DATA_TYPE = 'timestamp' ORDER BY ORDINAL_POSITION"
		if up, down := strings.ReplaceAll(strings.Join(b.text(b.up, query), ""), "'", ""), strings.ReplaceAll(strings.Join(b.text(b.down, query), ""), "'", ""); !strings.EqualFold(up, down) {
			b.t.Errorf("%s: on the source %s, on the target %s", table, up, down)
		}
	}
}
