package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// cached gives <user cache>/raftdm/<name>, calling build with a temporary path
// beside it when it does not exist. The result appears by one rename, and a
// file lock lets only one process build at a time.
func cached(name string, build func(dst string) error) (string, error) {
	base, err := cacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(base, name)
	if exists(path) {
		return path, nil
	}
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", lock.Name(), err)
	}
	if exists(path) { // another process was faster
		return path, nil
	}
	tmp := path + ".building"
	if err := os.RemoveAll(tmp); err != nil { // left by a build that was killed
		return "", err
	}
	if err := build(tmp); err != nil {
		return "", errors.Join(err, os.RemoveAll(tmp))
	}
	return path, os.Rename(tmp, path)
}

// cacheDir gives <user cache>/raftdm, created when missing.
func cacheDir() (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache directory (set HOME or XDG_CACHE_HOME): %w", err)
	}
	base := filepath.Join(user, "raftdm")
	return base, os.MkdirAll(base, 0o755)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
