package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/jepsen/history"
)

func TestUnderstand(t *testing.T) {
	for _, c := range []struct {
		name, verb, output string
		exit               int
		outcome            history.Outcome
		want               history.Answer
	}{
		{"done", history.PauseTask, `{"op":"Pause","result":true,"msg":"","sources":[{"result":true,"source":"s","worker":"w"}]}`, 0, history.OK, history.Answer{}},
		{"agreed, and the worker is slow", history.PauseTask, `{"result":true,"msg":"","sources":[{"result":false,"msg":"[code=38045:class=dm-master]"}]}`, 0, history.OK, history.Answer{}},
		{"refused", history.CreateSource, `{"result":false,"msg":"[code=46007:class=scheduler:scope=internal], Message: source x exists already"}`, 0,
			history.Failed, history.Answer{Code: 46007}},
		{"there is none, with a number", history.StopSource, `{"result":false,"msg":"[code=46008:class=scheduler:scope=internal], Message: source x does not exist"}`, 0,
			history.Failed, history.Answer{Code: 46008, Missing: true}},
		{"there is none, without a number", history.ShowSource, `{"result":false,"msg":"sources [x] haven't been added"}`, 0, history.Failed, history.Answer{Missing: true}},
		{"there is no task", history.QueryTask, `{"result":false,"msg":"task x has no source or not exist"}`, 0, history.Failed, history.Answer{Missing: true}},
		{"not confirmed", history.StopTask, `{"result":false,"msg":"[code=38008:class=dm-master], Message: the masters did not confirm the request in time"}`, 0,
			history.Unknown, history.Answer{Code: 38008}},
		{"dmctl failed", history.StopTask, "Error: [code=38008:class=dm-master]", 1, history.Unknown, history.Answer{}},
		{"dmctl found nobody to ask", history.StopTask, "Error: [code=48001:class=dmctl], Message: can't connect to 127.0.0.1:1", 1, history.Failed, history.Answer{Code: 48001}},
		{"dmctl found nobody to ask any more", history.StopTask, "Error: [code=38008:class=dmctl], RawCause: [code=48001:class=dmctl], Message: can't connect", 1, history.Unknown, history.Answer{}},
		{"findings of a check are no JSON", history.StartTask, "{\n\"result\": false,\n\"msg\": \"fail to check\nmore\"}", 0, history.Unknown, history.Answer{}},
		{"who serves it", history.ShowSource, `{"result":true,"msg":"","sources":[{"result":true,"source":"x","worker":"w2"}]}`, 0, history.OK, history.Answer{Worker: "w2"}},
		{"bindings", history.ListWorkers, `{"result":true,"msg":"","members":[{"worker":{"msg":"","workers":[{"name":"w1","source":"s"},{"name":"w2","source":""}]}}]}`, 0,
			history.OK, history.Answer{Bindings: map[string]string{"w1": "s", "w2": ""}}},
		{"a stage", history.QueryTask, `{"result":true,"msg":"","sources":[{"result":true,"subTaskStatus":[{"stage":"Paused","result":{"isCanceled":true,"errors":[]}}]}]}`, 0,
			history.OK, history.Answer{Stage: "Paused"}},
		{"a stage that is an error's", history.QueryTask, `{"result":true,"msg":"","sources":[{"result":true,"subTaskStatus":[{"stage":"Paused","result":{"errors":[{"ErrCode":1}]}}]}]}`, 0,
			history.OK, history.Answer{}},
		{"a worker that has not begun", history.QueryTask, `{"result":true,"msg":"","sources":[{"result":true,"subTaskStatus":[{"stage":"New"}]}]}`, 0, history.OK, history.Answer{}},
		{"a source without a worker", history.QueryTask, `{"result":true,"msg":"","sources":[{"result":false,"msg":"[code=38021:x]"}]}`, 0, history.OK, history.Answer{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			outcome, got := understand(c.verb, []byte(c.output), c.exit)
			got.Text = ""
			if outcome != c.outcome {
				t.Errorf("outcome %s, want %s", outcome, c.outcome)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryVerbHasItsCommand(t *testing.T) {
	files := map[string]string{extraSource: "extra.yaml", restartTask: "b.yaml"}
	for verb, want := range map[string]string{
		history.CreateSource: "operate-source create extra.yaml", history.StopSource: "operate-source stop extra",
		history.ShowSource: "operate-source show -s extra", history.TransferSource: "transfer-source extra w1",
	} {
		got := strings.Join(arguments(history.Request{Verb: verb, Object: extraSource, Worker: "w1"}, files)[2:], " ")
		if got != want {
			t.Errorf("%s runs dmctl %s, want %s", verb, got, want)
		}
	}
	for verb, want := range map[string]string{
		history.StartTask: "start-task b.yaml", history.StopTask: "stop-task ops-b", history.PauseTask: "pause-task ops-b",
		history.ResumeTask: "resume-task ops-b", history.QueryTask: "query-status ops-b", history.ListWorkers: "list-member --worker",
	} {
		got := strings.Join(arguments(history.Request{Verb: verb, Object: restartTask}, files)[2:], " ")
		if got != want {
			t.Errorf("%s runs dmctl %s, want %s", verb, got, want)
		}
	}
}
