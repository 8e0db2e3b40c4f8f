package dbconn

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDeadPeersAreNoticed: the kernel is told to give up on a silent peer.
func TestDeadPeersAreNoticed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dial(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	get := func(level, name int) (value int) {
		t.Helper()
		var failed error
		if err := raw.Control(func(fd uintptr) { value, failed = unix.GetsockoptInt(int(fd), level, name) }); err != nil || failed != nil {
			t.Fatal(err, failed)
		}
		return value
	}
	if on, ms := get(unix.SOL_SOCKET, unix.SO_KEEPALIVE), get(unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT); on == 0 || ms != int(unheard.Milliseconds()) {
		t.Errorf("keep-alive %d, user timeout %d ms", on, ms)
	}
}
