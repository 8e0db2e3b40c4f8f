package main

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

const operateTaskHelp = `

The task is given by its name or its file. Without -s it is all sources of the
task; without a task, and with exactly one -s, all tasks of that source.`

func newStopTask(s *shared) *cobra.Command {
	return operateTask(s, pb.TaskOp_Stop, "stop-task", "stop a task; its data and meta tables stay on the target")
}

func newPauseTask(s *shared) *cobra.Command {
	return operateTask(s, pb.TaskOp_Pause, "pause-task", "pause a running task")
}

func newResumeTask(s *shared) *cobra.Command {
	return operateTask(s, pb.TaskOp_Resume, "resume-task", "resume a paused task")
}

func operateTask(s *shared, op pb.TaskOp, name, short string) *cobra.Command {
	var batch int
	cmd := &cobra.Command{Use: name + " [-s source...] [task | file]", Short: short, Long: strings.ToUpper(short[:1]) + short[1:] + "." + operateTaskHelp,
		Example: "  dmctl " + name + " shop\n  dmctl " + name + " -s mariadb-01 shop\n  dmctl " + name + " -s mariadb-01", ValidArgsFunction: taskNames(s)}
	cmd.Flags().IntVar(&batch, "batch-size", 5, "how many tasks of a source to operate at the same time")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 1:
			resp, err := operate(cmd, s, op, s.taskName(args[0]))
			if err != nil {
				return err
			}
			return s.print(resp)
		case len(args) > 1:
			return usagef("%s takes one task, not %d", name, len(args))
		case len(s.sources) != 1:
			return usagef("%s needs a task, or exactly one -s/--source", name)
		case batch < 1:
			return usagef("--batch-size must be at least 1")
		default:
			return operateAll(cmd, s, op, batch)
		}
	}
	return cmd
}

func operate(cmd *cobra.Command, s *shared, op pb.TaskOp, task string) (*pb.OperateTaskResponse, error) {
	return ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.OperateTaskResponse, error) {
		return c.OperateTask(ctx, &pb.OperateTaskRequest{Op: op, Name: task, Sources: s.sources})
	})
}

// taskResult is one task's part of the answer about a whole source.
type taskResult struct {
	Task    string         `json:"task"`
	Op      string         `json:"op"`
	Result  bool           `json:"result"`
	Msg     string         `json:"msg"`
	Sources []sourceResult `json:"sources"`
}

type sourceResult struct {
	Result bool   `json:"result"`
	Msg    string `json:"msg"`
	Source string `json:"source"`
	Worker string `json:"worker"`
}

// operateAll operates every task of the one source given.
func operateAll(cmd *cobra.Command, s *shared, op pb.TaskOp, batch int) error {
	st, err := queryStatus(cmd, s, "")
	if err != nil {
		return err
	}
	if !st.GetResult() {
		return s.print(st)
	}
	out := struct {
		Result bool         `json:"result"`
		Msg    string       `json:"msg"`
		Tasks  []taskResult `json:"tasks"`
	}{Result: true, Tasks: []taskResult{}}
	for _, src := range st.GetSources() {
		for _, row := range src.GetSubTaskStatus() {
			if row.GetName() != "" {
				out.Tasks = append(out.Tasks, taskResult{Task: row.GetName(), Op: op.String()})
			}
		}
	}
	slices.SortFunc(out.Tasks, func(a, b taskResult) int { return cmp.Compare(a.Task, b.Task) })
	var g errgroup.Group
	g.SetLimit(batch)
	for i := range out.Tasks {
		g.Go(func() error { out.Tasks[i].fill(operate(cmd, s, op, out.Tasks[i].Task)); return nil })
	}
	_ = g.Wait() // what went wrong is in the results
	refused := false
	for _, r := range out.Tasks {
		refused = refused || !r.Result
		for _, src := range r.Sources {
			refused = refused || !src.Result
		}
	}
	return s.printPlain(out, refused)
}

func (r *taskResult) fill(resp *pb.OperateTaskResponse, err error) {
	r.Sources = []sourceResult{}
	if err != nil {
		r.Msg = rpc.Message(err)
		return
	}
	r.Result, r.Msg = resp.GetResult(), resp.GetMsg()
	for _, src := range resp.GetSources() {
		r.Sources = append(r.Sources, sourceResult{Result: src.GetResult(), Msg: src.GetMsg(), Source: src.GetSource(), Worker: src.GetWorker()})
	}
}

// taskName gives the name of a task that is given by name or by file. A file
// that cannot be read is taken for a name, as names may end in .yaml.
func (s *shared) taskName(arg string) string {
	if !strings.HasSuffix(arg, ".yaml") && !strings.HasSuffix(arg, ".yml") {
		return arg
	}
	text, err := os.ReadFile(arg)
	var name string
	if err == nil {
		name, err = config.TaskName(arg, text)
	}
	if err != nil {
		s.noteOnce("the file " + arg + " is of no use, so its name is taken for that of a task: " + err.Error())
		return arg
	}
	return name
}
