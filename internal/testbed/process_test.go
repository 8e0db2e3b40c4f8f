package testbed

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// helperEnv makes TestMain's binary start a server and wait to be killed.
const helperEnv = "RAFTDM_TESTBED_HELPER"

// A server dies with the process that started it, also when that one is killed
// with SIGKILL and can do nothing about it.
func TestServersDieWithTheirStarter(t *testing.T) {
	SkipIfShort(t)
	if dir := os.Getenv(helperEnv); dir != "" {
		s, err := StartMariaDB(t.Context(), dir)
		must(t, err)
		fmt.Printf("server pid %d\n", s.PID())
		<-t.Context().Done() // until killed
		return
	}
	self, err := os.Executable()
	must(t, err)
	helper := exec.Command(self, "-test.run=^TestServersDieWithTheirStarter$", "-test.v")
	helper.Env = append(os.Environ(), helperEnv+"="+t.TempDir())
	out, err := helper.StdoutPipe()
	must(t, err)
	must(t, helper.Start())
	pid := 0
	for lines := bufio.NewScanner(out); pid == 0 && lines.Scan(); {
		if n, ok := strings.CutPrefix(lines.Text(), "server pid "); ok {
			pid, err = strconv.Atoi(n)
			must(t, err)
		}
	}
	if pid == 0 {
		t.Fatalf("the helper started no server: %v", helper.Wait())
	}
	must(t, helper.Process.Kill())
	if err := helper.Wait(); err == nil {
		t.Error("the helper ended by itself")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for exists(fmt.Sprintf("/proc/%d/exe", pid)) {
		if ctx.Err() != nil {
			t.Fatalf("the server with pid %d outlived its starter", pid)
		}
		wait(ctx, 20*time.Millisecond)
	}
}

// A process that ends while it starts is an error with the end of its log.
func TestStartShowsTheLog(t *testing.T) {
	SkipIfShort(t)
	_, err := StartMariaDB(t.Context(), t.TempDir(), WithArgs("--no-such-option=1"))
	if err == nil || !strings.Contains(err.Error(), "no-such-option") {
		t.Errorf("the error does not show why: %v", err)
	}
}

// TestFreePortIsGivenOnce: servers that are to be started soon do not get one port.
func TestFreePortIsGivenOnce(t *testing.T) {
	given := map[int]bool{}
	for range 500 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Fatalf("port %d is given twice", port)
		}
		given[port] = true
	}
}
