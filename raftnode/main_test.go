package raftnode_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain fails when closed nodes left goroutines of theirs or raft's behind.
func TestMain(m *testing.M) {
	// The exploration waits most of the time: more of it can run at once than
	// there are processors.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := m.Run()
	if left := leftBehind(10 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines are left:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind waits for goroutines to end that are about to.
func leftBehind(patience time.Duration) string {
	late := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		buf := make([]byte, 1<<22)
		var left []string
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, ").leadershipTransfer(") || strings.Contains(g, ").leaderLoop.func2(") {
				continue // raft leaves the two behind when it loses track of a transfer, see transfer_test.go
			}
			if strings.Contains(g, ").await.func") {
				continue // raft never answers what was committed but not applied when it shut down
			}
			if strings.Contains(g, "hashicorp/raft") || strings.Contains(g, "raftdm/raftnode.(*") {
				left = append(left, g)
			}
		}
		if len(left) == 0 {
			return ""
		}
		select {
		case <-late:
			return strings.Join(left, "\n\n")
		case <-tick.C:
		}
	}
}
