package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const transferSourceHelp = `Give a source to another worker, which must be free.

Nothing of the source may be running meanwhile: pause its tasks before and
resume them afterwards. list-member -w shows which worker has which source.`

func newTransferSource(s *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "transfer-source <source-id> <worker-name>", Short: "give a source to another, free worker", Long: transferSourceHelp,
		Example: "  dmctl transfer-source mariadb-01 worker-2", ValidArgsFunction: cobra.NoFileCompletions}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) != 2:
			return usagef("transfer-source needs a source and a worker, nothing else")
		case len(s.sources) > 0:
			return usagef("transfer-source takes the source as its first argument, not by -s/--source")
		}
		resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.TransferSourceResponse, error) {
			return c.TransferSource(ctx, &pb.TransferSourceRequest{Source: args[0], Worker: args[1]})
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}
