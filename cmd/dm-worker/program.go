package main

import (
	"context"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/logging"
	"github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/internal/version"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/worker"
)

// run works until ctx ends or the masters refuse this worker for good.
func run(ctx context.Context, cfg config.WorkerConfig) error {
	tuneMemory()
	log, closer, err := logging.Open(cfg.Log)
	if err != nil {
		return err
	}
	defer closer.Close()
	log = log.With("worker", cfg.Name)
	log.Info("dm-worker starts", "version", version.Release, "addr", cfg.Addr, "join", cfg.Join)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	set, err := tlsconf.Load(cfg.Security, log)
	if err != nil {
		return &fault.Error{Op: "start dm-worker " + cfg.Name, Code: 40076, Kind: fault.KindOf(err), Err: err}
	}
	lis, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return &fault.Error{Op: "start dm-worker " + cfg.Name, Code: 40048, Kind: fault.Unavailable, Msg: "cannot listen on " + cfg.Addr, Err: err,
			Hint: "stop the process that has the address, or change worker-addr"}
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	cpu := metrics.NewCPU("worker")
	registry.MustRegister(cpu)
	w := worker.New(worker.Config{Name: cfg.Name, Log: log, Metrics: registry})
	handlers := rpc.NewWorker(cfg.Name, w, w).WithConfig(cfg.Encode())
	server := rpc.NewServer(rpc.ServerConfig{Register: func(s grpc.ServiceRegistrar) { handlers.Register(s) },
		Metrics: registry, Status: version.Text(), TLS: set, Log: log})
	session := rpc.NewSession(rpc.SessionConfig{
		Name: cfg.Name, Addr: cfg.AdvertiseAddr, Join: cfg.Join, TTL: cfg.KeepaliveTTL,
		Assign: w.Assign, Expire: w.Expire, Report: w.Report, Changed: w.Changed(), Log: log,
		DialOptions: []grpc.DialOption{rpc.WithTLS(set, nil)},
	})
	err = together(ctx, w, session, server, lis, cpu)
	log.Info("dm-worker ends", "reason", err)
	return err
}

// together runs the parts. The session outlives the worker: its goodbye gives
// the source away, so it may only be said when nothing is written any more.
func together(ctx context.Context, w *worker.Worker, session *rpc.Session, server *rpc.Server, lis net.Listener, cpu prometheus.Gauge) error {
	g, gctx := errgroup.WithContext(ctx)
	sessionCtx, goodbye := context.WithCancel(context.WithoutCancel(ctx))
	workerCtx, stop := context.WithCancel(gctx)
	g.Go(func() error {
		defer goodbye()
		return w.Run(workerCtx)
	})
	g.Go(func() error {
		defer stop() // without a session there is nothing to work for
		return session.Run(sessionCtx)
	})
	g.Go(func() error { return server.Run(gctx, lis) })
	g.Go(func() error { return metrics.MeasureCPU(gctx, cpu) })
	return g.Wait()
}
