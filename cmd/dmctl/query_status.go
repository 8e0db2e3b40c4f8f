package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const queryStatusHelp = `Show how the tasks are doing.

Without a task, -s or --more it is a summary: one line of status per task. With
one of them, or when something about a source failed, it is everything.

With --format table it is a line for each subtask, with what it waits for or what
went wrong and what to do about it below.

With --watch it is one line for each subtask, again and again until all are
finished: bars on a terminal, elsewhere a line whenever something has changed.`

func newQueryStatus(s *shared) *cobra.Command {
	var more, watch bool
	var format string
	cmd := &cobra.Command{Use: "query-status [-s source...] [task | file] [--more | --watch | --format table]", Short: "show the status of tasks", Long: queryStatusHelp,
		Example: "  dmctl query-status\n  dmctl query-status shop\n  dmctl query-status --format table\n  dmctl query-status shop --watch", ValidArgsFunction: taskNames(s)}
	cmd.Flags().StringVar(&format, "format", formatJSON, "json, or table for people: a line for each subtask")
	cmd.Flags().BoolVar(&more, "more", false, "show everything about every task")
	cmd.Flags().BoolVar(&watch, "watch", false, "show progress until the tasks are finished")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("query-status takes one task, not %d", len(args))
		}
		task := ""
		if len(args) == 1 {
			task = s.taskName(args[0])
		}
		if err := checkFormat(format); err != nil {
			return err
		}
		if watch {
			return watchStatus(cmd, s, task)
		}
		resp, err := queryStatus(cmd, s, task)
		if err != nil {
			return err
		}
		if format == formatTable {
			return s.printStatusTable(resp)
		}
		if task == "" && len(s.sources) == 0 && !more && allWell(resp) {
			return s.printPlain(summarize(resp), false)
		}
		return s.print(resp)
	}
	return cmd
}

// watchStatus asks once a second and draws the answers.
func watchStatus(cmd *cobra.Command, s *shared, task string) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	w := &watching{out: s.Stdout, screen: isTerminal(s.Stdout), tick: tick.C,
		ask: func() (*pb.QueryStatusListResponse, error) { return queryStatus(cmd, s, task) }}
	refused, err := w.run(cmd.Context())
	if err == nil && refused && s.fail {
		return errRefused
	}
	return err
}

func queryStatus(cmd *cobra.Command, s *shared, task string) (*pb.QueryStatusListResponse, error) {
	return ask(cmd, s, reads, func(ctx context.Context, c pb.MasterClient) (*pb.QueryStatusListResponse, error) {
		return c.QueryStatus(ctx, &pb.QueryStatusListRequest{Name: task, Sources: s.sources})
	})
}

// allWell tells whether every source could be asked.
func allWell(resp *pb.QueryStatusListResponse) bool {
	ok := resp.GetResult()
	for _, src := range resp.GetSources() {
		ok = ok && src.GetResult()
	}
	return ok
}
