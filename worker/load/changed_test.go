package load_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/worker/dump/dumpdir"
	"github.com/raftdm/raftdm/worker/load"
)

// TestAFileThatShrinksMeanwhile: a file of another tool is as long as it was when
// the load began, or the load does not end as if it were.
func TestAFileThatShrinksMeanwhile(t *testing.T) {
	const name = "shrinks"
	b := newBed(t, name, servers.MariaDB(t), mariaTarget(t))
	insert := "INSERT INTO `t` VALUES (NULL);" + strings.Repeat(" ", 1000) + "\n"
	const rows = 20_000
	dir := written(t, map[string]string{"metadata": "", name + ".t-schema.sql": "CREATE TABLE `t` (`a` int);\n", name + ".t.sql": strings.Repeat(insert, rows)})
	b.loadOnly(dir)
	b.sub.Load.MaxRows = rows // a second
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	u := load.New(load.Config{Subtask: b.sub, Meta: m, Log: b.log()})
	done := make(chan error, 1)
	go func() { done <- u.Run(t.Context()) }()
	b.awaitRows(u, done, 0)
	if err := os.Truncate(filepath.Join(dir, name+".t.sql"), int64((rows-5)*len(insert))); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, dumpdir.ErrDamaged) || !strings.Contains(err.Error(), name+".t.sql") {
		t.Errorf("the load has ended with %v and %d rows", err, b.count(b.dst, name+".t"))
	}
}
