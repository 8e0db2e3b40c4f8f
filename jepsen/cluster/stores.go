package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/internal/testbed"
)

// CheckStores runs bbolt's own check on the files of a master that is down.
func (c *Cluster) CheckStores(master string) error {
	return filepath.WalkDir(c.dm.MasterDir(master), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".db" {
			return err
		}
		return checkBolt(path)
	})
}

func checkBolt(path string) error {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
	if err != nil {
		return fmt.Errorf("%s cannot be opened after a crash: %w", path, err)
	}
	defer db.Close()
	var errs []error
	err = db.View(func(tx *bbolt.Tx) error {
		for e := range tx.Check() {
			errs = append(errs, fmt.Errorf("%s is damaged: %w", path, e))
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// Kill ends a process as a power cut would, and checks the files it leaves.
func (c *Cluster) Kill(p *testbed.Process) error {
	p.Kill()
	for _, m := range c.Masters() {
		if m == p {
			return c.CheckStores(p.Name)
		}
	}
	return nil
}

// StopAll ends workers and masters in good order and checks all stores.
func (c *Cluster) StopAll(ctx context.Context) error {
	errs := []error{c.dm.Close(ctx)}
	for _, m := range c.Masters() {
		errs = append(errs, c.CheckStores(m.Name))
	}
	return errors.Join(errs...)
}
