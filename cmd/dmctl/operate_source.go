package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/rpc/pb"
)

const operateSourceHelp = `Create, show or stop sources.

  operate-source create FILE...         add the sources of the files, all or none
  operate-source show [FILE...] [-s ID] list sources with the worker that serves each
  operate-source stop FILE|ID... [-s ID] remove sources that no task uses
  operate-source update FILE            is always refused, as DM refuses it

The masters connect to a source's database before they add it.`

func newOperateSource(s *shared) *cobra.Command {
	var sample bool
	cmd := &cobra.Command{Use: "operate-source <create|update|stop|show> [file...]", Short: "create, show or stop sources",
		Long: operateSourceHelp, ValidArgsFunction: firstOf("create", "update", "stop", "show"),
		Example: "  dmctl operate-source create source.yaml\n  dmctl operate-source show\n  dmctl operate-source stop mariadb-01\n  dmctl operate-source --print-sample-config > source.yaml"}
	cmd.Flags().BoolVarP(&sample, "print-sample-config", "p", false, "print a sample source file and do nothing else")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if sample {
			fmt.Fprint(s.Stdout, config.SampleSource())
			return nil
		}
		req, paths, err := s.sourceRequest(args)
		if err != nil {
			return err
		}
		e := writes
		if req.Op == pb.SourceOp_ShowSource {
			e = reads
		}
		var created []string // the others need no more than the ids
		if req.Op == pb.SourceOp_StartSource {
			created = req.GetConfig()
		}
		resp, err := ask(cmd, s, e, func(ctx context.Context, c pb.MasterClient) (*pb.OperateSourceResponse, error) {
			return c.OperateSource(s.withFiles(ctx, paths, created...), req)
		})
		if err != nil {
			return err
		}
		return s.print(resp)
	}
	return cmd
}

// sourceRequest reads the arguments: what to do, and files or source ids. It
// also gives the paths of the files that the request holds.
func (s *shared) sourceRequest(args []string) (req *pb.OperateSourceRequest, paths []string, err error) {
	if len(args) == 0 {
		return nil, nil, usagef("operate-source needs to know what to do: create, update, stop or show")
	}
	req = &pb.OperateSourceRequest{}
	switch args[0] {
	case "create":
		req.Op = pb.SourceOp_StartSource
	case "update":
		req.Op = pb.SourceOp_UpdateSource
	case "stop":
		req.Op = pb.SourceOp_StopSource
	case "show":
		req.Op = pb.SourceOp_ShowSource
	default:
		return nil, nil, usagef("operate-source knows create, update, stop and show, not %q", args[0])
	}
	byID := req.Op == pb.SourceOp_StopSource || req.Op == pb.SourceOp_ShowSource
	switch {
	case byID:
		req.SourceID = s.sources
	case len(s.sources) > 0:
		return nil, nil, usagef("operate-source %s takes files; -s/--source is for stop and show", args[0])
	}
	for _, arg := range args[1:] {
		text, err := readText("a source file", arg)
		var unread *fs.PathError
		if byID && errors.As(err, &unread) {
			if strings.HasSuffix(arg, ".yaml") || strings.HasSuffix(arg, ".yml") {
				s.noteOnce("the file " + arg + " cannot be read, so its name is taken for the id of a source")
			}
			req.SourceID = append(req.SourceID, arg)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		req.Config, paths = append(req.Config, text), append(paths, arg)
	}
	if len(req.Config)+len(req.SourceID) == 0 && req.Op != pb.SourceOp_ShowSource {
		what := "file"
		if byID {
			what = "file or source id"
		}
		return nil, nil, usagef("operate-source %s needs at least one %s", args[0], what)
	}
	return req, paths, nil
}
