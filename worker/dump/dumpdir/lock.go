package dumpdir

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/raftdm/raftdm/internal/fault"
)

// Lock makes dir this process's for as long as it works there: two workers of one
// machine may be told the same one. It makes the directory when it is missing,
// and refuses one of another task or source. A process that ends lets go of it.
func Lock(dir, task, source string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) { // a file system without locks is no reason to stop
		return func() { f.Close() }, nil //nolint:errcheck // nothing was written
	}
	names, lerr := list(dir)
	if lerr == nil && len(names) > 0 {
		lerr = checkOwner(dir, names, task, source)
	}
	if err := errors.Join(lerr, f.Close()); err != nil {
		return nil, err
	}
	return nil, &fault.Error{Kind: fault.Unavailable, Msg: fmt.Sprintf("another process works in the dump directory %s", dir),
		Hint: "the subtask goes on when that process has ended; or give the workers of one machine different directories: dir in loaders of the task"}
}
