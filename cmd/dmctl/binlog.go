package main

import (
	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const binlogHelp = `Deal with a DDL of the source that the target does not execute.

Without -b it is about the DDL that has stopped the task, and the task goes on at
once. With -b it takes effect when that place of the binlog comes; the place is
that of the statement or of its transaction in SHOW BINLOG EVENTS, or the position
of startLocation in query-status. What is given survives restarts.

Without -s it is for all sources of the task. Statements name schema and table as
they are on the source; routes and filters are applied to them. Rows behind the
DDL come as the source has made them: the target's table must take them.`

// newBinlog is the group of what can be done about a DDL.
func newBinlog(s *shared) *cobra.Command {
	var pos string
	group := &cobra.Command{Use: "binlog", Short: "skip, replace or precede a DDL of the source", Long: binlogHelp,
		Example: "  dmctl binlog list test", RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("%q is none of skip, replace, revert, inject and list", args[0])
			}
			return cmd.Help()
		}}
	group.PersistentFlags().StringVarP(&pos, "binlog-pos", "b", "", binlogPosUsage)
	for _, c := range []struct {
		op                  pb.ErrorOp
		use, short, example string
	}{
		{pb.ErrorOp_Skip, "skip <task | file>", "do not execute the DDL on the target", "binlog skip test"},
		{pb.ErrorOp_Replace, "replace <task | file> <sql1;sql2;>", "execute other statements instead of the DDL",
			"binlog replace test \"ALTER TABLE `db`.`t` ADD COLUMN `c` INT; ALTER TABLE `db`.`t` ADD UNIQUE (`c`)\""},
		{pb.ErrorOp_Revert, "revert <task | file>", "take back what was given and has not taken effect", "binlog revert test -b mysql-bin.000003:3270"},
		{pb.ErrorOp_Inject, "inject <task | file> <sql1;sql2;>", "execute statements before the DDL", "binlog inject test \"DROP INDEX `i` ON `db`.`t`\""},
		{pb.ErrorOp_List, "list <task | file>", "show what was given and has not taken effect, from -b on", "binlog list test"},
	} {
		cmd := &cobra.Command{Use: c.use, Short: c.short, Long: binlogHelp, Example: "  dmctl " + c.example}
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("binlog %s needs a task", cmd.Name())
			}
			return handleError(cmd, s, c.op, args[0], pos, args[1:])
		}
		group.AddCommand(cmd)
	}
	return group
}
