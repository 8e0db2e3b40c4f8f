package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/testbed"
)

// tableRows reads the rows of tables in DM's checkpoint table.
func (b *bench) tableRows() map[string]binlog.Position {
	b.t.Helper()
	rows, err := b.down.DB().QueryContext(b.t.Context(), "SELECT cp_table, binlog_name, binlog_pos, CAST(table_info AS CHAR) FROM dm_meta."+
		b.sub.Task+"_syncer_checkpoint WHERE id = ? AND is_global = 0 AND cp_schema = ?", b.sub.SourceID, b.schema())
	b.must(err)
	defer rows.Close()
	out := map[string]binlog.Position{}
	for rows.Next() {
		var name, info string
		var at binlog.Position
		b.must(rows.Scan(&name, &at.Name, &at.Pos, &info))
		if info != "null" {
			b.t.Errorf("table_info of %s is %s", name, info)
		}
		out[name] = at
	}
	b.must(rows.Err())
	return out
}

// TestTablesInTheCheckpoint: DM's checkpoint table has a row for each table that
// has changed, with the end of its last transaction, as DM's tools expect.
func TestTablesInTheCheckpoint(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), servers.TiDB(t), true)
	b.maxTxn = 100_000
	s := b.schema()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".quiet (id INT PRIMARY KEY)", "CREATE TABLE "+s+".gone (id INT PRIMARY KEY)",
		"CREATE TABLE "+s+".old (id INT PRIMARY KEY)")
	ends := map[string]binlog.Position{}
	for i, name := range []string{"a", "b", "big"} {
		b.exec(fmt.Sprintf("CREATE TABLE %s.%s (id INT PRIMARY KEY)", s, name), fmt.Sprintf("INSERT INTO %s.%s VALUES (%d)", s, name, i))
		ends[name] = b.master().Position
	}
	r := b.start()
	r.caughtUp()
	b.exec("INSERT INTO "+s+".gone VALUES (1)", "INSERT INTO "+s+".b VALUES (100)")
	ends["b"] = b.master().Position
	b.exec("INSERT INTO " + s + ".big SELECT seq + 10 FROM " + s + ".seq_1_to_2000") // in pieces
	ends["big"] = b.master().Position
	b.exec("DROP TABLE "+s+".gone", "RENAME TABLE "+s+".old TO "+s+".young")
	ends["young"] = b.master().Position
	r.caughtUp()
	r.end()
	got := b.tableRows()
	for name, want := range ends {
		if got[name] != want {
			t.Errorf("%s is at %s, want %s", name, got[name], want)
		}
	}
	if _, is := got["quiet"]; len(got) != len(ends)+1 || !is {
		t.Errorf("%v, want %v and that of quiet", got, ends)
	}
	b.exec("DROP DATABASE " + s)
	b.epoch++
	r = b.start()
	r.caughtUp()
	r.end()
	if got := b.tableRows(); len(got) != 0 {
		t.Errorf("tables of a schema that is gone: %v", got)
	}
}
