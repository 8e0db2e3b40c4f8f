package main

import (
	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/rpc/pb"
)

// newBinlogSchema is the group about the structures that rows are read with.
func newBinlogSchema(s *shared) *cobra.Command {
	show := schemaCommand(s, pb.SchemaOp_GetSchema, "binlog-schema", "<task | file> <database> <table>", "show, set or delete the structure of a source's table",
		"binlog-schema test db t1")
	show.AddCommand(
		schemaCommand(s, pb.SchemaOp_SetSchema, "update", "<task | file> <database> <table> [schema-file]", "set the structure of a source's table",
			"binlog-schema update test db t1 db.t1-schema.sql"),
		schemaCommand(s, pb.SchemaOp_RemoveSchema, "delete", "<task | file> <database> <table>", "remove the structure of a source's table",
			"binlog-schema delete test db t1"))
	return show
}

func schemaCommand(s *shared, op pb.SchemaOp, name, args, short, example string) *cobra.Command {
	var req schemaRequest
	cmd := &cobra.Command{Use: name + " [-s source...] " + args, Short: short, Long: schemaHelp, Example: "  dmctl " + example, Args: cobra.ArbitraryArgs}
	if op == pb.SchemaOp_SetSchema {
		req.flags(cmd)
	}
	cmd.RunE = func(cmd *cobra.Command, words []string) error {
		const needs = 3
		if len(words) < needs {
			return usagef("%s needs a task, a database and a table", cmd.CommandPath()[len("dmctl "):])
		}
		req.op, req.task, req.database, req.table = op, words[0], words[1], words[2]
		return req.send(cmd, s, words[needs:])
	}
	return cmd
}
