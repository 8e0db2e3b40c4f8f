package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

func newCheckTask(s *shared) *cobra.Command {
	var failures, warnings int64
	var preview bool
	var format string
	cmd := &cobra.Command{Use: "check-task [-e number] [-w number] [--plan [--format table|json]] <file>", Short: "check a task file against the databases, as start-task does",
		Example: "  dmctl check-task task.yaml\n  dmctl check-task --error 100 --warn 100 task.yaml\n  dmctl check-task --plan task.yaml",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("check-task needs exactly one task file")
			}
			if err := checkFormat(format); err != nil {
				return err
			}
			if cmd.Flags().Changed("format") && !preview {
				return usagef("--format belongs to --plan: what the checks find is printed as DM prints it")
			}
			if preview && (cmd.Flags().Changed("error") || cmd.Flags().Changed("warn")) {
				return usagef("-e and -w are about the checks' verdict: a plan shows all that was found")
			}
			text, err := readText("the task file", args[0])
			if err != nil {
				return err
			}
			resp, err := ask(cmd, s, reads, func(ctx context.Context, c pb.MasterClient) (*pb.CheckTaskResponse, error) {
				if preview {
					ctx = rpc.AskPlan(ctx)
				}
				return c.CheckTask(s.withFiles(ctx, args, text), &pb.CheckTaskRequest{Task: text, ErrCnt: failures, WarnCnt: warnings})
			})
			if err != nil {
				return err
			}
			if preview {
				return s.printPlan(resp, format)
			}
			return s.print(resp)
		}}
	cmd.Flags().BoolVar(&preview, "plan", false, "print where each table goes, what is left out and why, and the statements that would run, in place of the checks' verdict")
	cmd.Flags().StringVar(&format, "format", formatTable, "how to print the plan: table, for people, or json")
	cmd.Flags().Int64VarP(&failures, "error", "e", 10, "how many failures to show at most")
	cmd.Flags().Int64VarP(&warnings, "warn", "w", 10, "how many warnings to show at most when a check failed")
	return cmd
}
