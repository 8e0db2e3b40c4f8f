package syncer

import (
	"fmt"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/fault"
)

// other deals with the events that carry neither rows nor statements.
func (g *grouper) other(h *replication.EventHeader, content any, emit func(*Txn) error) error {
	switch h.EventType {
	case replication.INCIDENT_EVENT:
		return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGetEvent,
			Msg:  fmt.Sprintf("the source reports at %s that changes are missing from its binlog (an incident event)", g.at(h)),
			Hint: "copy the data anew: stop-task, then start-task --remove-meta"}
	case replication.XA_PREPARE_LOG_EVENT:
		return g.xaPrepared(h, content, emit)
	case replication.FORMAT_DESCRIPTION_EVENT:
		g.lives(content)
		if err := g.beginAnew(h); err != nil {
			return err
		}
		return g.boundary(h, emit)
	case replication.MARIADB_BINLOG_CHECKPOINT_EVENT,
		replication.HEARTBEAT_EVENT, replication.HEARTBEAT_LOG_EVENT_V2, replication.STOP_EVENT:
		return g.boundary(h, emit)
	}
	return g.known(h)
}

// known refuses an event that this reader has never heard of, unless the source says
// that it may be passed over: it may hold changes of rows, as those do by which some
// servers send large rows in pieces.
func (g *grouper) known(h *replication.EventHeader) error {
	switch typ := h.EventType; {
	case h.Flags&replication.LOG_EVENT_IGNORABLE_F != 0,
		typ == replication.INTVAR_EVENT, typ == replication.RAND_EVENT, typ == replication.USER_VAR_EVENT, typ == replication.TABLE_MAP_EVENT, // about what is behind them
		typ == replication.BEGIN_LOAD_QUERY_EVENT, typ == replication.APPEND_BLOCK_EVENT, typ == replication.DELETE_FILE_EVENT,
		typ == replication.IGNORABLE_EVENT, typ == replication.ROWS_QUERY_EVENT, typ == replication.MARIADB_ANNOTATE_ROWS_EVENT, // remarks
		typ == replication.TRANSACTION_CONTEXT_EVENT, typ == replication.VIEW_CHANGE_EVENT, // of a group of servers
		typ == replication.SLAVE_EVENT, typ == replication.MARIADB_START_ENCRYPTION_EVENT:
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream, Code: codeGetEvent,
		Msg:  fmt.Sprintf("not supported yet: the source's binlog has an event of type %d at %s, which is not known here and may hold changes of rows", h.EventType, g.at(h)),
		Hint: "switch off on the source what writes such events, and copy the data anew: stop-task, then start-task --remove-meta"}
}
