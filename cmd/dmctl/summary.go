package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/raftdm/raftdm/rpc/pb"
)

// summary is what query-status prints when nobody asked for details.
type summary struct {
	Result bool       `json:"result"`
	Msg    string     `json:"msg"`
	Tasks  []taskLine `json:"tasks"`
}

type taskLine struct {
	Name    string   `json:"taskName,omitempty"`
	Status  string   `json:"taskStatus,omitempty"`
	Sources []string `json:"sources,omitempty"`
}

// summarize says in a word how each task is doing.
func summarize(resp *pb.QueryStatusListResponse) summary {
	out := summary{Result: resp.GetResult(), Msg: resp.GetMsg(), Tasks: []taskLine{}}
	rows := map[string][]part{}
	for _, src := range resp.GetSources() {
		for _, row := range src.GetSubTaskStatus() {
			if row.GetName() != "" {
				p := part{source: src.GetSourceStatus().GetSource(), row: row, relay: src.GetSourceStatus().GetRelayStatus()}
				rows[row.GetName()] = append(rows[row.GetName()], p)
			}
		}
	}
	for name, parts := range rows {
		line := taskLine{Name: name, Status: taskStatus(parts)}
		for _, p := range parts {
			line.Sources = append(line.Sources, p.source)
		}
		slices.Sort(line.Sources)
		out.Tasks = append(out.Tasks, line)
	}
	slices.SortFunc(out.Tasks, func(a, b taskLine) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// part is a task's subtask with the relay of its source.
type part struct {
	source string
	row    *pb.SubTaskStatus
	relay  *pb.RelayStatus
}

const seeDetails = ". Please run `query-status <task>` to get more details."

// taskStatus is the first that holds: an error, a relay that does not run under
// a syncer that does, a pause, the stage all share; else Running.
func taskStatus(parts []part) string {
	paused, stages := false, map[pb.Stage]int{}
	for _, p := range parts {
		stages[p.row.GetStage()]++
		if p.row.GetStage() != pb.Stage_Paused {
			continue
		}
		paused = true
		if len(p.row.GetResult().GetErrors()) > 0 {
			return "Error - Some error occurred in subtask" + seeDetails
		}
	}
	for _, p := range parts {
		if p.row.GetUnit() != pb.UnitType_Sync || p.row.GetStage() != pb.Stage_Running || p.relay == nil {
			continue
		}
		switch stage := p.relay.GetStage(); {
		case len(p.relay.GetResult().GetErrors()) > 0:
			return "Error - Relay status is Error" + seeDetails
		case stage == pb.Stage_Paused || stage == pb.Stage_Stopped:
			return fmt.Sprintf("Error - Relay status is %s%s", stage, seeDetails)
		}
	}
	if paused {
		return pb.Stage_Paused.String()
	}
	for _, stage := range []pb.Stage{pb.Stage_New, pb.Stage_Finished, pb.Stage_Stopped} {
		if stages[stage] == len(parts) {
			return stage.String()
		}
	}
	return pb.Stage_Running.String()
}
