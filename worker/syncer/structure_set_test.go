package syncer

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/operation"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// structure carries out a request about a table's structure as a worker does.
func (b *bench) structure(req operation.Structure) (string, error) {
	b.t.Helper()
	db, err := dbconn.Open(b.t.Context(), fault.Downstream, b.down.Config(), dbconn.Options{TimeZone: utc})
	b.must(err)
	defer db.Close()
	meta, err := checkpoint.Open(b.t.Context(), db, b.sub, b.epoch)
	b.must(err)
	req.Table.Schema = b.schema()
	tables := Structures{Subtask: b.sub, Meta: meta, Log: slog.New(slog.DiscardHandler)}
	return tables.Do(b.t.Context(), req)
}

func (b *bench) mustStructure(req operation.Structure) string {
	b.t.Helper()
	msg, err := b.structure(req)
	b.must(err)
	return msg
}

// TestSetStructure is the manual's example of tables with more columns on the
// target (5.2) and those of 4.6.4: rows of an incremental task are read with the
// structure that was set, from the next run on and after a restart.
func TestSetStructure(t *testing.T) {
	targets(t, func(t *testing.T, up, down *testbed.Server) {
		b := newBench(t, up, down, true)
		s := b.schema()
		name := schema.Name{Table: "messages"}
		const later = "ALTER TABLE messages ADD COLUMN more INT FIRST"
		b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".messages (id INT NOT NULL, message VARCHAR(255) DEFAULT NULL, PRIMARY KEY (id)) CHARSET latin1")
		b.must(down.Exec(t.Context(), "CREATE DATABASE IF NOT EXISTS "+s, "CREATE TABLE "+s+".messages (id INT NOT NULL, added VARCHAR(20) DEFAULT 'x', message VARCHAR(255) DEFAULT NULL, PRIMARY KEY (id)) CHARSET latin1"))
		at := b.master()
		b.sub.Start.BinlogName, b.sub.Start.BinlogPos, b.sub.Start.BinlogGTID = at.Position.Name, at.Position.Pos, at.GTID.String()
		b.transactions("messages", 1, 3, "#, 'old'")
		b.session(later) // so that the source's present structure does not fit the rows
		b.transactions("messages", 4, 2, "#, #, 'new'")
		r := b.start()
		if f := r.ends(t); f.Code != codeColumnCount {
			t.Errorf("code %d", f.Code)
		}
		text := "-- as of then\nCREATE TABLE `messages` (`id` int(11) NOT NULL, `message` varchar(255) DEFAULT NULL, PRIMARY KEY (`id`)) CHARSET latin1;\n"
		if msg := b.mustStructure(operation.Structure{Verb: operation.Set, Table: name, Text: text, NoFlush: true, Sync: true}); !strings.Contains(msg, "--flush=false") || !strings.Contains(msg, "--sync") {
			t.Errorf("set: %q", msg)
		}
		want := "CREATE TABLE `messages` ( `id` int(11) NOT NULL, `message` varchar(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL, PRIMARY KEY (`id`)) DEFAULT CHARSET=latin1"
		if got := b.mustStructure(operation.Structure{Verb: operation.Get, Table: name}); !strings.HasPrefix(got, want) || strings.Contains(got, "\n") {
			t.Errorf("got %q", got)
		}
		b.must(down.Exec(t.Context(), "ALTER TABLE "+s+".messages ADD COLUMN more INT FIRST"))
		r = b.again()
		r.caughtUp()
		r.end()
		var n int
		b.must(down.DB().QueryRow("SELECT COUNT(*) FROM " + s + ".messages WHERE (id < 4 AND message = 'old' AND more IS NULL OR id > 3 AND message = 'new' AND more = id) AND added = 'x'").Scan(&n))
		if n != 5 {
			t.Errorf("%d rows are right, want 5", n)
		}
		if got := b.mustStructure(operation.Structure{Verb: operation.Get, Table: name}); !strings.Contains(got, "( `more` int, `id`") {
			t.Errorf("behind the DDL: %q", got)
		}
	})
}

// TestStructureOfADatabase takes structures from the source and the target, and
// removes them.
func TestStructureOfADatabase(t *testing.T) {
	testbed.SkipIfShort(t)
	b := newBench(t, servers.MariaDB(t), secondMariaDB(t), false)
	s := b.schema()
	a := schema.Name{Table: "a"}
	r := b.start()
	b.exec("CREATE DATABASE "+s, "CREATE TABLE "+s+".a (id INT PRIMARY KEY)", "CREATE TABLE "+s+".only_here (id INT PRIMARY KEY)")
	r.caughtUp()
	r.end()
	b.must(b.down.Exec(t.Context(), "ALTER TABLE "+s+".a ADD COLUMN there INT", "DROP TABLE "+s+".only_here"))
	get := func() string { return b.mustStructure(operation.Structure{Verb: operation.Get, Table: a}) }
	if b.mustStructure(operation.Structure{Verb: operation.Set, Table: a, FromTarget: true}); !strings.Contains(get(), "`there`") {
		t.Errorf("from the target: %s", get())
	}
	if b.mustStructure(operation.Structure{Verb: operation.Set, Table: a, FromSource: true}); strings.Contains(get(), "`there`") {
		t.Errorf("from the source: %s", get())
	}
	b.mustStructure(operation.Structure{Verb: operation.Remove, Table: a})
	if !strings.Contains(get(), "`there`") { // looked up in the target
		t.Errorf("removed: %s", get())
	}
	const one = "CREATE TABLE a (id INT)"
	for _, c := range []struct {
		req  operation.Structure
		code int
		text string
	}{
		{operation.Structure{Verb: operation.Remove, Table: a}, codeNoStructure, "no structure of `" + s + "`.`a` is recorded"},
		{operation.Structure{Verb: operation.Get, Table: schema.Name{Table: "nothing"}}, codeNoStructure, "the target has no such table"},
		{operation.Structure{Verb: operation.Set, Table: schema.Name{Table: "nothing"}, FromSource: true}, 0, "the source has no table"},
		{operation.Structure{Verb: operation.Set, Table: schema.Name{Table: "only_here"}, FromTarget: true}, codeFetchDownstream, "the target has no table"},
		{operation.Structure{Verb: operation.Set, Table: a}, codeInvalidCreate, "must come from one of"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: one, FromSource: true}, codeInvalidCreate, "must come from one of"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "-- nothing"}, codeInvalidCreate, "holds no statement"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: one + ";" + one}, codeInvalidCreate, "holds 2 statements"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "DROP TABLE a"}, codeInvalidCreate, "is not a valid CREATE TABLE statement"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "source-id: s1\nfrom: {password: s3cret-Pa55}"}, codeInvalidCreate, "is not a valid CREATE TABLE statement"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "CREATE TABLE a LIKE b"}, codeInvalidCreate, "cannot be read"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "CREATE TABLE a (id NONSENSE(("}, codeInvalidCreate, "cannot be read"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "CREATE TABLE b (id INT)"}, codeInvalidCreate, "the statement creates `" + s + "`.`b`, not `" + s + "`.`a`"},
		{operation.Structure{Verb: operation.Set, Table: a, Text: "CREATE TABLE other.a (id INT)"}, codeInvalidCreate, "the statement creates `other`.`a`"},
	} {
		f := (*fault.Error)(nil)
		_, err := b.structure(c.req)
		if !errors.As(err, &f) || c.code != 0 && f.Code != c.code || !strings.Contains(err.Error(), c.text) || fault.HintOf(err) == "" {
			t.Errorf("%+v: %v", c.req, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("a file that was given by mistake is shown: %v", err)
		}
	}
	b.sub.Filter = inSchema("elsewhere")
	if _, err := b.structure(operation.Structure{Verb: operation.Get, Table: a}); !fault.Is(err, fault.NotFound) {
		t.Errorf("a table that the task does not replicate: %v", err)
	}
}
