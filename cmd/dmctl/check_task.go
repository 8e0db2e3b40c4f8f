package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/rpc/pb"
)

func newCheckTask(s *shared) *cobra.Command {
	var failures, warnings int64
	cmd := &cobra.Command{Use: "check-task [-e number] [-w number] <file>", Short: "check a task file against the databases, as start-task does",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("check-task needs exactly one task file")
			}
			text, err := readText("the task file", args[0])
			if err != nil {
				return err
			}
			resp, err := ask(cmd, s, reads, func(ctx context.Context, c pb.MasterClient) (*pb.CheckTaskResponse, error) {
				return c.CheckTask(rpc.FileNames(ctx, args[0]), &pb.CheckTaskRequest{Task: text, ErrCnt: failures, WarnCnt: warnings})
			})
			if err != nil {
				return err
			}
			return s.print(resp)
		}}
	cmd.Flags().Int64VarP(&failures, "error", "e", 10, "how many failures to show at most")
	cmd.Flags().Int64VarP(&warnings, "warn", "w", 10, "how many warnings to show at most when a check failed")
	return cmd
}
