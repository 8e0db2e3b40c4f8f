package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const operateLeaderHelp = `Keep the master that --master-addr names from leading, or let it lead again.

  operate-leader evict          it hands leadership over and does not lead any more
  operate-leader cancel-evict   it may be elected again

Of several masters in --master-addr, it is the first that can be reached.`

func newOperateLeader(s *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "operate-leader <evict|cancel-evict>", Short: "keep a master from leading, or let it again", Long: operateLeaderHelp,
		Example: "  dmctl --master-addr 127.0.0.1:8261 operate-leader evict", ValidArgsFunction: firstOf("evict", "cancel-evict")}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("operate-leader needs to know what to do: evict or cancel-evict")
		}
		req := &pb.OperateLeaderRequest{}
		switch args[0] {
		case "evict":
			req.Op = pb.LeaderOp_EvictLeaderOp
		case "cancel-evict":
			req.Op = pb.LeaderOp_CancelEvictLeaderOp
		default:
			return usagef("operate-leader knows evict and cancel-evict, not %q", args[0])
		}
		resp, err := ask(cmd, s, local, func(ctx context.Context, c pb.MasterClient) (*pb.OperateLeaderResponse, error) {
			return c.OperateLeader(ctx, req)
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}
