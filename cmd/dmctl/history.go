package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/clusterpb"
)

const historyHelp = `Show what was asked of the cluster: when, by whom, and what came of it.

Without -s or a task it is everything that operators did or were refused; with
--cluster also what the cluster did by itself. Of equal refusals one a minute is
kept. The cluster keeps 10,000 entries and 7 days.`

// historyLine is one entry as it is printed.
type historyLine struct {
	Index   uint64   `json:"index"`
	Time    string   `json:"time"`
	User    string   `json:"user"`
	Addr    string   `json:"addr"`
	Action  string   `json:"action"`
	Task    string   `json:"task"`
	Sources []string `json:"sources"`
	Member  string   `json:"member"`
	Result  string   `json:"result"`
	Msg     string   `json:"msg"`
}

func newHistory(s *shared) *cobra.Command {
	var format string
	req := &clusterpb.HistoryRequest{}
	cmd := &cobra.Command{Use: "history [-s source] [task | file] [--format json|table]", Short: "show who did what", Long: historyHelp,
		Example: "  dmctl history shop --format table\n  dmctl history -s mariadb-01 -n 20", Args: cobra.ArbitraryArgs,
		ValidArgsFunction: taskNames(s)}
	cmd.Flags().StringVar(&format, "format", formatTable, "json or table")
	cmd.Flags().BoolVar(&req.Cluster, "cluster", false, "also what the cluster did by itself")
	cmd.Flags().Uint32VarP(&req.Limit, "limit", "n", 0, "only the newest entries, so many (0: all)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkFormat(format); err != nil {
			return err
		}
		switch {
		case len(args) > 1:
			return usagef("history takes one task, not %d", len(args))
		case len(s.sources) > 1:
			return usagef("history takes one -s/--source, not %d", len(s.sources))
		case len(args) == 1:
			req.Task = s.taskName(args[0])
		}
		if len(s.sources) == 1 {
			req.Source = s.sources[0]
		}
		resp, err := askOwn(cmd, s, reads, func(ctx context.Context, c clusterpb.OperatorClient) (*clusterpb.HistoryResponse, error) {
			return c.History(ctx, req)
		})
		if err != nil {
			return err
		}
		return s.printHistory(resp, format)
	}
	return cmd
}

func (s *shared) printHistory(resp *clusterpb.HistoryResponse, format string) error {
	lines := []historyLine{}
	for _, e := range resp.GetEntries() {
		lines = append(lines, historyLineOf(e))
	}
	if format == formatJSON || !resp.GetResult() {
		return s.printPlain(struct {
			Result  bool          `json:"result"`
			Msg     string        `json:"msg"`
			Trimmed bool          `json:"trimmed"`
			Entries []historyLine `json:"entries"`
		}{resp.GetResult(), resp.GetMsg(), resp.GetTrimmed(), lines}, !resp.GetResult())
	}
	if resp.GetTrimmed() {
		fmt.Fprintln(s.Stdout, "(older entries are not kept)")
	}
	t := &table{}
	t.row("TIME", "USER", "FROM", "ACTION", "TASK", "ON", "RESULT")
	for _, l := range lines {
		on := l.Sources
		if l.Member != "" {
			on = append(on, l.Member)
		}
		result := l.Result
		if l.Msg != "" {
			result += ": " + l.Msg
		}
		t.row(l.Time, l.User, l.Addr, l.Action, l.Task, strings.Join(on, ","), result)
	}
	fmt.Fprint(s.Stdout, t.String())
	return nil
}

func historyLineOf(e *clusterpb.HistoryEntry) historyLine {
	l := historyLine{Index: e.GetIndex(), User: e.GetActor(), Addr: e.GetAddr(), Action: e.GetAction(), Task: e.GetTask(),
		Sources: e.GetSources(), Member: e.GetMember(), Result: "done", Msg: e.GetMsg()}
	if e.GetAtUnixMilli() != 0 {
		l.Time = time.UnixMilli(e.GetAtUnixMilli()).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	if e.GetRefused() {
		l.Result = "refused"
	}
	if l.Sources == nil {
		l.Sources = []string{}
	}
	return l
}
