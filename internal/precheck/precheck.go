package precheck

import (
	"context"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
)

// CheckSource connects to the upstream of src and gives src with what was
// detected: flavor, server-id, case sensitivity.
func CheckSource(ctx context.Context, src config.Source) (config.Source, error) {
	return src, fault.New(fault.Unsupported, "not supported yet")
}

// CheckTask runs the checks of checks.md for all subtasks of one task, without
// the items named in ignore.
func CheckTask(ctx context.Context, subs []config.Subtask, ignore []string) error {
	return fault.New(fault.Unsupported, "not supported yet")
}
