package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// slice is the length in seconds of the pieces that a profile is fetched in: how
// long a run takes is not known before.
const slice = 2

// profile fetches the worker's CPU profile, if that was asked for, until stop is
// called, into <workload>-<target>.pprof.
func (b *backlog) profile(ctx context.Context, addr, label string) (stop func() error) {
	if b.o.profiles == "" {
		return func() error { return nil }
	}
	endC, doneC := make(chan struct{}), make(chan error, 1)
	dir := filepath.Join(b.dir, fmt.Sprintf("profile-%d", b.clusters))
	go func() { doneC <- fetchSlices(ctx, "http://"+addr, dir, endC) }()
	return func() error {
		close(endC)
		if err := <-doneC; err != nil {
			return err
		}
		name := fmt.Sprintf("%s-%s.pprof", b.name, label)
		if len(b.o.lanes) > 0 {
			name = fmt.Sprintf("%s-%s-%d.pprof", b.name, label, b.workers)
		}
		return join(ctx, dir, filepath.Join(b.o.profiles, name))
	}
}

func fetchSlices(ctx context.Context, base, dir string, endC <-chan struct{}) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for n := 0; ; n++ {
		select {
		case <-endC:
			return nil
		default:
		}
		body, err := get(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", base, slice))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d", n)), body, 0o644); err != nil {
			return err
		}
	}
}

// join merges the pieces with the tool that comes with Go.
func join(ctx context.Context, dir, into string) error {
	pieces, err := filepath.Glob(filepath.Join(dir, "*"))
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(into), 0o755)); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-proto", "-output=" + into}, pieces...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go tool pprof: %w\n%s", err, out)
	}
	return nil
}
