package syncer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
)

// tool begins pt-online-schema-change on a table of the source; the result waits
// for its end.
func (b *bench) tool(table, alter string, more ...string) (wait func() error) {
	done := make(chan error, 1)
	go func() { done <- b.up.PtOSC(b.t.Context(), b.schema(), table, alter, more...) }()
	return func() error { return <-done }
}

// TestPtOnlineSchemaChange: two runs of the real tool at once on tables that are
// written to, while the unit is stopped again and again, half of the times
// without a chance to record anything (peer-bugs 25).
func TestPtOnlineSchemaChange(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rnd := rand.New(rand.NewPCG(seed, 0))
		b := newBench(t, up, down, rnd.IntN(2) == 0)
		b.online()
		b.exec("CREATE DATABASE " + b.schema())
		tables := []string{"a", "b"}
		for _, n := range tables {
			b.session("CREATE TABLE "+n+" (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(40), n INT, KEY (n))", "INSERT INTO "+n+" (v, n) SELECT MD5(seq), seq % 50 FROM seq_1_to_2000")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var writers sync.WaitGroup
		for i := range 4 {
			writers.Add(1)
			go func() {
				defer writers.Done()
				b.writeTo(ctx, tables[i%2], rand.New(rand.NewPCG(seed, uint64(i))))
			}()
		}
		waits := []func() error{b.tool("a", "ADD COLUMN w INT NOT NULL DEFAULT 7 AFTER v, DROP KEY n", "--sleep", "0.03"),
			b.tool("b", "CHANGE n m BIGINT, ADD COLUMN x VARCHAR(9)", "--no-check-alter", "--sleep", "0.02")}
		done := make(chan error, len(waits))
		for _, wait := range waits {
			go func() { done <- wait() }()
		}
		for ended := 0; ended < len(waits); {
			proxy, cfg := breakable(t, down)
			b.sub.Target = cfg
			r := b.start()
			select {
			case err := <-done:
				b.must(err)
				ended++
			case <-time.After(time.Duration(50+rnd.IntN(400)) * time.Millisecond):
			}
			if rnd.IntN(2) == 0 {
				proxy.Cut()
			}
			if err := r.stop(); !errors.Is(err, context.Canceled) {
				t.Fatalf("the run ended with: %v", err)
			}
			b.epoch++
		}
		cancel()
		writers.Wait()
		b.sub.Target = down.Config()
		r := b.start()
		r.caughtUp()
		r.end()
		t.Logf("%d runs", b.epoch)
		b.equal()
		if left := b.recorded(); len(left) > 0 {
			t.Errorf("recorded in the end: %q", left)
		}
	})
}

// writeTo changes rows of a table until ctx ends. Its statements are good before
// and behind the online DDL.
func (b *bench) writeTo(ctx context.Context, table string, rnd *rand.Rand) {
	for ctx.Err() == nil {
		id := rnd.IntN(2500)
		var q string
		switch rnd.IntN(4) {
		case 0:
			q = fmt.Sprintf("INSERT INTO %s.%s (v) VALUES ('new %d')", b.schema(), table, id)
		case 1:
			q = fmt.Sprintf("DELETE FROM %s.%s WHERE id = %d", b.schema(), table, id)
		default:
			q = fmt.Sprintf("UPDATE %s.%s SET v = 'v%d' WHERE id IN (%d, %d)", b.schema(), table, rnd.IntN(1000), id, id+1)
		}
		if _, err := b.up.DB().ExecContext(ctx, q); err != nil && ctx.Err() == nil && !retryable(err) {
			b.t.Error(err)
			return
		}
		pause(ctx, 2*time.Millisecond)
	}
}

// TestPtForeignKeys: what each --alter-foreign-keys-method comes to. drop_swap,
// which the tool refuses for servers since MySQL 8 and MariaDB 10, drops the table
// before its shadow table gets the name: the rows stay.
func TestPtForeignKeys(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), true)
	b.online()
	b.exec("CREATE DATABASE " + b.schema())
	r := b.start()
	b.session("CREATE TABLE p (id INT PRIMARY KEY, v INT)", "CREATE TABLE c (id INT PRIMARY KEY, p INT, CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id))",
		"INSERT INTO p SELECT seq, seq FROM seq_1_to_500", "INSERT INTO c SELECT seq, seq FROM seq_1_to_500")
	b.must(b.tool("p", "ADD COLUMN w INT DEFAULT 7", "--alter-foreign-keys-method", "rebuild_constraints")())
	b.session("INSERT INTO p (id, v) VALUES (1000, 1)", "INSERT INTO c VALUES (1000, 1000)")
	r.caughtUp()
	b.equal()
	const keys = "SELECT constraint_name, table_name, referenced_table_name FROM information_schema.referential_constraints WHERE constraint_schema = '%s'"
	query := fmt.Sprintf(keys, b.schema())
	if diff := cmp.Diff(b.text(b.up, query), b.text(b.down, query)); diff != "" {
		t.Errorf("foreign keys (-source +target):\n%s", diff)
	}
	b.session("CREATE TABLE `_p_new` (id INT PRIMARY KEY, v INT, w INT DEFAULT 7)", "ALTER TABLE `_p_new` ADD COLUMN x INT DEFAULT 8",
		"INSERT LOW_PRIORITY IGNORE INTO `_p_new` (id, v, w) SELECT id, v, w FROM p LOCK IN SHARE MODE",
		"SET foreign_key_checks=0", "DROP TABLE IF EXISTS p")
	r.caughtUp()
	r.end()
	b.epoch++
	r = b.start()
	b.session("SET foreign_key_checks=0", "RENAME TABLE `_p_new` TO p", "INSERT INTO p (id, v) VALUES (1001, 1)", "INSERT INTO c VALUES (1001, 1001)")
	r.caughtUp()
	r.end()
	b.equal()
	if left := b.recorded(); len(left) > 0 {
		t.Errorf("recorded in the end: %q", left)
	}
}
