package syncer

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// start is where a run begins.
type start struct {
	lane      checkpoint.Lane // watermark, what is applied above it, a transaction in pieces
	safeUntil binlog.Location
	// dumped is the place of the dump's snapshot when reading begins before it.
	dumped binlog.Location
	// replay is what to do up to the end of a dump of several moments.
	replay *replay
	intent checkpoint.Intent
}

// begin finds where to begin: what the lane rows say; without any, the snapshot
// of the full phase; a checkpoint that DM left; the start point of the task.
func begin(ctx context.Context, sub config.Subtask, m *checkpoint.Meta, up *dbconn.DB) (start, error) {
	var s start
	flavor := up.Server.Flavor
	global, known, err := m.Global(ctx, flavor)
	if err != nil {
		return s, err
	}
	rows, err := m.Lanes(ctx)
	if err != nil {
		return s, err
	}
	phase, err := m.Phase(ctx)
	if err != nil {
		return s, err
	}
	if phase.Unit != status.UnitSync && !phase.Finished {
		phase = checkpoint.Phase{} // its rows are not all on the target: in mode incremental, others have brought them
	}
	var first binlog.Location
	if len(rows) == 0 {
		if first, s.safeUntil, err = firstLocation(ctx, sub, phase, up, global, known); err != nil {
			return s, err
		}
		if !s.safeUntil.IsZero() {
			// Before there are lane rows: a crash inside the window must not lose it.
			g := checkpoint.Global{Location: first, SafeUntil: s.safeUntil}
			if err := m.SaveGlobal(ctx, m.DB, g); err != nil {
				return s, err
			}
		}
	} else if known {
		s.safeUntil = global.SafeUntil
	}
	s.lane, err = m.OpenLanes(ctx, sub.Sync.WorkerCount, func(rows []checkpoint.Lane) (checkpoint.Lane, error) {
		lane := combine(rows, first)
		var err error
		lane.Watermark, err = complete(ctx, up, lane.Watermark, sub.Source.EnableGTID)
		return lane, err
	})
	if err != nil {
		return s, err
	}
	if end := phase.Replay.End(); !end.IsZero() && !reached(s.lane.Watermark, end, sub.Source.EnableGTID) {
		s.replay = newReplay(phase.Replay, sub.Source.EnableGTID)
	}
	if !phase.Prepared.IsZero() && !reached(s.lane.Watermark, phase.Snapshot, sub.Source.EnableGTID) {
		s.dumped = phase.Snapshot
	}
	s.intent, _, err = m.DDL(ctx)
	return s, err
}

// reached tells whether at is at to or behind it.
func reached(at, to binlog.Location, byGTID bool) bool {
	if byGTID {
		return at.GTID.Contains(to.GTID)
	}
	return at.Position.Compare(to.Position) >= 0
}

// combine joins the lane rows: the greatest watermark, and everything applied.
func combine(rows []checkpoint.Lane, first binlog.Location) checkpoint.Lane {
	if len(rows) == 0 {
		return checkpoint.Lane{Watermark: first}
	}
	out := checkpoint.Lane{Watermark: rows[0].Watermark}
	for i := range rows {
		if later(rows[i].Watermark, out.Watermark) {
			out.Watermark = rows[i].Watermark
		}
		out.Applied.AddAll(&rows[i].Applied)
		if rows[i].Lane == 0 {
			out.Partial = rows[i].Partial
		}
	}
	return out
}

// later tells whether a is behind b. Both are watermarks of one task, so one
// holds the other; positions may have begun anew after a switch of the source,
// GTID sets have not.
func later(a, b binlog.Location) bool {
	if !a.GTID.IsEmpty() && !b.GTID.IsEmpty() && !a.GTID.Equal(b.GTID) {
		return a.GTID.Contains(b.GTID)
	}
	return a.Position.Compare(b.Position) > 0
}

// firstLocation is where a task begins that has no lane rows.
func firstLocation(ctx context.Context, sub config.Subtask, phase checkpoint.Phase, up *dbconn.DB, global checkpoint.Global, known bool) (at, safeUntil binlog.Location, err error) {
	if !phase.Prepared.IsZero() {
		return phase.Prepared, safeUntil, nil
	}
	if !phase.Snapshot.IsZero() {
		return phase.Snapshot, safeUntil, nil
	}
	if known && !global.Location.IsZero() {
		// DM records its progress apart from the rows, so some rows behind its
		// checkpoint are on the target; none can be behind the source's present end.
		end, err := up.MasterStatus(ctx)
		return global.Location, end, err
	}
	if sub.Start == nil {
		return at, safeUntil, &fault.Error{Kind: fault.Invalid, Code: 20022,
			Msg:  fmt.Sprintf("nothing says where in the binlog of source %s the task begins: there is no checkpoint and no meta section", sub.SourceID),
			Hint: "give the source a meta section with binlog-name and binlog-pos (or binlog-gtid) in the task file"}
	}
	at.Position = binlog.Position{Name: sub.Start.BinlogName, Pos: sub.Start.BinlogPos}
	if sub.Start.BinlogGTID != "" {
		at.GTID, err = binlog.ParseGTIDSet(up.Server.Flavor, sub.Start.BinlogGTID)
	}
	return at, safeUntil, err
}

// complete fills in the half of a location that is not known but can be asked
// for, and refuses one with which the source cannot be read.
func complete(ctx context.Context, up *dbconn.DB, at binlog.Location, byGTID bool) (binlog.Location, error) {
	if at.GTID.Flavor() == "" && at.Position.Name != "" && up.Server.Flavor == binlog.MariaDB {
		var text sql.NullString
		err := up.QueryRowContext(ctx, "SELECT BINLOG_GTID_POS(?, ?)", at.Position.Name, at.Position.Pos).Scan(&text)
		if err != nil {
			return at, dbconn.Error(fault.Upstream, "ask for the GTIDs up to "+at.Position.String(), err)
		}
		if text.Valid {
			if at.GTID, err = binlog.ParseGTIDSet(binlog.MariaDB, text.String); err != nil {
				return at, err
			}
		}
	}
	if byGTID && at.GTID.Flavor() == "" && at.Position.Name != "" && up.Server.Flavor == binlog.MySQL {
		var err error
		if at.GTID, err = gtidsBefore(ctx, up, at.Position); err != nil {
			return at, err
		}
	}
	switch {
	case byGTID && at.GTID.Flavor() == "":
		return at, &fault.Error{Kind: fault.Invalid,
			Msg:  fmt.Sprintf("the source is to be read by GTID, but which GTIDs come before %s is not known", at.Position),
			Hint: "give binlog-gtid in the meta section of the task, or set enable-gtid: false in the source"}
	case !byGTID && at.Position.Name == "":
		return at, &fault.Error{Kind: fault.Invalid,
			Msg:  fmt.Sprintf("the source is to be read by position, but only the GTID set %s is known", at.GTID),
			Hint: "set enable-gtid: true in the source, or give binlog-name and binlog-pos in the meta section of the task"}
	}
	return at, nameable(at, byGTID)
}
