package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/rpc/pb"
)

// answers gives query-status one moment after the other.
func answers(all ...*pb.SubTaskStatus) func() (*pb.QueryStatusListResponse, error) {
	return func() (*pb.QueryStatusListResponse, error) {
		row := all[0]
		all = all[1:]
		return &pb.QueryStatusListResponse{Result: true, Sources: []*pb.QueryStatusResponse{{Result: true,
			SourceStatus: &pb.SourceStatus{Source: "s1"}, SubTaskStatus: []*pb.SubTaskStatus{row}}}}, nil
	}
}

func moments() []*pb.SubTaskStatus {
	load := func(stage pb.Stage, l *pb.LoadStatus) *pb.SubTaskStatus {
		return &pb.SubTaskStatus{Name: "t", Stage: stage, Unit: pb.UnitType_Load, Status: &pb.SubTaskStatus_Load{Load: l}}
	}
	trouble := load(pb.Stage_Running, &pb.LoadStatus{Progress: "50.00 %", Held: "the target has become slow"})
	trouble.Result = &pb.ProcessResult{Errors: []*pb.ProcessError{{Message: "load is\ninterrupted", RawCause: "EOF"}}}
	return []*pb.SubTaskStatus{
		{Name: "t", Stage: pb.Stage_Running, Unit: pb.UnitType_Dump, Status: &pb.SubTaskStatus_Dump{Dump: &pb.DumpStatus{Progress: "25.00 %", Bps: 1_500_000}}},
		load(pb.Stage_Running, &pb.LoadStatus{Progress: "50.00 %", Bps: 2_000_000, Eta: "10s to 15s", ConflictRows: 3}),
		load(pb.Stage_Running, &pb.LoadStatus{Progress: "50.00 %", Bps: 2_000_000, Eta: "10s to 15s", ConflictRows: 3}),
		trouble,
		load(pb.Stage_Finished, &pb.LoadStatus{Progress: "100.00 %"}),
	}
}

// ticking never makes anybody wait.
func ticking(n int) <-chan time.Time {
	c := make(chan time.Time, n)
	for range n {
		c <- time.Time{}
	}
	return c
}

// In a pipe a line comes when it has changed, without any control character, and
// the command ends when the task does.
func TestWatchInAPipe(t *testing.T) {
	var out bytes.Buffer
	w := &watching{out: &out, screen: isTerminal(&out), ask: answers(moments()...), tick: ticking(9)}
	if refused, err := w.run(t.Context()); err != nil || refused {
		t.Fatal(refused, err)
	}
	want := `t s1  Running  Dump  25.00 %  1.5 MB/s
t s1  Running  Load  50.00 %  2.0 MB/s  ends in 10s to 15s  3 rows were there
t s1  Running  Load  50.00 %  the target has become slow  load is interrupted: EOF
t s1  Finished  Load  100.00 %
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
}

// On a terminal every answer is drawn over the last one.
func TestWatchOnATerminal(t *testing.T) {
	t.Setenv("COLUMNS", "60")
	var out bytes.Buffer
	w := &watching{out: &out, screen: true, ask: answers(moments()...), tick: ticking(9)}
	if _, err := w.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	frames := strings.Split(out.String(), "\x1b[1A")
	if len(frames) != 5 {
		t.Fatalf("%d frames: %q", len(frames), out.String())
	}
	if want := "\r\x1b[2Kt s1  [######------------------]  Running  Dump  25.00 %  …\n\x1b[J"; frames[0] != want {
		t.Errorf("the first frame is %q, want %q", frames[0], want)
	}
	if want := "\r\x1b[2Kt s1  [########################]  Finished  Load  100.00 %\n\x1b[J"; frames[4] != want {
		t.Errorf("the last frame is %q, want %q", frames[4], want)
	}
}

// A refusal is shown and ends the command.
func TestWatchARefusal(t *testing.T) {
	var out bytes.Buffer
	w := &watching{out: &out, tick: ticking(1), ask: func() (*pb.QueryStatusListResponse, error) {
		return &pb.QueryStatusListResponse{Msg: "task x is not known"}, nil
	}}
	if refused, err := w.run(t.Context()); err != nil || !refused || out.String() != "-  task x is not known\n" {
		t.Errorf("%v, %v, %q", refused, err, out.String())
	}
}
