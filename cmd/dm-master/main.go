// Command dm-master is one master: a member of the raft group that keeps
// sources, bindings and tasks, and the address that dmctl and workers speak to.
package main

import (
	"os"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/program"
)

func main() {
	p := program.Program[config.MasterConfig]{Name: "dm-master", Parse: config.ParseMaster, Sample: config.SampleMaster(), Usage: config.MasterUsage(), Run: run}
	os.Exit(p.Main(os.Args[1:]))
}
