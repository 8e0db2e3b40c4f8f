package main

import (
	"os"
	"runtime/debug"
)

const (
	// garbage is how much larger than what lives the heap may grow, percent. Rows
	// live for milliseconds: looking for what lives is most of the collector's
	// work, and little lives.
	garbage = 400
	// heapLimit is from where on the collector works as often as it must: a large
	// transaction, of which much lives, does not take five times its size.
	heapLimit = 320 << 20
)

// tuneMemory leaves alone what the environment says (GOGC, GOMEMLIMIT).
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
}
