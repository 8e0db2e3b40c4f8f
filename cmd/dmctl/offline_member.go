package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const offlineMemberHelp = `Take a master or a worker out of the cluster for good.

Stop its process first: a worker that is online is not taken out. A master may
come back under its name only with an empty data directory.`

func newOfflineMember(s *shared) *cobra.Command {
	var master, worker bool
	var name string
	cmd := &cobra.Command{Use: "offline-member <--master | --worker> <-n name>", Short: "take a stopped master or worker out of the cluster", Long: offlineMemberHelp,
		Example: "  dmctl offline-member --worker --name worker-2", ValidArgsFunction: cobra.NoFileCompletions}
	cmd.Flags().BoolVarP(&master, "master", "m", false, "it is a master")
	cmd.Flags().BoolVarP(&worker, "worker", "w", false, "it is a worker")
	cmd.Flags().StringVarP(&name, "name", "n", "", "the name that list-member shows")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 0:
			return usagef("offline-member takes flags only, not %q", args[0])
		case master == worker:
			return usagef("offline-member needs either --master or --worker")
		case name == "":
			return usagef("offline-member needs the --name of the member")
		}
		kind := "worker"
		if master {
			kind = "master"
		}
		resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.OfflineMemberResponse, error) {
			return c.OfflineMember(ctx, &pb.OfflineMemberRequest{Type: kind, Name: name})
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}
