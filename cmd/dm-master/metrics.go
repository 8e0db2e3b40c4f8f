package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/metrics"
)

// register adds a master's metrics and gives the counter of its terms.
func (m *master) register(r *prometheus.Registry) (terms prometheus.Counter) {
	terms = prometheus.NewCounter(prometheus.CounterOpts{Namespace: "dm", Subsystem: "master", Name: "start_leader_counter",
		Help: "how often this master began to lead"})
	r.MustRegister(terms, newWorkerStates(m.store, m.node.IsLeader),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.cpu = metrics.NewCPU("master")
	m.workerErrors = prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "dm", Subsystem: "master", Name: "worker_event_error",
		Help: "what went wrong in dealing with workers: handle is one of their requests, watch following what changes for them"}, []string{"type"})
	for _, kind := range []string{"handle", "watch"} {
		m.workerErrors.WithLabelValues(kind) // shown as 0 from the start
	}
	r.MustRegister(m.cpu, m.workerErrors)
	return terms
}

// workerStates shows dm_master_worker_state as of the moment it is asked.
// Only the leader shows it, as with DM: the sum over all masters is the number.
type workerStates struct {
	store   *fsm.Store
	leading func() bool
	desc    *prometheus.Desc
}

func newWorkerStates(store *fsm.Store, leading func() bool) *workerStates {
	return &workerStates{store: store, leading: leading, desc: prometheus.NewDesc("dm_master_worker_state",
		"state of the worker: 0 offline, 1 free, 2 bound", []string{"worker"}, nil)}
}

// Describe gives the one series.
func (w *workerStates) Describe(ch chan<- *prometheus.Desc) { ch <- w.desc }

// Collect derives the states from the agreed state.
func (w *workerStates) Collect(ch chan<- prometheus.Metric) {
	if !w.leading() {
		return
	}
	err := w.store.View(func(v *fsm.View) error {
		bound := map[fsm.WorkerName]bool{}
		for _, b := range v.Bindings() {
			bound[b.Worker] = true
		}
		for _, x := range v.Workers() {
			state := 0.0
			switch {
			case bound[x.Name]:
				state = 2
			case x.Session != 0:
				state = 1
			}
			ch <- prometheus.MustNewConstMetric(w.desc, prometheus.GaugeValue, state, string(x.Name))
		}
		return v.Err()
	})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(w.desc, err)
	}
}
