package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// Names below the directory of an export, DM's own.
const (
	standardExportDir = "configs"
	tasksDir          = "tasks"
	sourcesDir        = "sources"
	relayWorkersFile  = "relay_workers.json"
)

const exportHelp = `Write all sources and tasks to files: DIR/sources/ID.yaml and DIR/tasks/NAME.yaml.

Passwords are encrypted in them. They are for config import and for start-task;
only you may read them.`

// exportDir adds the flags that name the directory: DM has two for one thing.
func exportDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVarP(dir, "dir", "d", standardExportDir, "directory of the files")
	cmd.Flags().StringVarP(dir, "path", "p", standardExportDir, "the same as --dir")
}

func newExport(s *shared) *cobra.Command {
	var dir string
	cmd := &cobra.Command{Use: "export [-d directory]", Short: "write all sources and tasks to files", Long: exportHelp,
		Example: "  dmctl config export --dir backup", Args: cobra.ArbitraryArgs}
	exportDir(cmd, &dir)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("config export takes flags only, not %q", args[0])
		}
		resp, err := askOwn(cmd, s, reads, func(ctx context.Context, c clusterpb.OperatorClient) (*clusterpb.ExportResponse, error) {
			return c.Export(ctx, &clusterpb.ExportRequest{})
		})
		if err != nil {
			return err
		}
		if !resp.GetResult() {
			return errors.New(resp.GetMsg())
		}
		if err := writeExport(dir, resp); err != nil {
			return err
		}
		old, err := leftOver(dir, resp)
		if err != nil {
			return err
		}
		if len(old) > 0 {
			s.note("not of this export, remove them before an import: " + strings.Join(old, ", "))
		}
		fmt.Fprintf(s.Stdout, "export configs to directory `%s` succeed\n", dir)
		return nil
	}
	return cmd
}

// leftOver gives the files of the directory that this export did not write: an
// import would bring back what the cluster does not have any more.
func leftOver(dir string, resp *clusterpb.ExportResponse) ([]string, error) {
	var out []string
	for sub, files := range map[string]map[string]string{tasksDir: resp.GetTasks(), sourcesDir: resp.GetSources()} {
		paths, err := filepath.Glob(filepath.Join(dir, sub, "*.yaml"))
		if err != nil {
			return nil, unreadable("the directory of the export", dir, err)
		}
		for _, path := range paths {
			if _, ok := files[strings.TrimSuffix(filepath.Base(path), ".yaml")]; !ok {
				out = append(out, path)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

func writeExport(dir string, resp *clusterpb.ExportResponse) error {
	for sub, files := range map[string]map[string]string{tasksDir: resp.GetTasks(), sourcesDir: resp.GetSources()} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return &fault.Error{Op: "export", Kind: fault.Invalid, Msg: "directory " + dir + " cannot be made", Err: err}
		}
		for _, name := range sortedNames(files) {
			if !filepath.IsLocal(name) || strings.ContainsAny(name, `/\`) {
				return &fault.Error{Op: "export", Kind: fault.Unsupported, Msg: fmt.Sprintf("%q cannot be the name of a file", name)}
			}
			if err := writeSecret(filepath.Join(dir, sub, name+".yaml"), files[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

const importHelp = `Create the sources and start the tasks of the files that config export wrote.

What exists already is left as it is. All tasks are started, also those that were
paused. Workers are chosen anew; transfer-source moves a source.`

func newImport(s *shared) *cobra.Command {
	var dir string
	cmd := &cobra.Command{Use: "import [-d directory]", Short: "create the sources and start the tasks of an export", Long: importHelp,
		Example: "  dmctl config import --dir backup", Args: cobra.ArbitraryArgs}
	exportDir(cmd, &dir)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return usagef("config import takes flags only, not %q", args[0])
		}
		return runImport(cmd, s, dir)
	}
	return cmd
}

// runImport does one after the other, as far as it gets: what was done before an
// error stays, and a second import goes on behind it.
func runImport(cmd *cobra.Command, s *shared, dir string) error {
	sources, err := readExport(dir, sourcesDir)
	if err != nil {
		return err
	}
	tasks, err := readExport(dir, tasksDir)
	if err != nil {
		return err
	}
	if len(sources)+len(tasks) == 0 {
		return &fault.Error{Op: "import", Kind: fault.NotFound, Msg: "directory " + dir + " has no sources and no tasks",
			Hint: "name the directory that config export wrote with --dir"}
	}
	if len(sources) > 0 {
		fmt.Fprintln(s.Stdout, "start creating sources")
	}
	for _, path := range sortedNames(sources) {
		resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.OperateSourceResponse, error) {
			return c.OperateSource(s.withFiles(ctx, []string{path}, sources[path]), &pb.OperateSourceRequest{Op: pb.SourceOp_StartSource, Config: []string{sources[path]}})
		})
		if err := s.imported(path, resp, resp.GetSources(), err); err != nil {
			return err
		}
	}
	if len(tasks) > 0 {
		fmt.Fprintln(s.Stdout, "start creating tasks")
	}
	for _, path := range sortedNames(tasks) {
		resp, err := ask(cmd, s, writes, func(ctx context.Context, c pb.MasterClient) (*pb.StartTaskResponse, error) {
			return c.StartTask(s.withFiles(ctx, []string{path}, tasks[path]), &pb.StartTaskRequest{Task: tasks[path]})
		})
		if err := s.imported(path, resp, resp.GetSources(), err); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, relayWorkersFile)); err == nil {
		fmt.Fprintf(s.Stdout, "the original relay workers have been exported to `%s`.\nrelay logs are not supported yet: every worker reads from the upstream itself\n",
			filepath.Join(dir, relayWorkersFile))
	}
	fmt.Fprintf(s.Stdout, "import configs from directory `%s` succeed\n", dir)
	fmt.Fprintln(s.Stdout, "workers are chosen anew; use `transfer-source` to move a source to another one")
	return nil
}

// importAnswer is what the answers to create and start have in common.
type importAnswer interface {
	GetResult() bool
	GetMsg() string
}

// alreadyThere are DM's numbers for a source or task that exists.
func alreadyThere() []string { return []string{"[code=46007:", "[code=46014:"} }

// imported judges the answer about one file.
func (s *shared) imported(path string, resp importAnswer, sources []*pb.CommonWorkerResponse, err error) error {
	if err != nil {
		return fault.Wrap("import "+path, err)
	}
	msgs := []string{}
	ok := resp.GetResult()
	for _, line := range sources {
		ok = ok && line.GetResult()
		if !line.GetResult() {
			msgs = append(msgs, line.GetSource()+": "+line.GetMsg())
		}
	}
	switch {
	case ok:
		if resp.GetMsg() != "" {
			fmt.Fprintf(s.Stdout, "%s: %s\n", path, resp.GetMsg())
		}
		return nil
	case slices.ContainsFunc(alreadyThere(), func(p string) bool { return strings.HasPrefix(resp.GetMsg(), p) }):
		fmt.Fprintf(s.Stdout, "%s: exists already, it is left as it is\n", path)
		return nil
	default:
		s.note("once that is mended, the same import goes on with the rest")
		return &fault.Error{Op: "import " + path, Kind: fault.Conflict, Msg: strings.Join(append([]string{resp.GetMsg()}, msgs...), "; ")}
	}
}

// readExport gives the files of one kind by their paths.
func readExport(dir, sub string) (map[string]string, error) {
	out := map[string]string{}
	paths, err := filepath.Glob(filepath.Join(dir, sub, "*.yaml"))
	if err != nil {
		return nil, unreadable("the files of the export", dir, err)
	}
	for _, path := range paths {
		text, err := readText("a file of the export", path)
		if err != nil {
			return nil, err
		}
		out[path] = text
	}
	return out, nil
}

func dirOf(path string) string { return filepath.Dir(path) }
