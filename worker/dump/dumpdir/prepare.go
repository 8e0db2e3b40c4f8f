package dumpdir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// marker is the content of the file that makes a directory ours.
type marker struct {
	Task   string `json:"task"`
	Source string `json:"source"`
	DumpID string `json:"dump_id"`
}

// Prepare makes dir an empty dump directory for a new dump. It refuses, and
// touches nothing, when dir holds files that no dump of this task and source
// has written.
func Prepare(dir, task, source, dumpID string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	names, err := list(dir)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		if err := checkOwner(dir, names, task, source); err != nil {
			return err
		}
	}
	data, err := json.Marshal(marker{Task: task, Source: source, DumpID: dumpID})
	if err != nil {
		return err
	}
	if err := remove(dir, names, func(n string) bool { return n == markerName }); err != nil {
		return err
	}
	return writeAtomic(dir, markerName, data)
}

// checkOwner refuses a directory of somebody else.
func checkOwner(dir string, names []string, task, source string) error {
	refuse := func(why string) error {
		return &fault.Error{Kind: fault.Conflict,
			Msg:  fmt.Sprintf("dump directory %s is not emptied: %s", dir, why),
			Hint: "move the files away, or give the loaders section of the task another dir"}
	}
	for _, n := range names {
		if !ours(n) {
			return refuse(fmt.Sprintf("it holds %q, which is not a file of a dump", n))
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	if errors.Is(err, fs.ErrNotExist) {
		if len(names) == 1 && names[0] == markerName+tmpSuffix {
			return nil // we were stopped while making it ours
		}
		return refuse("it holds files and was not made by this program")
	}
	if err != nil {
		return err
	}
	var m marker
	if err := json.Unmarshal(data, &m); err != nil {
		return refuse("its file " + markerName + " is damaged")
	}
	if m.Task != task || m.Source != source {
		return refuse(fmt.Sprintf("it is the directory of task %s, source %s", m.Task, m.Source))
	}
	return nil
}

// RemoveData ends a dump that was loaded: the data files and the manifest go,
// metadata and schema files stay.
func RemoveData(dir string) error {
	names, err := list(dir)
	if err != nil || len(names) == 0 {
		return err
	}
	return remove(dir, names, func(n string) bool {
		return n == markerName || n == MetadataName || isSchemaFile(n)
	})
}

// Remove ends a dump that was loaded and is not needed any more. A directory
// with foreign files keeps them.
func Remove(dir string) error {
	names, err := list(dir)
	if err != nil || len(names) == 0 {
		return err
	}
	if err := remove(dir, names, func(n string) bool { return !ours(n) || n == markerName }); err != nil {
		return err
	}
	for _, n := range names {
		if !ours(n) {
			return nil
		}
	}
	if err := os.Remove(filepath.Join(dir, markerName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(dir)
}

// RemoveChunks removes the files of a table's chunks; p may be nil. They are not
// listed in the journal any more.
func RemoveChunks(dir string, p *Progress) error {
	if p == nil {
		return nil
	}
	for _, c := range p.Chunks {
		for _, f := range c.Files {
			if err := os.Remove(filepath.Join(dir, f.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

func isSchemaFile(name string) bool {
	return strings.HasSuffix(name, "-schema.sql") || strings.HasSuffix(name, "-schema-create.sql")
}

// remove deletes the named files except those to keep, the manifest first, so
// that whatever is left when we are stopped is not taken for a dump.
func remove(dir string, names []string, keep func(string) bool) error {
	if err := os.Remove(filepath.Join(dir, ManifestName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	for _, n := range names {
		if keep(n) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// list names what is in dir; nothing when dir does not exist.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// Owned tells whether a directory was made by Prepare, for whatever task.
func Owned(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, markerName))
	return err == nil
}

// OwnedBy tells whether a directory was made by Prepare for this task and source.
func OwnedBy(dir, task, source string) bool {
	data, err := os.ReadFile(filepath.Join(dir, markerName))
	var m marker
	return err == nil && json.Unmarshal(data, &m) == nil && m.Task == task && m.Source == source
}
