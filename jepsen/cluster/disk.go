package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// diskSize is the room of a master with a disk of its own: several times what
// a run writes.
const diskSize = "64m"

// limitDisk gives a master's data directory a small file system. Without the
// right to mount the directory stays as it is, and DiskOf says so.
func (c *Cluster) limitDisk(master string) {
	dir := c.dm.MasterDir(master)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return // the master itself will say why
	}
	if syscall.Mount("jepsen", dir, "tmpfs", 0, "size="+diskSize) == nil {
		c.disks[master] = dir
	}
}

// DiskOf gives the directory of a master whose disk can be filled.
func (c *Cluster) DiskOf(master string) (dir string, ok bool) {
	dir, ok = c.disks[master]
	return dir, ok
}

// freeDisks unmounts, and leaves the content in the directories: a failed run
// is looked at afterwards.
func (c *Cluster) freeDisks() error {
	var errs []error
	for master, dir := range c.disks {
		aside := filepath.Join(c.cfg.Dir, "kept-"+master)
		errs = append(errs, os.CopyFS(aside, os.DirFS(dir)), syscall.Unmount(dir, 0),
			os.Remove(dir), os.Rename(aside, dir))
		delete(c.disks, master)
	}
	return errors.Join(errs...)
}
