package load_test

import (
	"context"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// TestRowTooWideForTheTarget: a row that TiDB does not take as it is set up ends
// the load with the setting that helps; once it is raised the load goes on.
func TestRowTooWideForTheTarget(t *testing.T) {
	const name = "toowide"
	dst := servers.TiDB(t)
	b := newBed(t, name, servers.MariaDB(t), dst)
	b.exec(b.src, "CREATE DATABASE "+name, "CREATE TABLE "+name+".w (id INT PRIMARY KEY, b LONGTEXT)",
		"INSERT INTO "+name+".w VALUES (1, 'narrow'), (2, REPEAT('x', 7 * 1024 * 1024))")
	m, closeMeta := b.meta(t.Context())
	defer closeMeta()
	if err := b.dump(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	err := b.load(t.Context(), m)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "tidb_txn_entry_size_limit") {
		t.Fatalf("error %v, hint %q", err, fault.HintOf(err))
	}
	b.exec(dst, "SET GLOBAL tidb_txn_entry_size_limit = 125829120")
	t.Cleanup(func() { _ = dst.Exec(context.Background(), "SET GLOBAL tidb_txn_entry_size_limit = 0") })
	if err := b.load(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	b.equal(name, "w")
}
