package syncer

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
)

// head is who wrote a binlog file and when it was begun, as the event at its
// start says, however often and from wherever in the file it is sent.
type head struct {
	at      binlog.Position
	server  uint32
	created uint32
}

// beginAnew notices that the source has thrown its binlog away and begun anew
// (RESET MASTER): a file that was read before, or one that comes before it, is
// younger now than it was. Numbers of transactions begin anew with it, so those
// that are read next may pass for some that were applied long ago, and a
// position may be in the middle of others.
//
// After a switch to another server files prove nothing: only those that one
// server wrote are compared.
func (g *grouper) beginAnew(h *replication.EventHeader) error {
	next := head{at: binlog.Position{Name: g.file}, server: h.ServerID, created: h.Timestamp}
	old := g.head
	if next.created == 0 || next.server == 0 {
		return nil // nothing is said
	}
	g.head = next
	if old.server != next.server || old.at.Name == "" {
		return nil
	}
	order := next.at.Compare(old.at)
	if order > 0 || order == 0 && next.created == old.created || order < 0 && next.created <= old.created {
		return nil
	}
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent,
		Msg: fmt.Sprintf("the source has begun its binlog anew (RESET MASTER): file %s is not the one that was read up to %s",
			g.file, g.loc),
		Hint: "what was written to the source around that moment may be missing here: copy the data anew (stop-task, then start-task --remove-meta)"}
}
