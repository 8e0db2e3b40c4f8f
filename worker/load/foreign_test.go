package load_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/dump"
	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
)

// mydumper lets the real mydumper dump a schema of the source. Its threads may all
// wait for each other (0.10, with -r), so it gets another try.
func (b *bed) mydumper(schema string, args ...string) string {
	b.t.Helper()
	for try := 1; ; try++ {
		dir := filepath.Join(b.t.TempDir(), "mydumper")
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, "mydumper", append([]string{"-h", b.src.Host, "-P", strconv.Itoa(b.src.Port), "-u", b.src.User,
			"-p", b.src.Password, "-B", schema, "-o", dir, "-t", "2"}, args...)...).CombinedOutput()
		stuck := ctx.Err() != nil
		cancel()
		if err == nil {
			return dir
		}
		if !stuck || try == 3 {
			b.t.Fatalf("mydumper: %v\n%s", err, out)
		}
	}
}

// loadOnly makes the bed's task one that loads dir.
func (b *bed) loadOnly(dir string) {
	b.sub.Mode = config.ModeLoad
	b.sub.Load.GivenDir, b.sub.Load.Dir = dir, dir+"."+b.sub.Task
}

// TestMydumpersOwnFiles: what mydumper has written arrives byte by byte, whole
// and in chunks, compressed too, in tables whose columns stand in another order.
func TestMydumpersOwnFiles(t *testing.T) {
	src, dst := servers.MariaDB(t), mariaTarget(t)
	for i, args := range [][]string{{}, {"-r", "100", "-s", "2000"}, {"-c", "-F", "1"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			name := "mydumper" + strconv.Itoa(i)
			b := newBed(t, name, src, dst)
			b.fillTypes(name)
			// mydumper takes floating-point numbers as the server shows them, with six digits.
			// It cannot write these two: a quote in a column's name, a slash in a table's.
			b.exec(src, "DROP TABLE "+name+".gen", "DROP TABLE "+name+".`odd.name-schema%/ü`", "CREATE TABLE "+name+".`odd.name-schema` (a INT)",
				"INSERT INTO "+name+".`odd.name-schema` VALUES (1)", "CREATE TABLE "+name+".gen2 (id INT PRIMARY KEY, a INT, b INT AS (a + 1) VIRTUAL, c INT AS (a * 2) STORED)",
				"INSERT INTO "+name+".gen2 (id, a) VALUES (1, 5), (2, NULL)")
			b.exec(src, "UPDATE "+name+".nums SET f = 0.5, f2 = 1.5, g = 0.25", "CREATE TABLE "+name+".hidden (a INT, b INT INVISIBLE DEFAULT 7, c INT)",
				"INSERT INTO "+name+".hidden VALUES (1, 2), (3, NULL)",
				"CREATE TABLE "+name+".wide (id INT PRIMARY KEY, t LONGTEXT)",
				"INSERT INTO "+name+".wide SELECT seq, REPEAT('ab;\\n\\'\"\\\\', 500) FROM "+name+".seq_1_to_700")
			b.exec(dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".comp (c INT, b VARCHAR(20), a INT, extra INT DEFAULT 3, PRIMARY KEY (a, b)) DEFAULT CHARSET latin1")
			b.loadOnly(b.mydumper(name, args...))
			b.sub.CleanDumpFile = true
			s := b.loadAlone()
			b.equal(name, append(mydumpable(), "odd.name-schema", "gen2", "hidden", "wide")...)
			if s.Load.FinishedBytes != s.Load.TotalBytes || s.Load.TotalBytes == 0 || !strings.HasPrefix(s.Load.MetaBinlog, "(mariadb-bin.") {
				t.Errorf("status at the end: %+v", *s.Load)
			}
			if _, err := os.Stat(filepath.Join(b.sub.Load.GivenDir, dumpdir.MetadataName)); err != nil {
				t.Errorf("the files of somebody else were removed: %v", err)
			}
		})
	}
}

// mydumpable are the type tables that mydumper can write.
func mydumpable() []string {
	return slices.DeleteFunc(typeNames(), func(n string) bool { return n == "gen" || strings.HasPrefix(n, "odd") })
}

// loadAlone runs the load of a task in mode load and gives its status at the end.
func (b *bed) loadAlone() status.Subtask {
	b.t.Helper()
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	if err := u.Run(b.t.Context()); err != nil {
		b.t.Fatalf("load: %v (hint: %s)", err, fault.HintOf(err))
	}
	p, err := m.Phase(b.t.Context())
	if err != nil || p.Unit != status.UnitLoad || !p.Finished {
		b.t.Errorf("phase at the end: %+v, %v", p, err)
	}
	var s status.Subtask
	u.Fill(&s)
	if s.Load.Progress != "100.00 %" {
		b.t.Errorf("progress at the end: %s", s.Load.Progress)
	}
	return s
}

// TestMydumpersFilesResume: stopped at random and taken up again, nothing is
// lost and nothing doubled, in a table without a key and one large statement.
func TestMydumpersFilesResume(t *testing.T) {
	const name = "mdresume"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	tables := append(b.sysbench(name, 1, 20_000), "nokey")
	b.keyless(name, 60_000)
	b.loadOnly(b.mydumper(name))
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	b.loadSome(m, name)
	if chunks, err := m.Chunks(t.Context()); err != nil || len(chunks) != 2 {
		t.Errorf("chunk rows: %v, %v", chunks, err)
	}
	b.loadAlone()
	b.equal(name, tables...)
}

// TestADumpThatChangesIsNotGoneOnWith: half loaded, then dumped anew.
func TestADumpThatChangesIsNotGoneOnWith(t *testing.T) {
	const name = "mdchanged"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.keyless(b.fresh(name), 60_000)
	b.loadOnly(b.mydumper(name))
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	b.loadSome(m, name)
	b.exec(b.src, "INSERT INTO "+name+".nokey VALUES (1, 'new')")
	first := b.sub.Load.GivenDir
	b.loadOnly(b.mydumper(name))
	if err := b.load(t.Context(), m); fault.KindOf(err) != fault.Conflict || fault.HintOf(err) == "" {
		t.Fatalf("another dump: %v", err)
	}
	b.loadOnly(first)
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if n := b.count(b.dst, name+".nokey"); n != 60_000 {
		t.Errorf("%d rows", n)
	}
}

// fresh makes a schema of the source.
func (b *bed) fresh(schema string) string {
	b.t.Helper()
	b.exec(b.src, "CREATE DATABASE "+schema)
	return schema
}

// dumpAlone runs the task in mode dump and gives the directory.
func (b *bed) dumpAlone() string {
	b.t.Helper()
	b.sub.Mode = config.ModeDump
	m, closeMeta := b.meta(b.t.Context())
	defer closeMeta()
	if err := b.dump(b.t.Context(), m); err != nil {
		b.t.Fatal(err)
	}
	return b.sub.Load.Dir
}

// TestTheDumpOfAnotherTask: a task in mode dump leaves files that one in mode
// load takes, and each is finished then.
func TestTheDumpOfAnotherTask(t *testing.T) {
	const name = "dumponly"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	tables := b.sysbench(name, 2, 1000)
	dir := b.dumpAlone()
	b.sub.Task = "loadonly"
	b.loadOnly(dir)
	b.sub.CleanDumpFile, b.sub.Load.Overlap = true, true
	b.loadAlone()
	b.equal(name, tables...)
	left, err := dumpdir.ReadManifest(dir, nil)
	if err != nil {
		t.Fatalf("the files of another task were removed: %v", err)
	}
	for _, table := range left.Tables {
		for _, f := range table.Data {
			if err := f.Check(dir); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOwnDumpLoadedAloneResumes: the halves of one task. The files that are loaded
// stay until the last one is, and go then.
func TestOwnDumpLoadedAloneResumes(t *testing.T) {
	const name = "halves"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	tables := append(b.sysbench(name, 1, 20_000), "nokey")
	b.keyless(name, 60_000)
	b.dumpAlone()
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	b.sub.Mode, b.sub.CleanDumpFile, b.sub.Load.Overlap = config.ModeLoad, true, true
	b.loadSome(m, name)
	b.loadAlone()
	b.equal(name, tables...)
	if left, err := os.ReadDir(b.sub.Load.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory at the end: %v, %v", left, err)
	}
}

// TestADumpThatNeedsItsTask: what another task has dumped in parts is of no one
// moment, or lacks what that task had loaded when its disk was lost. A load alone
// takes neither for a dump.
func TestADumpThatNeedsItsTask(t *testing.T) {
	const name = "needstask"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.sysbench(name, 2, 20_000)
	b.sub.Load.PoolSize = 1
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.loadSome(m, name)
	if err := os.RemoveAll(b.sub.Load.Dir); err != nil {
		t.Fatal(err)
	}
	if err := b.load(t.Context(), m); !errors.Is(err, load.ErrDumpAgain) {
		t.Fatalf("load without the rest of its dump: %v", err)
	}
	again := dump.New(dump.Config{Subtask: b.sub, Meta: m, Log: b.log(), Resume: true})
	if err := again.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	dir := b.sub.Load.Dir
	b.dst = mariaTarget(t)
	b.sub.Target, b.sub.Task = b.dst.Config(), "another"
	b.loadOnly(dir)
	other, closeOther := b.meta(t.Context())
	defer closeOther()
	err := b.load(t.Context(), other)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), dir) || !strings.Contains(fmt.Sprint(err), name) || fault.HintOf(err) == "" {
		t.Errorf("want the directory, its task and a way out, got %v (hint: %s)", err, fault.HintOf(err))
	}
}

// TestNoDumpToLoad names the directories in which files are looked for.
func TestNoDumpToLoad(t *testing.T) {
	const name = "nodump"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	for _, files := range []string{"", "metadata.partial", "raftdm-dump.json"} {
		dir := filepath.Join(t.TempDir(), "x")
		if files != "" {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, files), []byte("{}"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.loadOnly(dir)
		if err := b.load(t.Context(), m); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error()+fault.HintOf(err), dir) || fault.HintOf(err) == "" {
			t.Errorf("with %q: %v (%s)", files, err, fault.HintOf(err))
		}
	}
	if p, err := m.Phase(t.Context()); err != nil || p.Unit != status.UnitInvalid {
		t.Errorf("phase %+v, %v", p, err)
	}
}

// TestTheDumpIsGoneBeforeARow: the files go when the task has begun with them and
// no row of them is on the target.
func TestTheDumpIsGoneBeforeARow(t *testing.T) {
	const name = "gonebefore"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v BIGINT)", "INSERT INTO "+name+".t VALUES (1, 1)")
	b.exec(b.dst, "CREATE DATABASE "+name, "CREATE TABLE "+name+".t (id INT PRIMARY KEY, v DOUBLE)")
	dir := b.dumpAlone()
	b.sub.Task = "gonebefore_load"
	b.loadOnly(dir)
	other, closeOther := b.meta(t.Context())
	defer closeOther()
	if err := b.load(t.Context(), other); !fault.Is(err, fault.Schema) {
		t.Fatalf("a column that does not hold the values: %v", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := b.load(t.Context(), other); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error()+fault.HintOf(err), dir) {
		t.Errorf("without the files: %v (%s)", err, fault.HintOf(err))
	}
}

// TestStatementsThatAreNoRows end the load with their place and DM's number.
func TestStatementsThatAreNoRows(t *testing.T) {
	const name = "norows"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	for i, c := range []struct {
		text, says string
		code       int
	}{
		{"DROP DATABASE mysql;\n", "known setting", 34006},
		{"INSERT INTO `other` VALUES (1);\n", "another table", 34009},
		{"INSERT INTO `t` SELECT 1;\n", "INSERT of rows", 34009},
		{"INSERT INTO `t` VALUES (1), 2;\n", "its rows cannot be read: near \"2", 34003},
		{"INSERT INTO `t` VALUES (1", "ends inside", 34002},
	} {
		b.sub.Task = name + strconv.Itoa(i)
		dir := t.TempDir()
		for file, text := range map[string]string{"metadata": "", name + ".t-schema.sql": "CREATE TABLE `t` (`a` int PRIMARY KEY);\n",
			name + ".t.sql": "/*!40101 SET NAMES binary*/;\nINSERT INTO `t` VALUES (" + strconv.Itoa(10+i) + ");\n" + c.text} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		b.loadOnly(dir)
		m, closeMeta := b.meta(t.Context())
		err := b.load(t.Context(), m)
		if err == nil || !strings.Contains(err.Error(), c.says) || fault.HintOf(err) == "" || !strings.Contains(err.Error(), name+".t.sql") {
			t.Errorf("%q: %v (%s)", c.text, err, fault.HintOf(err))
		}
		if f := (*fault.Error)(nil); !errors.As(err, &f) || f.Code != c.code {
			t.Errorf("%q has not the number %d: %#v", c.text, c.code, err)
		}
		closeMeta()
	}
}
