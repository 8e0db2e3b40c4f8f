package rpc

import (
	"fmt"
	"strings"
	"time"

	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/pb"
)

// msgBeginning is shown while no unit runs yet: which one will is recorded on the target.
const msgBeginning = "it is reading its state from the target"

// subtaskRow renders a subtask's status as query-status shows it.
//
// result is null while all is well. A failure is shown there in both stages:
// Paused with it means that it waits for an operator (or auto-resume), Running
// with it that it is being retried right now. A subtask paused by an operator
// shows a result that is canceled.
func subtaskRow(s status.Subtask) *pb.SubTaskStatus {
	out := &pb.SubTaskStatus{Name: s.Task, Stage: pb.Stage(s.Stage), Unit: pb.UnitType(s.Unit)}
	switch {
	case s.Err != nil:
		out.Result = &pb.ProcessResult{Errors: []*pb.ProcessError{processError(s.Err)}}
	case s.Stage == status.StagePaused:
		out.Result = &pb.ProcessResult{IsCanceled: true}
	case s.Stage == status.StageFinished:
		out.Result = &pb.ProcessResult{}
	}
	switch {
	case s.Dump != nil:
		out.Status = &pb.SubTaskStatus_Dump{Dump: dumpStatus(s.Dump)}
	case s.Load != nil:
		out.Status = &pb.SubTaskStatus_Load{Load: loadStatus(s.Load)}
	case s.Sync != nil:
		out.Status = &pb.SubTaskStatus_Sync{Sync: syncStatus(s.Sync)}
	case s.Unit == status.UnitInvalid && s.Stage == status.StageRunning:
		out.Status = &pb.SubTaskStatus_Msg{Msg: msgBeginning}
	}
	return out
}

// processError renders an error in the parts that query-status shows.
func processError(err error) *pb.ProcessError {
	r := Render(err)
	return &pb.ProcessError{ErrCode: int32(r.Code), ErrClass: r.Class, ErrScope: r.Scope, ErrLevel: r.Level,
		Message: r.Message, RawCause: r.RawCause, Workaround: r.Advice}
}

func dumpStatus(d *status.Dump) *pb.DumpStatus {
	return &pb.DumpStatus{TotalTables: d.TotalTables, CompletedTables: d.CompletedTables, FinishedBytes: d.FinishedBytes,
		FinishedRows: d.FinishedRows, EstimateTotalRows: d.EstimateRows, Bps: d.BytesPerSecond, Progress: d.Progress,
		Eta: eta(d.ETALow, d.ETAHigh), Held: d.Held, LoadedBytes: d.Loaded, DiskBytes: d.Used, MaxDiskBytes: d.Most}
}

func loadStatus(l *status.Load) *pb.LoadStatus {
	return &pb.LoadStatus{FinishedBytes: l.FinishedBytes, TotalBytes: l.TotalBytes, Progress: l.Progress,
		MetaBinlog: l.MetaBinlog, MetaBinlogGTID: l.MetaBinlogGTID, Bps: l.BytesPerSecond,
		Eta: eta(l.ETALow, l.ETAHigh), ConflictRows: l.Conflicts, ConflictMsg: l.LastConflict, Held: l.Held,
		DiskBytes: l.Used, MaxDiskBytes: l.Most}
}

// eta is between which times from now on the end is to be expected; "" when
// nothing can be said.
func eta(low, high int64) string {
	if high <= 0 {
		return ""
	}
	text := func(seconds int64) string { return (time.Duration(seconds) * time.Second).String() }
	if low == high {
		return text(low)
	}
	return text(low) + " to " + text(high)
}

// syncStatus renders the syncer. DM's messages have no place for rows that an
// UPDATE or DELETE did not find, nor for foreign keys whose work does not arrive;
// conflictMsg is the one text beside the numbers that people see without
// decoding, so they are told there.
func syncStatus(y *status.Sync) *pb.SyncStatus {
	out := &pb.SyncStatus{TotalEvents: y.TotalEvents, TotalTps: y.TotalTPS, RecentTps: y.RecentTPS,
		MasterBinlog: y.MasterBinlog, MasterBinlogGtid: y.MasterBinlogGTID,
		SyncerBinlog: y.SyncerBinlog, SyncerBinlogGtid: y.SyncerBinlogGTID, BlockingDDLs: y.BlockingDDLs,
		Synced: y.Synced, BinlogType: y.BinlogType, SecondsBehindMaster: y.SecondsBehindMaster,
		TotalRows: y.TotalRows, TotalRps: y.TotalRPS, RecentRps: y.RecentRPS, IoTotalBytes: y.IOTotalBytes,
		Lanes: int32(y.Lanes), LanesApplying: int32(y.LanesApplying), LanesWaiting: int32(y.LanesWaiting), QueuedRows: y.QueuedRows, Held: y.Held}
	if y.UnmatchedRows > 0 {
		out.ConflictMsg = fmt.Sprintf("%d UPDATEs or DELETEs met no row on the target; the last: %s", y.UnmatchedRows, y.LastUnmatched)
	}
	if len(y.Cascades) > 0 {
		const shown = 3
		keys := strings.Join(y.Cascades[:min(shown, len(y.Cascades))], ", ")
		if more := len(y.Cascades) - shown; more > 0 {
			keys = fmt.Sprintf("%s and %d more", keys, more)
		}
		if out.ConflictMsg != "" {
			out.ConflictMsg += "; "
		}
		out.ConflictMsg += "rows that foreign keys change by CASCADE or SET NULL are not in the binlog: " + keys
	}
	return out
}
