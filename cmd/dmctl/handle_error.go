package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/rpc/pb"
)

// errorOps are the words for what to do about a DDL.
func errorOps() map[string]pb.ErrorOp {
	return map[string]pb.ErrorOp{"skip": pb.ErrorOp_Skip, "replace": pb.ErrorOp_Replace, "revert": pb.ErrorOp_Revert,
		"inject": pb.ErrorOp_Inject, "list": pb.ErrorOp_List}
}

const binlogPosUsage = `where the DDL is in the binlog, like "mysql-bin.000003:3270"; the one that has stopped the task if not given`

// newHandleError is the older spelling of binlog.
func newHandleError(s *shared) *cobra.Command {
	const use = "handle-error <task | file> [-s source...] [-b binlog-pos] <skip/replace/revert/inject/list> [sql1;sql2;]"
	var pos string
	cmd := &cobra.Command{Use: use, Hidden: true, Short: "skip, replace or revert the DDL that has stopped a task (now: binlog)",
		Long: binlogHelp, Example: "  dmctl handle-error test skip\n  dmctl handle-error test -s mysql-replica-01 replace \"ALTER TABLE `db`.`t` ADD COLUMN `c` INT\""}
	cmd.Flags().StringVarP(&pos, "binlog-pos", "b", "", binlogPosUsage)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return usagef("usage: %s", use)
		}
		op, ok := errorOps()[args[1]]
		if !ok {
			return usagef("%q is none of skip, replace, revert, inject and list", args[1])
		}
		return handleError(cmd, s, op, args[0], pos, args[2:])
	}
	return cmd
}

// handleError sends one request about a DDL. The statements may be one text or
// several; they are cut at their semicolons.
func handleError(cmd *cobra.Command, s *shared, op pb.ErrorOp, task, pos string, texts []string) error {
	brings := op == pb.ErrorOp_Replace || op == pb.ErrorOp_Inject
	name := strings.ToLower(op.String())
	statements, err := schema.Statements(joined(texts), "")
	switch {
	case err != nil:
		return &usageError{fault.Wrap("read the statements of "+name, err)}
	case brings && len(statements) == 0:
		return usagef("%s needs the DDL statements to execute", name)
	case !brings && len(statements) > 0:
		return usagef("%s takes no statements", name)
	}
	resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.HandleErrorResponse, error) {
		return c.HandleError(ctx, &pb.HandleErrorRequest{Op: op, Task: s.taskName(task), Sources: s.sources, BinlogPos: pos, Sqls: statements})
	})
	if err != nil {
		return err
	}
	return s.print(resp)
}

// joined makes one text of the arguments behind a task: statements of which each is
// an argument, or the words of a statement that was not quoted. Quotes that some
// shells leave around an argument are taken off.
func joined(args []string) string {
	between := ";"
	for i, text := range args {
		args[i] = strings.TrimSpace(text)
		for _, q := range []string{`"`, `'`} {
			if inner, ok := strings.CutPrefix(args[i], q); ok && strings.HasSuffix(inner, q) {
				args[i] = strings.TrimSpace(strings.TrimSuffix(inner, q))
				break
			}
		}
		if !strings.ContainsAny(args[i], " \t\n") {
			between = " "
		}
	}
	return strings.Join(args, between)
}
