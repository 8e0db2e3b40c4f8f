package metrics

import (
	"context"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cpuEvery is over how long a CPU usage is the average.
const cpuEvery = 10 * time.Second

// NewCPU makes the gauge of a program's CPU usage, "master" or "worker".
func NewCPU(program string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "dm", Subsystem: program, Name: "cpu_usage",
		Help: "the CPU usage of this process in per cent of one core"})
}

// MeasureCPU keeps such a gauge up to date until ctx ends.
func MeasureCPU(ctx context.Context, g prometheus.Gauge) error {
	tick := time.NewTicker(cpuEvery)
	defer tick.Stop()
	last, at := cpuTime(), time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, then := cpuTime(), at
		at = time.Now()
		g.Set(100 * float64(now-last) / float64(at.Sub(then)))
		last = now
	}
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it cannot fail with these arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
