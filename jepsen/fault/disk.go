package fault

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
)

// disk fills the file system of a master to the last byte. A master may give
// up then; it is started again, as its supervisor would, when there is room.
type disk struct {
	name   string
	whom   picker
	master *testbed.Process
	filler string
}

func disks() []Fault {
	return []Fault{
		&disk{name: "full-disk-leader", whom: leader},
		&disk{name: "full-disk-follower", whom: follower},
	}
}

func (f *disk) Name() string { return f.name }

func (f *disk) Available(c *cluster.Cluster) bool {
	if !several(c) {
		return false
	}
	for _, m := range c.Masters() {
		if _, ok := c.DiskOf(m.Name); !ok {
			return false
		}
	}
	return true
}

func (f *disk) Inject(ctx context.Context, c *cluster.Cluster, rng *rand.Rand) error {
	p, err := f.whom(ctx, c, rng)
	if err != nil {
		return err
	}
	dir, ok := c.DiskOf(p.Name)
	if !ok {
		return fmt.Errorf("%s has no disk of its own", p.Name)
	}
	f.master, f.filler = p, filepath.Join(dir, "filler")
	return fill(f.filler)
}

// fill writes a file until nothing fits any more.
func fill(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		_, err := file.Write(block)
		switch {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

func (f *disk) Heal(_ context.Context, c *cluster.Cluster) error {
	if f.master == nil {
		return nil
	}
	if err := os.Remove(f.filler); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	p := f.master
	f.master = nil
	if p.Alive() {
		return nil
	}
	return errors.Join(c.CheckStores(p.Name), p.Launch())
}
