// Package version says which build this is: the programs print it for -V, on
// /status and in their first log line.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Release is the release that this source is, or is on the way to.
const Release = "v0.1.0"

// branch is the branch that was built. Only who builds knows it: `make build` sets
// it with -ldflags "-X ...".
var branch = "unknown"

// Text gives the build as a person reads it, a line per fact, in the form that
// DM's programs print.
func Text() string {
	commit, built := "unknown", "unknown"
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, s := range bi.Settings {
			switch s.Key {
			case "vcs.revision":
				commit = s.Value
			case "vcs.time":
				built = s.Value
			}
		}
	}
	return fmt.Sprintf("Release Version: %s\nGit Commit Hash: %s\nGit Branch: %s\nUTC Build Time: %s\nGo Version: %s\n",
		Release, commit, branch, built, runtime.Version())
}
