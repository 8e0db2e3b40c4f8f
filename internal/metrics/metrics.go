// Package metrics lets the units of many subtasks share DM's metric families:
// the first to need a family registers it, the others find it, and when a task
// goes its series go from all of them.
package metrics

import (
	"errors"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// vector is a family with labels, as far as taking series away needs it.
type vector interface {
	prometheus.Collector
	DeletePartialMatch(prometheus.Labels) int
}

// Families is a registerer that remembers its families. It is safe for
// concurrent use.
type Families struct {
	prometheus.Registerer

	mu      sync.Mutex
	vectors []vector // guarded by mu
}

// New remembers what is registered with reg through it.
func New(reg prometheus.Registerer) *Families { return &Families{Registerer: reg} }

// Register registers c and remembers it if it has labels.
func (f *Families) Register(c prometheus.Collector) error {
	if err := f.Registerer.Register(c); err != nil {
		return err
	}
	if v, ok := c.(vector); ok {
		f.mu.Lock()
		f.vectors = append(f.vectors, v)
		f.mu.Unlock()
	}
	return nil
}

// Forget takes away every series that has these labels.
func (f *Families) Forget(labels prometheus.Labels) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range f.vectors {
		v.DeletePartialMatch(labels)
	}
}

// Family registers a family, or finds the equal one that is registered
// already. Without a registry, or should it refuse, the family counts for
// nobody: a metric never stops a migration.
func Family[C prometheus.Collector](reg prometheus.Registerer, c C) C {
	if reg == nil {
		return c
	}
	var there prometheus.AlreadyRegisteredError
	if err := reg.Register(c); errors.As(err, &there) {
		if same, ok := there.ExistingCollector.(C); ok {
			return same
		}
	}
	return c
}
