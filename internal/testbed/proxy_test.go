package testbed

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo listens and sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

// talk sends a message through a new connection and wants it back.
func talk(t *testing.T, addr string, size int) error {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(5*time.Second)))
	msg := bytes.Repeat([]byte("x"), size)
	if _, err := c.Write(msg); err != nil {
		return err
	}
	back := make([]byte, size)
	_, err = io.ReadFull(c, back)
	return err
}

func TestProxyFaultsAndHealing(t *testing.T) {
	p, err := OpenProxy(echo(t))
	must(t, err)
	defer func() { must(t, p.Close()) }()
	must(t, talk(t, p.Addr(), 1000))

	p.Cut()
	if talk(t, p.Addr(), 10) == nil {
		t.Error("a cut proxy forwards")
	}
	p.Heal()
	must(t, talk(t, p.Addr(), 10))

	p.DropAfter(1500)
	if talk(t, p.Addr(), 1000) == nil {
		t.Error("2000 bytes passed where 1500 were allowed")
	}
	p.Heal()
	p.Delay(150 * time.Millisecond)
	began := time.Now()
	must(t, talk(t, p.Addr(), 10))
	if d := time.Since(began); d < 300*time.Millisecond {
		t.Errorf("there and back took %s, want at least 300ms", d)
	}
}
