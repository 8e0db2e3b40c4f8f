package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

const schemaHelp = `Rows of the binlog have no column names: they are read with the structure that is
recorded for their table, which follows the DDL of the source. It can be looked
at, set and removed while the task is paused and in the unit Sync; rows are read
with what was set from the next resume-task on. A structure that was removed is
taken from the target, or the source, when the next row of the table comes.`

// newOperateSchema is the older spelling of binlog-schema.
func newOperateSchema(s *shared) *cobra.Command {
	const use = "operate-schema <get/set/remove> <-s source...> <task | file> <-d database> <-t table> [schema-file]"
	var req schemaRequest
	cmd := &cobra.Command{Use: use, Hidden: true, Short: "get, set or remove the structure of a source's table (now: binlog-schema)", Long: schemaHelp,
		Example: "  dmctl operate-schema set -s mysql-replica-01 test -d db -t t1 db.t1-schema.sql"}
	cmd.Flags().StringVarP(&req.database, "database", "d", "", "database of the table on the source")
	cmd.Flags().StringVarP(&req.table, "table", "t", "", "table on the source")
	req.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ops := map[string]pb.SchemaOp{"get": pb.SchemaOp_GetSchema, "set": pb.SchemaOp_SetSchema, "remove": pb.SchemaOp_RemoveSchema}
		switch {
		case len(args) < 2:
			return usagef("usage: %s", use)
		case ops[args[0]] == pb.SchemaOp_InvalidSchemaOp:
			return usagef("%q is none of get, set and remove", args[0])
		case len(s.sources) == 0:
			return usagef("operate-schema needs at least one -s/--source")
		case req.database == "" || req.table == "":
			return usagef("operate-schema needs -d/--database and -t/--table")
		}
		req.op, req.task = ops[args[0]], args[1]
		return req.send(cmd, s, args[2:])
	}
	return cmd
}

// schemaRequest is a request about a structure as it was typed.
type schemaRequest struct {
	op                          pb.SchemaOp
	task, database, table       string
	flush, sync, source, target bool
}

func (r *schemaRequest) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&r.flush, "flush", true, "record the structure at once (it always is)")
	cmd.Flags().BoolVar(&r.sync, "sync", false, "also set it for resolving DDL locks of the shard mode optimistic")
	cmd.Flags().BoolVar(&r.source, "from-source", false, "take the structure that the source has now instead of a file")
	cmd.Flags().BoolVar(&r.target, "from-target", false, "take the structure that the target has now instead of a file")
}

// send sends it; files is the rest of the command line.
func (r *schemaRequest) send(cmd *cobra.Command, s *shared, files []string) error {
	text := ""
	switch set := r.op == pb.SchemaOp_SetSchema; {
	case !set && (len(files) > 0 || r.source || r.target || r.sync):
		return usagef("only a structure that is set comes from a file or has --sync, --from-source or --from-target")
	case set && (len(files) > 1 || r.source && r.target || len(files) == 1 && (r.source || r.target)):
		return usagef("the structure comes from one of a schema-file, --from-source and --from-target")
	case set && len(files) == 0 && !r.source && !r.target:
		return usagef("the structure to set is missing: give a schema-file, --from-source or --from-target")
	case len(files) == 1:
		var err error
		if text, err = readText("the schema-file", files[0]); err != nil {
			return err
		}
		if text == "" {
			return usagef("the schema-file %s is empty", files[0])
		}
	}
	resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.OperateSchemaResponse, error) {
		return c.OperateSchema(ctx, &pb.OperateSchemaRequest{Op: r.op, Task: s.taskName(r.task), Sources: s.sources, Database: r.database, Table: r.table,
			Schema: text, Flush: r.flush, Sync: r.sync, FromSource: r.source, FromTarget: r.target})
	})
	if err != nil {
		return err
	}
	return s.print(resp)
}
