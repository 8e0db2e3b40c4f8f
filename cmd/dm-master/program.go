package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/logging"
	"github.com/raftdm/raftdm/internal/version"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/scheduler"
)

// master is a running dm-master: the parts and what they hand to each other.
type master struct {
	cfg   config.MasterConfig
	log   *slog.Logger
	store *fsm.Store
	feed  *feed.Feed
	node  *raftnode.Node
}

// run works until ctx ends or the node fails.
func run(ctx context.Context, cfg config.MasterConfig) (err error) {
	log, closer, err := logging.Open(cfg.Log)
	if err != nil {
		return err
	}
	defer closer.Close()
	log = log.With("master", cfg.Name)
	log.Info("dm-master starts", "version", version.Release, "addr", cfg.Addr, "peer", cfg.PeerAddr, "data-dir", cfg.DataDir)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	m := &master{cfg: cfg, log: log}
	// The port first: a master that cannot be reached must not join an election.
	lis, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return &fault.Error{Op: "start dm-master " + cfg.Name, Kind: fault.Unavailable, Msg: "cannot listen on " + cfg.Addr, Err: err,
			Hint: "stop the process that has the address, or change master-addr"}
	}
	defer lis.Close()
	if err := m.open(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	err = m.serve(ctx, lis)
	log.Info("dm-master ends", "reason", err)
	return err
}

// nodeConfig is the part of the configuration that raft needs.
func (m *master) nodeConfig() raftnode.Config {
	nc := raftnode.DefaultConfig()
	nc.Name, nc.DataDir = m.cfg.Name, m.cfg.DataDir
	nc.Listen, nc.Advertise = m.cfg.PeerAddr, m.cfg.AdvertisePeer
	nc.Logger = m.log
	for _, x := range m.cfg.InitialCluster {
		nc.InitialCluster = append(nc.InitialCluster, raftnode.Member{Name: x.Name, Addr: x.Peer, Voter: true})
	}
	return nc
}

func (m *master) open(ctx context.Context) error {
	nc := m.nodeConfig()
	store, err := raftnode.OpenStore(nc)
	if err != nil {
		return err
	}
	m.store, m.feed = store, feed.New(store)
	if m.node, err = raftnode.Open(ctx, nc, store); err != nil {
		m.feed.Close()
		return errors.Join(err, store.Close())
	}
	return nil
}

func (m *master) close() error {
	err := m.node.Close()
	m.feed.Close()
	return errors.Join(err, m.store.Close())
}

// serve runs the services and, while this node leads, the scheduler.
func (m *master) serve(ctx context.Context, lis net.Listener) error {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	terms := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "dm", Subsystem: "master", Name: "start_leader_counter",
		Help: "how often this master began to lead"})
	registry.MustRegister(terms, newWorkerStates(m.store))

	leases := scheduler.NewLeases()
	handlers := rpc.NewMaster(rpc.MasterConfig{
		Name: m.cfg.Name, ConfigText: m.cfg.Encode(), Proposer: m.node, Reader: reader{m.node, m.store}, Feed: m.feed, Leases: leases,
		Cluster: members{m}, Checker: checker{}, Target: target{}, Explain: scheduler.WhyUnbound, Log: m.log,
	})
	server := rpc.NewServer(rpc.ServerConfig{
		Register: func(s grpc.ServiceRegistrar) { handlers.Register(s) }, Master: handlers,
		Metrics: registry, Status: version.Text(), Health: m.health, Log: m.log,
	})
	loop := scheduler.New(m.store, m.feed, m.node, leases, tcpProber{}, m.log)

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Run(ctx, lis) })
	g.Go(func() error {
		return m.node.WhileLeading(ctx, func(ctx context.Context, term uint64) error {
			m.log.Info("this master leads", "term", term)
			terms.Inc()
			return loop.Run(ctx)
		})
	})
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.node.Done():
			return fmt.Errorf("the raft node has stopped: %w", m.node.Err())
		}
	})
	return g.Wait()
}

// health tells whether this master could serve a request now.
func (m *master) health(context.Context) error {
	if name, _ := m.node.Leader(); name == "" {
		return fault.New(fault.Unavailable, "no master leads at the moment")
	}
	return nil
}
