package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const startTaskHelp = `Start the task of a file, for all its sources or those given by -s.

The masters check the file against the databases first. --remove-meta drops what
an earlier run of the task has recorded on the target, so that it begins anew; it
is refused while the task exists.`

func newStartTask(s *shared) *cobra.Command {
	var removeMeta bool
	cmd := &cobra.Command{Use: "start-task [-s source...] [--remove-meta] <file>", Short: "start a task", Long: startTaskHelp,
		Example: "  dmctl start-task task.yaml\n  dmctl start-task -s mariadb-01 task.yaml"}
	cmd.Flags().BoolVar(&removeMeta, "remove-meta", false, "drop the task's meta tables on the target first")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("start-task needs exactly one task file")
		}
		text, err := readText("the task file", args[0])
		if err != nil {
			return err
		}
		resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.StartTaskResponse, error) {
			return c.StartTask(s.withFiles(ctx, args[:1], text), &pb.StartTaskRequest{Task: text, Sources: s.sources, RemoveMeta: removeMeta})
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}
