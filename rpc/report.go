package rpc

import (
	"errors"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/rpc/clusterpb"
)

// encodeReport puts a worker's report on the wire.
func encodeReport(r status.Report) *clusterpb.Report {
	out := &clusterpb.Report{Source: r.Source, Epoch: r.Epoch}
	for _, s := range r.Subtasks {
		out.Subtasks = append(out.Subtasks, encodeStatus(s))
	}
	return out
}

// decodeReport reads a worker's report.
func decodeReport(m *clusterpb.Report) status.Report {
	out := status.Report{Source: m.GetSource(), Epoch: m.GetEpoch()}
	for _, s := range m.GetSubtasks() {
		out.Subtasks = append(out.Subtasks, decodeStatus(s))
	}
	return out
}

func encodeStatus(s status.Subtask) *clusterpb.SubtaskStatus {
	out := &clusterpb.SubtaskStatus{Task: s.Task, Stage: uint32(s.Stage), Unit: uint32(s.Unit),
		Revision: s.Revision, Error: encodeFault(s.Err)}
	if d := s.Dump; d != nil {
		out.Dump = &clusterpb.DumpStatus{TotalTables: d.TotalTables, CompletedTables: d.CompletedTables,
			FinishedBytes: d.FinishedBytes, FinishedRows: d.FinishedRows, EstimateRows: d.EstimateRows,
			BytesPerSecond: d.BytesPerSecond, Progress: d.Progress, EtaLow: d.ETALow, EtaHigh: d.ETAHigh, Held: d.Held,
			Loaded: d.Loaded, DiskUsed: d.Used, DiskMost: d.Most}
	}
	if l := s.Load; l != nil {
		out.Load = &clusterpb.LoadStatus{FinishedBytes: l.FinishedBytes, TotalBytes: l.TotalBytes, Progress: l.Progress,
			MetaBinlog: l.MetaBinlog, MetaBinlogGtid: l.MetaBinlogGTID, BytesPerSecond: l.BytesPerSecond,
			FinishedRows: l.FinishedRows, EtaLow: l.ETALow, EtaHigh: l.ETAHigh, Conflicts: l.Conflicts,
			LastConflict: l.LastConflict, Held: l.Held, DiskUsed: l.Used, DiskMost: l.Most}
	}
	if y := s.Sync; y != nil {
		out.Sync = &clusterpb.SyncStatus{TotalEvents: y.TotalEvents, TotalTps: y.TotalTPS, RecentTps: y.RecentTPS,
			TotalRows: y.TotalRows, TotalRps: y.TotalRPS, RecentRps: y.RecentRPS,
			MasterBinlog: y.MasterBinlog, MasterBinlogGtid: y.MasterBinlogGTID,
			SyncerBinlog: y.SyncerBinlog, SyncerBinlogGtid: y.SyncerBinlogGTID, BlockingDdls: y.BlockingDDLs,
			Synced: y.Synced, BinlogType: y.BinlogType, SecondsBehindMaster: y.SecondsBehindMaster,
			IoTotalBytes: y.IOTotalBytes, UnmatchedRows: y.UnmatchedRows, LastUnmatched: y.LastUnmatched,
			Cascades: y.Cascades, Lanes: int32(y.Lanes), LanesApplying: int32(y.LanesApplying), LanesWaiting: int32(y.LanesWaiting),
			QueuedRows: y.QueuedRows, Held: y.Held}
		if !y.At.IsZero() {
			out.Sync.AtUnixNano = y.At.UnixNano()
		}
	}
	return out
}

func decodeStatus(m *clusterpb.SubtaskStatus) status.Subtask {
	out := status.Subtask{Task: m.GetTask(), Stage: status.Stage(m.GetStage()), Unit: status.Unit(m.GetUnit()),
		Revision: m.GetRevision(), Err: decodeFault(m.GetError())}
	if d := m.GetDump(); d != nil {
		out.Dump = &status.Dump{TotalTables: d.GetTotalTables(), CompletedTables: d.GetCompletedTables(),
			FinishedBytes: d.GetFinishedBytes(), FinishedRows: d.GetFinishedRows(), EstimateRows: d.GetEstimateRows(),
			BytesPerSecond: d.GetBytesPerSecond(), Progress: d.GetProgress(), ETALow: d.GetEtaLow(), ETAHigh: d.GetEtaHigh(),
			Held: d.GetHeld(), Loaded: d.GetLoaded(), Disk: status.Disk{Used: d.GetDiskUsed(), Most: d.GetDiskMost()}}
	}
	if l := m.GetLoad(); l != nil {
		out.Load = &status.Load{FinishedBytes: l.GetFinishedBytes(), TotalBytes: l.GetTotalBytes(),
			Progress: l.GetProgress(), MetaBinlog: l.GetMetaBinlog(), MetaBinlogGTID: l.GetMetaBinlogGtid(),
			BytesPerSecond: l.GetBytesPerSecond(), FinishedRows: l.GetFinishedRows(), ETALow: l.GetEtaLow(), ETAHigh: l.GetEtaHigh(),
			Conflicts: l.GetConflicts(), LastConflict: l.GetLastConflict(), Held: l.GetHeld(), Disk: status.Disk{Used: l.GetDiskUsed(), Most: l.GetDiskMost()}}
	}
	if y := m.GetSync(); y != nil {
		out.Sync = &status.Sync{TotalEvents: y.GetTotalEvents(), TotalTPS: y.GetTotalTps(), RecentTPS: y.GetRecentTps(),
			TotalRows: y.GetTotalRows(), TotalRPS: y.GetTotalRps(), RecentRPS: y.GetRecentRps(),
			MasterBinlog: y.GetMasterBinlog(), MasterBinlogGTID: y.GetMasterBinlogGtid(),
			SyncerBinlog: y.GetSyncerBinlog(), SyncerBinlogGTID: y.GetSyncerBinlogGtid(),
			BlockingDDLs: y.GetBlockingDdls(), Synced: y.GetSynced(), BinlogType: y.GetBinlogType(),
			SecondsBehindMaster: y.GetSecondsBehindMaster(), IOTotalBytes: y.GetIoTotalBytes(),
			UnmatchedRows: y.GetUnmatchedRows(), LastUnmatched: y.GetLastUnmatched(), Cascades: y.GetCascades(),
			Lanes: int(y.GetLanes()), LanesApplying: int(y.GetLanesApplying()), LanesWaiting: int(y.GetLanesWaiting()),
			QueuedRows: y.GetQueuedRows(), Held: y.GetHeld()}
		if ns := y.GetAtUnixNano(); ns != 0 {
			out.Sync.At = time.Unix(0, ns).UTC()
		}
	}
	return out
}

// encodeFault flattens an error to what a master shows of it: its own words,
// the text of its root cause, and how it is classed.
func encodeFault(err error) *clusterpb.Fault {
	if err == nil {
		return nil
	}
	out := &clusterpb.Fault{Kind: uint32(fault.KindOf(err)), Side: uint32(sideOf(err)), Hint: fault.HintOf(err)}
	if n := numberOf(err); n != codeNotSet {
		out.Code = int32(n)
	}
	out.Message, out.Cause = split(err)
	return out
}

func decodeFault(m *clusterpb.Fault) error {
	if m == nil {
		return nil
	}
	out := &fault.Error{Kind: fault.Kind(m.GetKind()), Code: int(m.GetCode()), Msg: m.GetMessage(), Hint: m.GetHint()}
	if side := fault.Side(m.GetSide()); side <= fault.Downstream {
		out.Side = side
	}
	if cause := m.GetCause(); cause != "" {
		out.Err = errors.New(cause)
	}
	return out
}
