package workload

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/raftdm/raftdm/jepsen/history"
)

// codeUnconfirmed is DM's number of an answer that did not come: what was asked
// for may or may not have been carried out.
const codeUnconfirmed = 38008

// codeUnreached is DM's number of a dmctl that found no master to ask at all.
const codeUnreached = 48001

// reply is the part of dmctl's answers that is looked at.
type reply struct {
	Result  bool   `json:"result"`
	Msg     string `json:"msg"`
	Sources []struct {
		Result   bool   `json:"result"`
		Msg      string `json:"msg"`
		Worker   string `json:"worker"`
		Subtasks []struct {
			Stage  string `json:"stage"`
			Result *struct {
				Errors []json.RawMessage `json:"errors"`
			} `json:"result"`
		} `json:"subTaskStatus"`
	} `json:"sources"`
	Members []struct {
		Worker *struct {
			Workers []struct{ Name, Source string } `json:"workers"`
		} `json:"worker"`
	} `json:"members"`
}

// understand tells what an answer of dmctl says. Unknown is everything that is
// not clearly an answer of the masters.
func understand(verb string, output []byte, exit int) (history.Outcome, history.Answer) {
	var r reply
	if exit != 0 && code(string(output)) == codeUnreached {
		return history.Failed, history.Answer{Code: codeUnreached, Text: string(output)}
	}
	if exit != 0 || json.Unmarshal(output, &r) != nil {
		return history.Unknown, history.Answer{Text: string(output)}
	}
	a := history.Answer{Code: code(r.Msg), Text: r.Msg}
	if !r.Result {
		a.Missing = missing(a.Code, r.Msg)
		if a.Code == codeUnconfirmed {
			return history.Unknown, a
		}
		return history.Failed, a
	}
	switch verb {
	case history.ListWorkers:
		a.Bindings = map[string]string{}
		for _, m := range r.Members {
			if m.Worker == nil {
				continue
			}
			for _, w := range m.Worker.Workers {
				a.Bindings[w.Name] = w.Source
			}
		}
	case history.ShowSource:
		if len(r.Sources) == 1 {
			a.Worker = r.Sources[0].Worker
		}
	case history.QueryTask:
		a.Stage = r.stage()
	}
	return history.OK, a
}

// stage gives the stage of the only subtask; "" when it has not settled, or
// tells of an error.
func (r *reply) stage() string {
	if len(r.Sources) != 1 || !r.Sources[0].Result || len(r.Sources[0].Subtasks) != 1 {
		return ""
	}
	s := r.Sources[0].Subtasks[0]
	if s.Result != nil && len(s.Result.Errors) > 0 {
		return ""
	}
	switch s.Stage {
	case "Running", "Paused", "Finished":
		return s.Stage
	}
	return ""
}

// code finds DM's number in "[code=46008:class=...".
func code(msg string) int {
	_, rest, found := strings.Cut(msg, "[code=")
	if !found {
		return 0
	}
	digits, _, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// missing tells whether a refusal says that the object does not exist: two of
// DM's numbers, and two sentences of DM that have none.
func missing(code int, msg string) bool {
	return code == 46008 || code == 46018 || strings.Contains(msg, "has no source or not exist") || strings.Contains(msg, "haven't been added")
}
