package load_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// TestAStatementIsMended: what the hint about a statement that cannot be loaded says
// leads to the end of the load.
func TestAStatementIsMended(t *testing.T) {
	const name = "mended"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	bad := "LOCK TABLES `t` WRITE;\n"
	dir := written(t, map[string]string{"metadata": "", name + ".t-schema.sql": "CREATE TABLE `t` (`a` int);\n",
		name + ".t.sql": "INSERT INTO `t` VALUES (1);\n" + bad + "INSERT INTO `t` VALUES (2);\n"})
	b.loadOnly(dir)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	b.padded(dir, name)
	err := b.load(t.Context(), m)
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(fault.HintOf(err), "same size") {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	before := b.count(b.dst, name+".t")
	if before == 0 {
		t.Fatal("nothing was loaded before the statement")
	}
	file := filepath.Join(dir, name+".t.sql")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("LOCK TABLES `t` WRITE;"), []byte("                      ")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if n := b.count(b.dst, name+".t"); n <= before || n != bytes.Count(text, []byte("INSERT")) {
		t.Errorf("%d rows", n)
	}
}

// padded puts so many rows before those of the table's file that they are loaded
// by transactions of their own.
func (b *bed) padded(dir, name string) {
	b.t.Helper()
	file := filepath.Join(dir, name+".t.sql")
	text, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	before := bytes.Repeat([]byte("INSERT INTO `t` VALUES (1);"+strings.Repeat(" ", 1000)+"\n"), 5000)
	if err := os.WriteFile(file, append(before, text...), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// TestADumpThatIsThereIsNotMissed: what is wrong with files is said, and not that
// there are none; once it is mended the load goes on.
func TestADumpThatIsThereIsNotMissed(t *testing.T) {
	const name = "notmissed"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	files := map[string]string{"metadata": "", name + ".t-schema.sql": "CREATE TABLE `t` (`a` int);\n",
		name + ".t.00000.sql": "INSERT INTO `t` VALUES (1);\n", name + ".t.00001.sql": "INSERT INTO `t` VALUES (2),\n(3"}
	dir := written(t, files)
	b.loadOnly(dir)
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	err := b.load(t.Context(), m)
	if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), name+".t.00001.sql") || strings.Contains(err.Error(), "no dump") || fault.HintOf(err) == "" {
		t.Fatalf("%v (%s)", err, fault.HintOf(err))
	}
	if err := os.WriteFile(filepath.Join(dir, name+".t.00001.sql"), []byte("INSERT INTO `t` VALUES (2),\n(3);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if n := b.count(b.dst, name+".t"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

// TestATimeZoneThatTheTargetLacks is said with the places where it may be named.
func TestATimeZoneThatTheTargetLacks(t *testing.T) {
	const name = "nozone"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	b.loadOnly(written(t, map[string]string{"metadata": "", name + ".t-schema.sql": "CREATE TABLE `t` (`a` timestamp);\n", name + ".t.sql": "INSERT INTO `t` VALUES ('2024-01-01');\n"}))
	b.sub.Timezone = "Mars/Olympus"
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.load(t.Context(), m); err == nil || !strings.Contains(err.Error(), "Mars/Olympus") || !strings.Contains(fault.HintOf(err), "timezone") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}
