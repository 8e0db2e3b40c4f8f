package syncer

import (
	"fmt"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

// TestTakesOverDM begins at a checkpoint that DM left: rows behind it are on
// the target already, as DM records its progress apart from them, and are
// replayed without harm up to where the source was (peer-bugs 17, 19).
func TestTakesOverDM(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		modes(t, func(t *testing.T, gtid bool) {
			b := newBench(t, up, down, gtid)
			s, meta := b.schema(), "dm_meta."+b.sub.Task
			r := b.start()
			b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY, v INT, UNIQUE KEY (v))")
			r.caughtUp()
			at := b.master()
			b.exec("INSERT INTO "+s+".a VALUES (1, 1), (2, 2), (3, 3)", "UPDATE "+s+".a SET v = v + 10", "DELETE FROM "+s+".a WHERE id = 2",
				"UPDATE "+s+".a SET id = 9 WHERE id = 3")
			r.caughtUp()
			r.end()
			b.must(b.down.Exec(t.Context(), "DELETE FROM "+meta+"_raftdm_lane", "DELETE FROM "+meta+"_raftdm_ddl",
				fmt.Sprintf("UPDATE %s_syncer_checkpoint SET binlog_name = '%s', binlog_pos = %d, binlog_gtid = '%s' WHERE id = '%s'",
					meta, at.Position.Name, at.Position.Pos, at.GTID, b.sub.SourceID)))
			b.epoch++
			b.sub.Start = nil
			r = b.start()
			r.caughtUp()
			b.exec("INSERT INTO " + s + ".a VALUES (4, 4)")
			r.caughtUp()
			r.end()
			b.equal()
		})
	})
}
