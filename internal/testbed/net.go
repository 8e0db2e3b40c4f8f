package testbed

import (
	"errors"
	"sync"
	"time"
)

// Net is a network between processes of this machine whose links can be cut
// and slowed one by one. Every listening port has a Gate before it, and that
// is the address which its process tells others; who connects to a gate is
// found out by the process that owns the other end of the connection.
//
// Names are those given to Join and Gate. A connection of a process that is
// none of them (dmctl, the test itself) obeys no rule.
type Net struct {
	wg      sync.WaitGroup
	closedC chan struct{}

	mu       sync.Mutex // guards the fields below
	pids     map[string]func() int
	gates    []*Gate
	rules    map[link]rule
	changedC chan struct{} // closed and replaced when rules change
}

// link is one direction of data between two processes.
type link struct{ from, to string }

// rule is what happens to the data of a link.
type rule struct {
	hold  bool // it waits, and so does whoever connects
	reset bool // connections break, and so do new ones
	delay time.Duration
	rate  int // bytes per second; 0: no limit
}

// Cut is a way in which a link is broken.
type Cut int

// The ways to cut a link. A hole takes all data in and gives none out; who
// connects hangs. One way, it takes what goes from the first to the second
// only. Reset breaks connections as a firewall that rejects them.
const (
	CutBoth Cut = iota
	CutOneWay
	CutReset
)

// String names the way.
func (c Cut) String() string { return [...]string{"both ways", "one way", "reset"}[c] }

// NewNet makes a network without gates.
func NewNet() *Net {
	return &Net{closedC: make(chan struct{}), pids: map[string]func() int{}, rules: map[link]rule{}, changedC: make(chan struct{})}
}

// Join names a process. pid gives its id at the moment, 0 for none.
func (n *Net) Join(name string, pid func() int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pids[name] = pid
}

// Cut breaks the link between two processes until Heal.
func (n *Net) Cut(from, to string, way Cut) {
	switch way {
	case CutBoth:
		n.set(rule{hold: true}, link{from, to}, link{to, from})
	case CutOneWay:
		n.set(rule{hold: true}, link{from, to})
	case CutReset:
		n.set(rule{reset: true}, link{from, to}, link{to, from})
		n.reset(from, to)
	}
}

// Slow lets the data between two processes wait, each piece (at most 32 KiB)
// for delay and for its share of rate bytes per second, until Heal.
func (n *Net) Slow(a, b string, delay time.Duration, rate int) {
	n.set(rule{delay: delay, rate: rate}, link{a, b}, link{b, a})
}

// Heal takes back what was done to the link of two processes. What was held
// goes on its way when release is set; else the connections are reset, as
// after an outage in which both ends gave up.
func (n *Net) Heal(a, b string, release bool) {
	if !release {
		n.reset(a, b)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.rules, link{a, b})
	delete(n.rules, link{b, a})
	n.changedLocked()
}

// HealAll is Heal for every link that has a rule, and opens rejected ports.
func (n *Net) HealAll(release bool) {
	n.mu.Lock()
	links := make([]link, 0, len(n.rules))
	for l := range n.rules {
		links = append(links, l)
	}
	gates := append([]*Gate(nil), n.gates...)
	n.mu.Unlock()
	for _, l := range links {
		n.Heal(l.from, l.to, release)
	}
	for _, g := range gates {
		g.reject(false)
	}
}

// Reject refuses every new connection to a process, whoever asks, until
// HealAll; connections that exist stay.
func (n *Net) Reject(name string) {
	n.mu.Lock()
	gates := append([]*Gate(nil), n.gates...)
	n.mu.Unlock()
	for _, g := range gates {
		if g.owner == name {
			g.reject(true)
		}
	}
}

// Close ends all gates and their connections.
func (n *Net) Close() error {
	n.mu.Lock()
	gates := n.gates
	n.gates = nil
	n.mu.Unlock()
	if gates == nil {
		return nil
	}
	close(n.closedC)
	var errs []error
	for _, g := range gates {
		errs = append(errs, g.shut())
	}
	n.wg.Wait()
	return errors.Join(errs...)
}

func (n *Net) set(r rule, links ...link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range links {
		n.rules[l] = r
	}
	n.changedLocked()
}

func (n *Net) changedLocked() {
	close(n.changedC)
	n.changedC = make(chan struct{})
}

// reset breaks the connections between two processes.
func (n *Net) reset(a, b string) {
	n.mu.Lock()
	gates := append([]*Gate(nil), n.gates...)
	n.mu.Unlock()
	for _, g := range gates {
		g.breakFrom(func(from string) bool {
			return g.owner == b && from == a || g.owner == a && from == b
		})
	}
}

// pass waits until bytes may go over a link. It answers false when they never
// will: the link is reset, or doneC was closed.
func (n *Net) pass(l link, bytes int, doneC <-chan struct{}) bool {
	waited := false
	for {
		n.mu.Lock()
		r, changedC := n.rules[l], n.changedC
		n.mu.Unlock()
		slow := r.delay
		if r.rate > 0 {
			slow += time.Duration(bytes) * time.Second / time.Duration(r.rate)
		}
		switch {
		case r.reset:
			return false
		case r.hold:
			select {
			case <-changedC:
			case <-doneC:
				return false
			}
		case slow > 0 && !waited:
			timer := time.NewTimer(slow)
			select {
			case <-timer.C:
				waited = true // look again: it may have been cut meanwhile
			case <-doneC:
				timer.Stop()
				return false
			}
		default:
			return true
		}
	}
}
