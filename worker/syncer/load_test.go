package syncer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pingcap/tidb/pkg/parser"

	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestLoadDataAsAStatementStops: a LOAD DATA of a session that does not write rows
// into its binlog has events of its own, and is refused like any other change of
// rows in statement form; it can be passed, and is where it is no table of the task.
func TestLoadDataAsAStatementStops(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	s := b.schema()
	b.exec("CREATE DATABASE " + s + "_not")
	t.Cleanup(func() { b.exec("DROP DATABASE " + s + "_not") })
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT)", "CREATE TABLE "+s+"_not.a (id INT PRIMARY KEY, v INT)")
	r.caughtUp()
	file := filepath.Join(b.up.Dir, s+".csv")
	b.must(os.WriteFile(file, []byte("1\t1\n2\t2\n"), 0o644))
	load := "LOAD DATA INFILE '" + file + "' INTO TABLE "
	b.session(load+"a", "DELETE FROM a", "SET SESSION binlog_format = 'STATEMENT'", load+s+"_not.a", "LOAD XML INFILE '"+file+"' INTO TABLE "+s+"_not.a")
	r.caughtUp()
	b.session("SET SESSION binlog_format = 'STATEMENT'", load+"a")
	b.exec("DELETE FROM "+s+".a WHERE id < 9", "INSERT INTO "+s+".a VALUES (3, 3)")
	if f := r.ends(t); f.Code != codeDML {
		t.Errorf("code %d: %v", f.Code, r.err)
	}
	b.mustOperate(r, operation.Skip, "")
	b.sub.Sync.Strict = false // what was skipped made rows that are deleted
	r = b.again()
	r.caughtUp()
	r.end()
	b.equal()
}

// TestLoadOfOtherTables: which table a LOAD is about is known also where the SQL
// parser cannot read it.
func TestLoadOfOtherTables(t *testing.T) {
	d := &ddlParser{parser: parser.New(), filter: notOther{}}
	for in, other := range map[string]bool{
		"LOAD DATA INFILE '/x' REPLACE INTO TABLE `no`.`t` FIELDS TERMINATED BY '\\t' LINES TERMINATED BY '\\n' (`id`, @v) SET v = @v + 1": true,
		"LOAD DATA CONCURRENT INFILE '/x' IGNORE INTO TABLE `no`.`t` (`id`)":                                                               true,
		"LOAD DATA LOW_PRIORITY INFILE '/x' INTO TABLE other PARTITION (p0) (`id`)":                                                        true,
		"LOAD XML INFILE '/x' INTO TABLE `other` ROWS IDENTIFIED BY '<row>' (`id`)":                                                        true,
		"LOAD XML INFILE '/x' INTO TABLE `a` ROWS IDENTIFIED BY '<row>' (`id`)":                                                            false,
		"LOAD DATA CONCURRENT INFILE '/x' INTO TABLE `a` (`id`)":                                                                           false,
		"LOAD XML of some kind": false,
	} {
		if list, err := d.parse(&Statement{Schema: "d", Text: in}); (err == nil) != other || len(list) > 0 {
			t.Errorf("%s: %v, %v", in, list, err)
		}
	}
}
