package syncer

import (
	"github.com/go-mysql-org/go-mysql/replication"
)

// A MariaDB session with binlog_alter_two_phase writes an ALTER TABLE (or CREATE
// INDEX) twice, each time as a statement with a GTID of its own: when it begins, and
// when it has taken effect or has failed. In between are the rows of others, which
// are still as the table was, and nothing at all follows when the source dies. So the
// statement counts where it has taken effect. Which of them it is stands in flags
// of the GTID event that go-mysql does not know.

// Flags of MariaDB's GTID event: it has the name of an XA transaction that was
// ended, and, in the byte behind that, what part of an ALTER TABLE follows.
const (
	endedXA       = 128
	startAlter    = 2
	rollbackAlter = 8
)

// voidGTID is the GTID event of a statement that has not taken effect.
type voidGTID struct{ *replication.MariadbGTIDEvent }

// isVoid tells that from the event's body.
func isVoid(e *replication.MariadbGTIDEvent, body []byte) bool {
	at := 8 + 4 + 1 // number, domain, flags
	if e.Flags&replication.BINLOG_MARIADB_FL_GROUP_COMMIT_ID != 0 {
		at += 8
	}
	if e.Flags&(preparedXA|endedXA) != 0 || !e.IsStandalone() || len(body) <= at {
		return false
	}
	return body[at]&(startAlter|rollbackAlter) != 0
}

// beginVoid begins a transaction of which the statement is to be passed over.
func (g *grouper) beginVoid(h *replication.EventHeader, e *voidGTID) error {
	if err := g.begin(h, mariaGTID(&e.GTID), true); err != nil {
		return err
	}
	g.cur.void = len(g.cur.more) == 0
	return nil
}
