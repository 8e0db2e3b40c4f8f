package precheck

import (
	"encoding/json"

	"github.com/raftdm/raftdm/internal/fault"
)

// State is how a check ended.
type State string

// The states of a Result.
const (
	Success State = "success"
	Warning State = "warn"
	Failed  State = "fail"
)

// Result is the outcome of one check, in the form that DM's tools print.
type Result struct {
	ID          int      `json:"id"`
	Name        string   `json:"name"`
	Desc        string   `json:"desc"`
	State       State    `json:"state"`
	Errors      []Detail `json:"errors,omitempty"`
	Instruction string   `json:"instruction,omitempty"`
	Extra       string   `json:"extra,omitempty"`
	// Source is the source that was asked, "" for the target or several.
	Source string `json:"-"`
}

// Detail is one finding of a check.
type Detail struct {
	Severity    State  `json:"severity"`
	ShortErr    string `json:"short_error"`
	Self        string `json:"self,omitempty"`
	Other       string `json:"other,omitempty"`
	Instruction string `json:"instruction,omitempty"`
}

// Summary counts the results.
type Summary struct {
	Passed     bool `json:"passed"`
	Total      int  `json:"total"`
	Successful int  `json:"successful"`
	Failed     int  `json:"failed"`
	Warning    int  `json:"warning"`
}

// Report is the outcome of all checks of a task.
type Report struct {
	Results []Result `json:"results"`
	Summary Summary  `json:"summary"`
}

// newReport numbers and counts results.
func newReport(results []Result) Report {
	r := Report{Results: results}
	r.Summary.Total = len(results)
	for i := range results {
		results[i].ID = i
		switch results[i].State {
		case Failed:
			r.Summary.Failed++
		case Warning:
			r.Summary.Warning++
		default:
			r.Summary.Successful++
		}
	}
	r.Summary.Passed = r.Summary.Failed == 0
	return r
}

const codeChecksFailed = 26005

// failedText is how DM begins this error; its tools look for it.
const failedText = "fail to check synchronization configuration with type: check was failed, please see detail\n detail: "

// Err is nil unless a check failed. The error shows what did not succeed, at
// most so many failures and warnings of each kind.
func (r Report) Err(failures, warnings int) error {
	if r.Summary.Passed {
		return nil
	}
	shown := Report{Results: []Result{}, Summary: r.Summary}
	left := map[State]int{Failed: failures, Warning: warnings}
	for _, res := range r.Results {
		if res.State == Success {
			continue
		}
		var kept []Detail
		for _, d := range res.Errors {
			if left[d.Severity] > 0 {
				left[d.Severity]--
				kept = append(kept, d)
			}
		}
		if res.Errors = kept; len(kept) > 0 {
			shown.Results = append(shown.Results, res)
		}
	}
	text, err := json.MarshalIndent(shown, "", "\t")
	if err != nil {
		return &fault.Error{Code: codeChecksFailed, Msg: failedText, Err: err}
	}
	return &fault.Error{Kind: fault.Invalid, Code: codeChecksFailed, Msg: failedText + string(text),
		Hint: "follow the instructions of the failed checks, or list items of ignore-checking-items in the task file"}
}
