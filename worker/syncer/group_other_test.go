package syncer

import (
	"errors"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// TestGroupUnknownEvents: an event of a type that nobody has heard of is not passed
// over in silence, except where the source says that it may be.
func TestGroupUnknownEvents(t *testing.T) {
	const unheard = replication.EventType(172)
	p := newTape(t, binlog.MariaDB, true, 1<<20)
	p.maria(1, 0)
	p.put(replication.MARIADB_ANNOTATE_ROWS_EVENT, &replication.MariadbAnnotateRowsEvent{})
	p.rows("a", 1)
	h := &replication.EventHeader{EventType: unheard, LogPos: p.pos, EventSize: 10, Flags: replication.LOG_EVENT_IGNORABLE_F}
	none := func(*Txn) error { return nil }
	if err := p.g.event(h, &replication.GenericEvent{}, none); err != nil {
		t.Error(err)
	}
	h.Flags = 0
	var f *fault.Error
	if err := p.g.event(h, &replication.GenericEvent{}, none); !errors.As(err, &f) || f.Kind != fault.Unsupported || f.Hint == "" {
		t.Errorf("error: %v", err)
	}
	for _, typ := range []replication.EventType{replication.INTVAR_EVENT, replication.RAND_EVENT, replication.USER_VAR_EVENT, replication.ROWS_QUERY_EVENT,
		replication.BEGIN_LOAD_QUERY_EVENT, replication.VIEW_CHANGE_EVENT, replication.MARIADB_BINLOG_CHECKPOINT_EVENT, replication.MARIADB_START_ENCRYPTION_EVENT} {
		h.EventType = typ
		if err := p.g.event(h, &replication.GenericEvent{}, none); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
}
