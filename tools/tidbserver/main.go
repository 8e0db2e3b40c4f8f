// Command tidbserver builds the TiDB server that the tests and the demo run
// against, unless this machine has it already, and prints where it is. The
// version is pinned by the nested module tools/tidb.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/raftdm/raftdm/internal/testbed"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	path, err := testbed.TiDBBinary(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	fmt.Println("TiDB server:", path)
}
