package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

func newListMember(s *shared) *cobra.Command {
	var req pb.ListMemberRequest
	cmd := &cobra.Command{Use: "list-member [-l] [-m] [-w] [-n name...]", Short: "list the leader, the masters and the workers",
		Example: "  dmctl list-member\n  dmctl list-member --worker --name worker-1", ValidArgsFunction: cobra.NoFileCompletions}
	cmd.Flags().BoolVarP(&req.Leader, "leader", "l", false, "only the leader")
	cmd.Flags().BoolVarP(&req.Master, "master", "m", false, "only the masters")
	cmd.Flags().BoolVarP(&req.Worker, "worker", "w", false, "only the workers")
	cmd.Flags().StringSliceVarP(&req.Names, "name", "n", nil, "only members of these names")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("list-member takes flags only, not %q", args[0])
		}
		resp, err := ask(cmd, s, reads, func(ctx context.Context, c pb.MasterClient) (*pb.ListMemberResponse, error) {
			return c.ListMember(ctx, &req)
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}
