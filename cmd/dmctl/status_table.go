package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/rpc/pb"
)

// printStatusTable shows the answer to query-status to a person: a line for each
// subtask, and below what needs attention.
func (s *shared) printStatusTable(resp *pb.QueryStatusListResponse) error {
	t, notes := &table{}, []string{}
	t.row("TASK", "SOURCE", "WORKER", "STAGE", "UNIT", "PROGRESS", "SPEED", "POSITION", "LANES")
	refused := !resp.GetResult()
	if resp.GetMsg() != "" {
		notes = append(notes, resp.GetMsg())
	}
	for _, src := range resp.GetSources() {
		refused = refused || !src.GetResult()
		id, worker := src.GetSourceStatus().GetSource(), src.GetSourceStatus().GetWorker()
		if src.GetMsg() != "" {
			notes = append(notes, id+": "+src.GetMsg())
		}
		if len(src.GetSubTaskStatus()) == 0 {
			t.row("", id, worker, "", "", "", "", "", "")
		}
		for _, row := range src.GetSubTaskStatus() {
			stage, unit := row.GetStage().String(), row.GetUnit().String()
			if row.GetStage() == pb.Stage_InvalidStage {
				stage = ""
			}
			if row.GetUnit() == pb.UnitType_InvalidUnit {
				unit = ""
			}
			progress, speed, position, lanes := progressCells(row)
			t.row(row.GetName(), id, worker, stage, unit, progress, speed, position, lanes)
			notes = append(notes, attention(row.GetName()+" "+id, row)...)
		}
	}
	fmt.Fprint(s.Stdout, t.String())
	for _, n := range notes {
		fmt.Fprintln(s.Stdout, "\n"+n)
	}
	if s.fail && refused {
		return errRefused
	}
	return nil
}

// progressCells says how far a subtask is, how fast, where, and by how many lanes.
func progressCells(row *pb.SubTaskStatus) (progress, rate, position, lanes string) {
	switch {
	case row.GetDump() != nil:
		return row.GetDump().GetProgress(), speed(row.GetDump().GetBps()), "", ""
	case row.GetLoad() != nil:
		return row.GetLoad().GetProgress(), speed(row.GetLoad().GetBps()), row.GetLoad().GetMetaBinlog(), ""
	case row.GetSync() != nil:
		y := row.GetSync()
		progress = strconv.FormatInt(y.GetSecondsBehindMaster(), 10) + " s behind"
		if y.GetSynced() {
			progress = "synced"
		}
		if n := y.GetLanes(); n > 0 {
			lanes = fmt.Sprintf("%d/%d applying", y.GetLanesApplying(), n)
			if w := y.GetLanesWaiting(); w > 0 {
				lanes += fmt.Sprintf(", %d waiting", w)
			}
			if q := y.GetQueuedRows(); q > 0 {
				lanes += fmt.Sprintf(", %d rows queued", q)
			}
		}
		return progress, fmt.Sprintf("%d rows/s", y.GetRecentRps()), y.GetSyncerBinlog(), lanes
	default:
		return "", "", "", ""
	}
}

// attention gives what a person should know of a subtask beyond numbers.
func attention(who string, row *pb.SubTaskStatus) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, who+": "+fmt.Sprintf(format, args...)) }
	for _, e := range row.GetResult().GetErrors() {
		text := e.GetMessage()
		if e.GetRawCause() != "" {
			text += ": " + e.GetRawCause()
		}
		if row.GetStage() == pb.Stage_Running {
			text = "trying again: " + text
		}
		if e.GetErrCode() != 0 {
			text = fmt.Sprintf("[code %d] %s", e.GetErrCode(), text)
		}
		if e.GetWorkaround() != "" {
			text += "\n  what to do: " + e.GetWorkaround()
		}
		say("%s", text)
	}
	for _, held := range []string{row.GetMsg(), row.GetDump().GetHeld(), row.GetLoad().GetHeld(), row.GetSync().GetHeld(), row.GetSync().GetConflictMsg()} {
		if held != "" {
			say("%s", held)
		}
	}
	if ddls := row.GetSync().GetBlockingDDLs(); len(ddls) > 0 {
		say("waits with %s", strings.Join(ddls, "; "))
	}
	return out
}
