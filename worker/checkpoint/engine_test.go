package checkpoint_test

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestMetaTablesHaveTransactions: whatever engine the target gives to new tables; one
// without transactions, which somebody has made, is refused until it has another.
func TestMetaTablesHaveTransactions(t *testing.T) {
	server := testbed.MariaDB(t, testbed.WithoutBinlog(), testbed.WithArgs("--default-storage-engine=Aria"))
	db := open(t, server.Config(), "")
	sub := subtask(t, "source")
	_, err := checkpoint.Open(t.Context(), db, sub, 1)
	must(t, err)
	var n int
	must(t, db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND ENGINE <> 'InnoDB'", sub.MetaSchema).Scan(&n))
	if n != 0 {
		t.Errorf("%d meta tables have no transactions", n)
	}
	name := dbconn.Ident(sub.MetaSchema, sub.Task+"_raftdm_chunk")
	must(t, server.Exec(t.Context(), "ALTER TABLE "+name+" ENGINE = Aria"))
	_, err = checkpoint.Open(t.Context(), db, sub, 2)
	if !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), name) || !strings.Contains(fault.HintOf(err), "ALTER TABLE "+name) {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	must(t, server.Exec(t.Context(), "ALTER TABLE "+name+" ENGINE = InnoDB"))
	_, err = checkpoint.Open(t.Context(), db, sub, 2)
	must(t, err)
}
