package checkpoint

import (
	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
)

// Replay says what of the binlog is in the rows of a dump that was read at
// several moments, table by table. The syncer begins at the oldest of them.
type Replay struct {
	// Places are places in the binlog, in order. Behind the last one nothing is in
	// any row, and all structures are those of the last one.
	Places []binlog.Location `json:"places"`
	// Tables are all tables of the dump.
	Tables []ReplayTable `json:"tables"`
}

// ReplayTable is one table of a Replay: up to the place number From all changes
// are in all of its rows, behind To none is.
type ReplayTable struct {
	Schema string `json:"s"`
	Table  string `json:"t"`
	From   int    `json:"f"`
	To     int    `json:"o"`
}

// Name is the table's name on the source.
func (t ReplayTable) Name() schema.Name { return schema.Name{Schema: t.Schema, Table: t.Table} }

// End is the last place; zero for a nil Replay.
func (r *Replay) End() binlog.Location {
	if r == nil || len(r.Places) == 0 {
		return binlog.Location{}
	}
	return r.Places[len(r.Places)-1]
}
