package dumpdir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Boot names the present run of this machine's kernel. What a process has
// written stays as it was written until that run ends, on the disk or not, so
// data files are not synced: another boot has to look into them.
func Boot() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return NewID() // like no other: files are always looked into
	}
	return strings.TrimSpace(string(id))
}

// whole tells whether a file is there as it was dumped. Its size tells that when
// it was written in this boot, or is known to be on the disk; else its contents.
func (f File) whole(dir string, sure bool) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, f.Name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Size() != f.Size():
		return false, nil
	case sure:
		return true, nil
	}
	err = f.Check(dir)
	if errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}

// sure tells whether what was written at a snapshot is on the disk, or at least
// in this kernel's memory.
func (s Snapshot) sure(boot string) bool { return s.Boot == "" || s.Boot == boot }
