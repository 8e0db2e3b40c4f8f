package testbed

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy forwards TCP connections from Addr to a target and can cut, slow and
// break them.
type Proxy struct {
	target string
	listen net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	cut    bool
	closed bool
	delay  time.Duration
	budget int64 // bytes until every connection breaks; -1: no limit
	conns  map[net.Conn]struct{}
}

// OpenProxy listens on a free port of 127.0.0.1 and forwards to target
// ("host:port").
func OpenProxy(target string) (*Proxy, error) {
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listen: l, budget: -1, conns: map[net.Conn]struct{}{}}
	p.wg.Add(1)
	go p.accept()
	return p, nil
}

// Addr gives the address to connect to.
func (p *Proxy) Addr() string { return p.listen.Addr().String() }

// Port gives the port of Addr.
func (p *Proxy) Port() int { return p.listen.Addr().(*net.TCPAddr).Port }

// Cut closes every connection and refuses new ones until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	p.dropLocked()
}

// Heal takes back Cut, Delay and DropAfter; connections that were closed stay closed.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.delay, p.budget = false, 0, -1
}

// Delay holds every piece of data back for d, in both directions.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// DropAfter lets n more bytes through, both directions counted together, and
// then cuts as Cut does.
func (p *Proxy) DropAfter(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget = n
}

// Drop closes every present connection; new ones are welcome.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropLocked()
}

// Close ends the proxy and its connections.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.dropLocked()
	p.mu.Unlock()
	err := p.listen.Close()
	p.wg.Wait()
	return err
}

func (p *Proxy) dropLocked() {
	for c := range p.conns {
		// Reset instead of an orderly end, as a broken network would look.
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // fails only on a connection that is closed already
		}
		c.Close()
	}
	clear(p.conns)
}

func (p *Proxy) accept() {
	defer p.wg.Done()
	for {
		in, err := p.listen.Accept()
		if err != nil {
			return // closed
		}
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			if err := p.serve(in); err != nil {
				in.Close()
			}
		}()
	}
}

// serve forwards one connection until one side ends it.
func (p *Proxy) serve(in net.Conn) error {
	if !p.keep(in) {
		return errors.New("cut")
	}
	defer p.forget(in)
	out, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return fmt.Errorf("target %s: %w", p.target, err)
	}
	if !p.keep(out) {
		out.Close()
		return errors.New("cut")
	}
	defer p.forget(out)
	ended := make(chan struct{}, 2) // one per direction
	var wg sync.WaitGroup
	wg.Go(func() { p.copy(out, in); ended <- struct{}{} })
	wg.Go(func() { p.copy(in, out); ended <- struct{}{} })
	<-ended // one direction ended: so does the other
	in.Close()
	out.Close()
	wg.Wait()
	return nil
}

func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut || p.closed {
		return false
	}
	p.conns[c] = struct{}{}
	return true
}

func (p *Proxy) forget(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// copy moves bytes until an end, an error or the proxy's faults stop it.
func (p *Proxy) copy(dst, src net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		allowed, delay := p.spend(n)
		if delay > 0 {
			<-time.After(delay)
		}
		if allowed > 0 {
			if _, err := dst.Write(buf[:allowed]); err != nil {
				return
			}
		}
		if allowed < n {
			p.Cut()
			return
		}
		if err != nil {
			return
		}
	}
}

// spend takes n bytes from the budget and tells how many of them may pass.
func (p *Proxy) spend(n int) (int, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.budget < 0 {
		return n, p.delay
	}
	allowed := int(min(int64(n), p.budget))
	p.budget -= int64(allowed)
	return allowed, p.delay
}
