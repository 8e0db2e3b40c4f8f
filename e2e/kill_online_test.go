package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
)

// Online DDL of gh-ost and of the real pt-online-schema-change run one after the
// other on tables that are written to, and the worker that replicates them is
// killed with kill -9 at random moments of them. Another worker goes on; in the end
// the target has the rows and the structures of the source, no table of the tools,
// and no record of one. peer-bugs 1, 2, 5, 25.
func TestKilledDuringOnlineDDL(t *testing.T) { killedDuringOnlineDDL(t, anotherMariaDB(t)) }

func TestKilledDuringOnlineDDLIntoTiDB(t *testing.T) { killedDuringOnlineDDL(t, testbed.TiDB(t)) }

func killedDuringOnlineDDL(t *testing.T, down *testbed.Server) {
	s := newClusterStandInto(t, down, 1, 2)
	w := &testbed.Workload{DB: s.up.DB(), Schema: schemaName, SysbenchTables: 2, SysbenchOnly: true, Pace: 20 * time.Millisecond}
	must(t, w.Load(t.Context(), 1000, s.seed))
	s.createSource(true)
	file := s.task("all")
	file.TopLevel = []string{"online-ddl: true"}
	s.startTask(file)
	traffic := startWriters(t, w, 2, s.seed)
	s.await(time.Minute, "it replicates", running) // a task cannot begin within an online DDL

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	altered := make(chan error, 2)
	rounds := [2]int{}
	go func() { altered <- again(ctx, &rounds[0], func(i int) error { return s.pt("sbtest1", i) }) }()
	go func() {
		rnd := rand.New(rand.NewPCG(s.seed, 7))
		altered <- again(ctx, &rounds[1], func(i int) error { return s.ghost("sbtest2", i, rnd) })
	}()
	rnd := rand.New(rand.NewPCG(s.seed, 99))
	last := ""
	for range 3 {
		st := s.await(30*time.Second, "a worker replicates", func(st testbed.TaskStatus) bool { return running(st) && st.Worker != last })
		life := time.Duration(rnd.IntN(1000)) * time.Millisecond
		pause(t.Context(), life)
		named(t, s.workers, st.Worker).Kill()
		t.Logf("killed %s after %s, online DDL under way: %q", st.Worker, life, s.list(s.down, recordedThere))
		if last != "" { // it comes back when the other one has the source no more
			must(t, named(t, s.workers, last).Launch())
		}
		last = st.Worker
	}
	stop()
	for range rounds {
		must(t, <-altered)
	}
	s.await(30*time.Second, "another worker replicates in the end", func(st testbed.TaskStatus) bool { return running(st) && st.Worker != last })
	traffic.stop()
	s.wantEqual()
	t.Logf("online DDL: %d of pt-online-schema-change, %d of gh-ost", rounds[0], rounds[1])
	for _, query := range []string{tablesThere, columnsThere, keysThere} {
		if diff := cmp.Diff(s.list(s.up, query), s.list(s.down, query)); diff != "" {
			t.Errorf("structure (-source +target):\n%s", diff)
		}
	}
	if left := s.list(s.down, recordedThere); len(left) > 0 {
		t.Errorf("recorded in the end: %q", left)
	}
}

// What the two sides have to have in common.
const (
	tablesThere  = "SELECT table_name FROM information_schema.tables WHERE table_schema = '" + schemaName + "'"
	columnsThere = "SELECT CONCAT_WS(' ', table_name, ordinal_position, column_name, REGEXP_REPLACE(column_type, 'int.[0-9]+.', 'int'), is_nullable, TRIM(BOTH '''' FROM column_default), extra)" +
		" FROM information_schema.columns WHERE table_schema = '" + schemaName + "'"
	keysThere = "SELECT CONCAT_WS(' ', table_name, index_name, seq_in_index, column_name, non_unique) FROM information_schema.statistics" +
		" WHERE table_schema = '" + schemaName + "'"
	recordedThere = "SELECT ghost_table FROM dm_meta." + taskName + "_onlineddl"
)

// list gives the lines of a query's only column.
func (s *stand) list(on *testbed.Server, query string) (out []string) {
	s.t.Helper()
	rows, err := on.DB().QueryContext(s.t.Context(), query)
	must(s.t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		must(s.t, rows.Scan(&line))
		out = append(out, line)
	}
	must(s.t, rows.Err())
	slices.Sort(out) // servers order letters differently
	return out
}

// again calls f until ctx ends, and counts.
func again(ctx context.Context, count *int, f func(i int) error) error {
	for ctx.Err() == nil {
		if err := f(*count); err != nil {
			return err
		}
		*count++
	}
	return nil
}

// pt is one run of pt-online-schema-change.
func (s *stand) pt(table string, i int) error {
	alter := []string{"ADD COLUMN w INT NOT NULL DEFAULT 7 AFTER k, DROP KEY k_1", "DROP COLUMN w, ADD KEY k_1 (k)"}[i%2]
	return s.up.PtOSC(s.t.Context(), schemaName, table, alter, "--chunk-size", "100", "--sleep", "0.1")
}

// ghost does to a table of the source what gh-ost does, in its order: the changelog,
// the shadow table and its ALTER, the copy in chunks, and the cut-over, with the
// sentry and a RENAME that waits behind the lock. gh-ost follows the writes by the
// binlog; here the rows are copied anew while the table is locked.
func (s *stand) ghost(table string, i int, rnd *rand.Rand) error {
	ctx := s.t.Context()
	alter := []string{"ADD COLUMN g INT NOT NULL DEFAULT 7 AFTER k, ADD KEY (g)", "DROP COLUMN g, MODIFY k BIGINT NOT NULL DEFAULT 5"}[i%2]
	fill := strings.NewReplacer("$t", table, "$alter", alter)
	conn, err := s.up.Session(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	do := func(list ...string) error {
		for _, q := range list {
			if _, err := conn.ExecContext(ctx, fill.Replace(q)); err != nil {
				return fmt.Errorf("%s: %w", fill.Replace(q), err)
			}
		}
		return nil
	}
	if err := do("USE "+schemaName,
		"drop /* gh-ost */ table if exists `_$t_gho`, `_$t_del`, `_$t_ghc`",
		"create /* gh-ost */ table `_$t_ghc` (id bigint unsigned auto_increment, last_update timestamp not null DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,"+
			" hint varchar(64) charset ascii not null, value varchar(4096) charset ascii not null, primary key(id), unique key hint_uidx(hint)) auto_increment=256 comment='gh-ost changelog'",
		"create /* gh-ost */ table `_$t_gho` like `$t`",
		"alter /* gh-ost */ table `_$t_gho` $alter",
		"insert /* gh-ost */ into `_$t_ghc` (hint, value) values ('state', 'GhostTableMigrated')"); err != nil {
		return err
	}
	for from := 0; from < 500; from += 100 {
		if err := do(fmt.Sprintf("insert /* gh-ost `$t` */ ignore into `_$t_gho` (id, k, c, pad) (select id, k, c, pad from `$t` force index (`PRIMARY`)"+
			" where id > %d and id <= %d lock in share mode)", from, from+100)); err != nil {
			return err
		}
		pause(ctx, time.Duration(rnd.IntN(200))*time.Millisecond)
	}
	lock, err := s.up.Session(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	if _, err := lock.ExecContext(ctx, fill.Replace("lock /* gh-ost */ tables "+schemaName+".`$t` read")); err != nil {
		return err
	}
	if err := do("create /* gh-ost */ table `_$t_del` (id int auto_increment primary key) engine=InnoDB comment='ghost-cut-over-sentry'",
		"delete from `_$t_gho`", "insert into `_$t_gho` (id, k, c, pad) select id, k, c, pad from `$t`",
		"drop /* gh-ost */ table if exists `_$t_del`"); err != nil {
		return err
	}
	renamed, err := s.rename(ctx, schemaName+"."+table, fill.Replace("rename /* gh-ost */ table "+schemaName+".`$t` to "+schemaName+".`_$t_del`, "+schemaName+".`_$t_gho` to "+schemaName+".`$t`"))
	if err != nil {
		return err
	}
	if _, err := lock.ExecContext(ctx, "unlock tables"); err != nil { // the RENAME is served before the writers
		return err
	}
	if err := <-renamed; err != nil {
		return err
	}
	return do("drop /* gh-ost */ table if exists `_$t_ghc`", "drop /* gh-ost */ table if exists `_$t_del`")
}

// rename begins a RENAME of table in a session of its own and answers when it
// waits for that table, so that it is served before whoever wants to write there. A
// statement that waits for a metadata lock is not enough: the lock on one of the
// other tables comes first, and the purge holds that now and then.
func (s *stand) rename(ctx context.Context, table, query string) (<-chan error, error) {
	conn, err := s.up.Session(ctx)
	if err != nil {
		return nil, err
	}
	probe, err := s.up.Session(ctx)
	if err != nil {
		return nil, err
	}
	defer probe.Close()
	done := make(chan error, 1)
	go func() {
		_, err := conn.ExecContext(ctx, query)
		conn.Close()
		done <- err
	}()
	for {
		_, err := probe.ExecContext(ctx, "SET STATEMENT lock_wait_timeout = 0 FOR SELECT 1 FROM "+table+" LIMIT 0")
		var answer *mysql.MySQLError
		if errors.As(err, &answer) && answer.Number == 1205 { // readers, whom the lock lets in, queue behind the RENAME
			return done, nil
		}
		if err != nil {
			return nil, err
		}
		pause(ctx, 2*time.Millisecond)
	}
}
