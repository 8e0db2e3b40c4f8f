package testbed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// whoIs names the process at the other end of an accepted connection, "" when
// it is none that joined.
func (n *Net) whoIs(c net.Conn) string {
	remote, ok := c.RemoteAddr().(*net.TCPAddr)
	local, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok || !ok2 {
		return ""
	}
	inode := inodeOf(remote.Port, local.Port)
	if inode == "" {
		return "" // it is gone already
	}
	n.mu.Lock()
	pids := map[string]int{}
	for name, pid := range n.pids {
		pids[name] = pid()
	}
	n.mu.Unlock()
	for name, pid := range pids {
		if pid != 0 && holds(pid, inode) {
			return name
		}
	}
	return ""
}

// sockets calls f with the fields of every line of /proc/net/tcp until f
// answers true.
func sockets(f func(local, remote int, state, inode string) bool) {
	raw, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return // no such kernel: everybody is a stranger
	}
	for line := range bytes.Lines(raw) {
		fields := strings.Fields(string(line))
		if len(fields) < 10 {
			continue
		}
		local, remote := hexPort(fields[1]), hexPort(fields[2])
		if local >= 0 && f(local, remote, fields[3], fields[9]) {
			return
		}
	}
}

// hexPort reads the port of "0100007F:1F90", -1 when there is none.
func hexPort(addr string) int {
	_, port, ok := strings.Cut(addr, ":")
	n, err := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil {
		return -1
	}
	return int(n)
}

// listening tells whether a process listens on a port of 127.0.0.1.
func listening(port int) bool {
	found := false
	sockets(func(local, _ int, state, _ string) bool {
		found = local == port && state == "0A"
		return found
	})
	return found
}

// inodeOf gives the inode of the socket that is bound to one port and
// connected to another, "" when there is none.
func inodeOf(local, remote int) string {
	found := ""
	sockets(func(l, r int, _, inode string) bool {
		if l == local && r == remote && inode != "0" {
			found = inode
		}
		return found != ""
	})
	return found
}

// holds tells whether a process has a socket open.
func holds(pid int, inode string) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return false // it ended
	}
	want := "socket:[" + inode + "]"
	for _, fd := range list {
		if to, err := os.Readlink(dir + "/" + fd.Name()); err == nil && to == want {
			return true
		}
	}
	return false
}

// handshake finds the connection's number in the first packet of a MySQL
// server: a header of 4 bytes, protocol 10, the version's text, 0, 4 bytes.
type handshake struct {
	seen []byte
	done bool
}

// read takes the next bytes; it answers the number once.
func (h *handshake) read(b []byte) (id uint64, ok bool) {
	if h.done {
		return 0, false
	}
	h.seen = append(h.seen, b...)
	const header, longest = 4, 256
	if len(h.seen) <= header {
		return 0, false
	}
	if h.seen[header] != 10 || len(h.seen) > longest+len(b) {
		h.done = true // another protocol
		return 0, false
	}
	end := bytes.IndexByte(h.seen[header+1:], 0)
	if end < 0 || len(h.seen) < header+1+end+1+4 {
		return 0, false
	}
	h.done = true
	at := header + 1 + end + 1
	return uint64(binary.LittleEndian.Uint32(h.seen[at:])), true
}
