package jepsen

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// options are what the environment says; README.md lists them.
type options struct {
	time     time.Duration
	all      bool // the catalogues run as well, because somebody asked for a run
	seed     uint64
	target   string
	faults   string
	sabotage string
	dir      string
	keep     bool // also the directory of a good run
}

func fromEnvironment(t *testing.T) options {
	t.Helper()
	testbed.SkipIfShort(t)
	o := options{time: 2 * time.Minute, seed: uint64(time.Now().UnixNano()) % 1_000_000, target: os.Getenv("JEPSEN_TARGET"),
		faults: os.Getenv("JEPSEN_FAULTS"), sabotage: os.Getenv("JEPSEN_SABOTAGE"), dir: os.Getenv("JEPSEN_DIR"), keep: os.Getenv("JEPSEN_KEEP") != ""}
	var err, err2 error
	if s := os.Getenv("JEPSEN_TIME"); s != "" {
		o.all = true
		o.time, err = time.ParseDuration(s)
	}
	if s := os.Getenv("JEPSEN_SEED"); s != "" {
		o.seed, err2 = strconv.ParseUint(s, 10, 64)
	}
	if o.target != "" && o.target != "mariadb" && o.target != "tidb" {
		err = fmt.Errorf("JEPSEN_TARGET is %q, want mariadb or tidb", o.target)
	}
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return o
}
