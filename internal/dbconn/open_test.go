package dbconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/testbed"
)

// TestCancelledWhileConnecting: whenever the caller gives up, before or after the
// server has what was sent last, Open says just that.
func TestCancelledWhileConnecting(t *testing.T) {
	onBoth(t, func(t *testing.T, server *testbed.Server) {
		cancelled := 0
		for n := 0; ; n++ {
			err := openCancelled(t, server, n)
			if err == nil && n > 0 {
				break
			}
			cancelled++
			if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Cancelled) {
				t.Errorf("cancelled behind %d packets: %v", n, err)
			}
		}
		if cancelled < 5 {
			t.Errorf("only %d moments were tried", cancelled)
		}
	})
}

// openCancelled opens through a proxy that ends the context when the client has
// sent something n times and the server has answered all but the last.
func openCancelled(t *testing.T, server *testbed.Server, n int) error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		sent := 0
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", server.Addr())
			if err != nil {
				client.Close()
				return
			}
			go func() { _, _ = io.Copy(client, up); client.Close() }()
			buf := make([]byte, 1<<16)
			for {
				if sent == n {
					cancel()
				}
				k, err := client.Read(buf)
				if err != nil {
					break
				}
				sent++
				if _, err := up.Write(buf[:k]); err != nil {
					break
				}
			}
			up.Close()
		}
	}()
	cfg := server.Config()
	cfg.Host, cfg.Port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
	db, err := dbconn.Open(ctx, fault.Downstream, cfg, dbconn.Options{})
	if err == nil {
		return db.Close()
	}
	return err
}
