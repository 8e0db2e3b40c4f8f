package rpc

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
)

// workerStates gives dm_master_worker_state when it is scraped, so that it
// never disagrees with the state; only the leader shows it.
type workerStates struct {
	m    *Master
	desc *prometheus.Desc
}

// Collector gives the metrics about workers, to be registered on masters.
func (m *Master) Collector() prometheus.Collector {
	return workerStates{m: m, desc: prometheus.NewDesc("dm_master_worker_state",
		"state of the worker: 0 offline, 1 free, 2 bound", []string{"worker"}, nil)}
}

// Describe implements prometheus.Collector.
func (c workerStates) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector.
func (c workerStates) Collect(out chan<- prometheus.Metric) {
	if !c.m.cfg.Cluster.IsLeader() {
		return
	}
	var workers []fsm.Worker
	stages := map[fsm.WorkerName]string{}
	err := c.m.cfg.Reader.View(func(v *fsm.View) error {
		workers = v.Workers()
		for _, w := range workers {
			b, _ := v.BindingOf(w.Name)
			stages[w.Name] = workerStage(w, b)
		}
		return nil
	})
	if err != nil {
		out <- prometheus.NewInvalidMetric(c.desc, err)
		return
	}
	values := map[string]float64{stageOffline: 0, stageFree: 1, stageBound: 2}
	for _, w := range workers {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, values[stages[w.Name]], string(w.Name))
	}
}
