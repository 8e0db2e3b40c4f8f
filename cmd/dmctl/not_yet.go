package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/fault"
)

// notYet gives the commands of DM that raftdm knows and does not do yet: a
// script that uses one learns that, and not that it does not exist. Those that
// DM itself hides, because they have successors, are hidden here too.
func notYet() []*cobra.Command {
	hidden := []string{"show-ddl-locks", "unlock-ddl-lock"}
	var out []*cobra.Command
	for _, name := range append([]string{"start-relay", "stop-relay", "pause-relay", "resume-relay", "purge-relay",
		"shard-ddl-lock"}, hidden...) {
		cmd := &cobra.Command{Use: name, Short: "not supported yet", Hidden: slices.Contains(hidden, name),
			DisableFlagParsing: true, PersistentPreRunE: func(*cobra.Command, []string) error { return nil }}
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args, "-h") || slices.Contains(args, "--help") {
				return cmd.Help()
			}
			hint := "shards are not coordinated here, so there are no locks; binlog list shows what was given for DDL"
			if strings.HasSuffix(name, "-relay") {
				hint = "nothing has to be done instead: workers read the binlog from the source itself"
			}
			return &fault.Error{Kind: fault.Unsupported, Msg: "not supported yet: " + cmd.CalledAs(), Hint: hint}
		}
		out = append(out, cmd)
	}
	return out
}
