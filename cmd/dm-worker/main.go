// Command dm-worker runs the tasks of the one source that the masters bind it
// to: it dumps, loads and replicates into the targets, and reports how it goes.
package main

import (
	"os"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/program"
)

func main() {
	p := program.Program[config.WorkerConfig]{Name: "dm-worker", Parse: config.ParseWorker, Sample: config.SampleWorker(), Usage: config.WorkerUsage(), Run: run}
	os.Exit(p.Main(os.Args[1:]))
}
