package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

const configHelp = `Show, change, export and import configurations.

What is shown of a task or source is what the cluster has, with stars in the
place of passwords; of a master or worker it is what the process runs with.`

// configTypes are what configurations there are, in dmctl's words.
func configTypes() map[string]pb.CfgType {
	return map[string]pb.CfgType{"task": pb.CfgType_TaskType, "source": pb.CfgType_SourceType, "master": pb.CfgType_MasterType, "worker": pb.CfgType_WorkerType}
}

func newConfig(s *shared) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "show, change, export and import configurations", Long: configHelp,
		Example: "  dmctl config task shop\n  dmctl config export --dir backup",
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("config knows task, source, master, worker, export and import, not %q", args[0])
			}
			return usagef("config needs to know of what: task, source, master, worker, export or import")
		}}
	task, source := newConfigOf(s, "task", "shop"), newConfigOf(s, "source", "mariadb-01")
	task.AddCommand(newUpdateTask(s))
	source.AddCommand(newUpdateSource(s))
	cmd.AddCommand(task, source, newConfigOf(s, "master", "master-1"), newConfigOf(s, "worker", "worker-1"), newExport(s), newImport(s))
	return cmd
}

// newConfigOf shows one configuration.
func newConfigOf(s *shared, word, example string) *cobra.Command {
	var path string
	cmd := &cobra.Command{Use: word + " <name> [-p file]", Short: "show the configuration of a " + word,
		Example: "  dmctl config " + word + " " + example + "\n  dmctl config " + word + " " + example + " -p file", Args: cobra.ArbitraryArgs}
	cmd.Flags().StringVarP(&path, "path", "p", "", "write the configuration to this file instead")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("config %s needs exactly one name", word)
		}
		return showConfig(cmd, s, configTypes()[word], args[0], path)
	}
	return cmd
}

// newGetConfig is the form of config that DM hides and scripts use.
func newGetConfig(s *shared) *cobra.Command {
	var file string
	cmd := &cobra.Command{Use: "get-config <task|master|worker|source> <name> [-f file]", Aliases: []string{"get-task-config"}, Hidden: true,
		Short: "show a configuration; config is its successor", Example: "  dmctl get-config task shop",
		ValidArgs: []string{"task", "master", "worker", "source"}, Args: cobra.ArbitraryArgs}
	cmd.Flags().StringVarP(&file, "file", "f", "", "write the configuration to this file instead")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.CalledAs() == "get-task-config" && len(args) == 1 {
			args = []string{"task", args[0]} // the form of the first versions
		}
		if len(args) != 2 {
			return usagef("get-config needs a type and a name")
		}
		kind, ok := configTypes()[args[0]]
		if !ok {
			return usagef("invalid config type '%s'", args[0])
		}
		return showConfig(cmd, s, kind, args[1], file)
	}
	return cmd
}

func showConfig(cmd *cobra.Command, s *shared, kind pb.CfgType, name, path string) error {
	resp, err := ask(cmd, s, reads, func(ctx context.Context, c pb.MasterClient) (*pb.GetCfgResponse, error) {
		return c.GetCfg(ctx, &pb.GetCfgRequest{Type: kind, Name: name})
	})
	if err != nil {
		return err
	}
	if resp.GetResult() && path != "" {
		if err := writeSecret(path, resp.GetCfg()); err != nil {
			return err
		}
		resp.Msg, resp.Cfg = "write config to file "+path+" succeed", ""
	}
	return s.print(resp)
}

// writeSecret writes a file that nobody else may read, also when it was there
// and others could.
func writeSecret(path, text string) error {
	f, err := os.CreateTemp(dirOf(path), ".dmctl-*") // made with 0600
	if err == nil {
		_, err = f.WriteString(text)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err == nil {
			err = os.Rename(f.Name(), path)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}
	if err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err // the path of the temporary file helps nobody
		}
		return &fault.Error{Op: "write " + path, Kind: fault.Invalid, Msg: "the file cannot be written", Err: err}
	}
	return nil
}

const updateTaskHelp = `Replace the file of a task that is paused, or has stopped on an error; one
that has is paused by it, and goes on with resume-task.

User, password and session of the target, and what says how fast it goes, may
change at any time; what goes where (block-allow-list, routes, filters,
expression-filter) only while the task replicates. Anything else needs a
stop-task and start-task. The masters check the new file as start-task does.`

func newUpdateTask(s *shared) *cobra.Command {
	return &cobra.Command{Use: "update [-s source...] <file>", Short: "replace the file of a paused task", Long: updateTaskHelp, Hidden: true,
		Example: "  dmctl pause-task shop\n  dmctl config task update task.yaml\n  dmctl resume-task shop", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("config task update needs exactly one task file")
			}
			text, err := readText("the task file", args[0])
			if err != nil {
				return err
			}
			resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.UpdateTaskResponse, error) {
				return c.UpdateTask(s.withFiles(ctx, args[:1], text), &pb.UpdateTaskRequest{Task: text, Sources: s.sources})
			})
			if err != nil {
				return err
			}
			return s.print(resp)
		}}
}

const updateSourceHelp = `Replace the file of a source whose tasks are all paused, or have stopped on an
error; those that have are paused by it, and go on with resume-task.

User, password, session, server-id and checker may change at any time; filters
only while its tasks replicate; host and port only with enable-gtid. Anything
else needs the source's tasks to be stopped.`

func newUpdateSource(s *shared) *cobra.Command {
	return &cobra.Command{Use: "update <file>", Short: "replace the file of a source whose tasks are paused", Long: updateSourceHelp, Hidden: true,
		Example: "  dmctl pause-task -s mariadb-01\n  dmctl config source update source.yaml\n  dmctl resume-task -s mariadb-01", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("config source update needs exactly one source file")
			}
			text, err := readText("the source file", args[0])
			if err != nil {
				return err
			}
			resp, err := askOwn(cmd, s, writes, func(ctx context.Context, c clusterpb.OperatorClient) (*clusterpb.UpdateSourceResponse, error) {
				return c.UpdateSource(s.withFiles(ctx, args[:1], text), &clusterpb.UpdateSourceRequest{Config: text})
			})
			if err != nil {
				return err
			}
			return s.print(resp)
		}}
}

// sortedNames gives the keys of a map in order.
func sortedNames(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for name := range m {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
