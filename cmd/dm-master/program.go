package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/logging"
	"github.com/raftdm/raftdm/internal/metrics"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/internal/version"
	"github.com/raftdm/raftdm/raftnode"
	"github.com/raftdm/raftdm/rpc"
	"github.com/raftdm/raftdm/scheduler"
)

// master is a running dm-master: the parts and what they hand to each other.
type master struct {
	cfg   config.MasterConfig
	log   *slog.Logger
	tls   *tlsconf.Set // nil: plain
	key   config.SecretKey
	store *fsm.Store
	feed  *feed.Feed
	node  *raftnode.Node
	// proposer is node, unless a test stands in between.
	proposer scheduler.Proposer
	// own is where this process itself reaches its port for clients.
	own          string
	cpu          prometheus.Gauge
	workerErrors *prometheus.CounterVec
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
	set, err := tlsconf.Load(cfg.Security, log)
	if err != nil {
		return &fault.Error{Op: "start dm-master " + cfg.Name, Code: 38051, Kind: fault.KindOf(err), Err: err}
	}
	key, err := config.ReadSecretKey(cfg.SecretKeyPath)
	if err != nil {
		return fault.Wrap("start dm-master "+cfg.Name, err)
	}
	m := &master{cfg: cfg, log: log, tls: set, key: key}
	// The port first: a master that cannot be reached must not join an election.
	lis, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return &fault.Error{Op: "start dm-master " + cfg.Name, Code: 38017, Kind: fault.Unavailable, Msg: "cannot listen on " + cfg.Addr, Err: err,
			Hint: "stop the process that has the address, or change master-addr"}
	}
	defer lis.Close()
	m.own = lis.Addr().String()
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
	nc.Logger, nc.TLS, nc.SecretKeys = m.log, m.tls, m.key.IDs()
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
	if err := m.readable(store); err != nil {
		return errors.Join(err, store.Close())
	}
	m.store, m.feed = store, feed.New(store)
	if m.node, err = raftnode.Open(ctx, nc, store); err != nil {
		m.feed.Close()
		return errors.Join(err, store.Close())
	}
	m.proposer = m.node
	return nil
}

// readable refuses to start with a key that cannot open the secrets that are in
// the data-dir already: as the leader this master would fail with every one of them.
func (m *master) readable(store *fsm.Store) error {
	return store.View(func(v *fsm.View) error {
		for _, s := range v.Sources() {
			if err := m.key.Missing(s.Config); err != nil {
				return fault.Wrap(fmt.Sprintf("start dm-master %s: source %s", m.cfg.Name, s.ID), err)
			}
		}
		for _, t := range v.Tasks() {
			for _, text := range t.Sources {
				if err := m.key.Missing(text); err != nil {
					return fault.Wrap(fmt.Sprintf("start dm-master %s: task %s", m.cfg.Name, t.Name), err)
				}
			}
		}
		return nil
	})
}

// closeWithin bounds closing the store, which waits for whoever reads it.
const closeWithin = 3 * time.Second

// close ends the parts. A disk that hangs does not keep the process: what is
// left open then ends with it.
func (m *master) close() error {
	err := m.node.Close() // bounded by itself
	m.feed.Close()
	closedC := make(chan error, 1)
	go func() { closedC <- m.store.Close() }()
	late := time.NewTimer(closeWithin)
	defer late.Stop()
	select {
	case cerr := <-closedC:
		return errors.Join(err, cerr)
	case <-late.C:
		return errors.Join(err, fault.New(fault.Unavailable, "the state in "+m.cfg.DataDir+" could not be closed in time"))
	}
}

// serve runs the services and, while this node leads, the scheduler.
func (m *master) serve(ctx context.Context, lis net.Listener) error {
	registry := prometheus.NewRegistry()
	terms := m.register(registry)
	leases := scheduler.NewLeases()
	handlers := rpc.NewMaster(rpc.MasterConfig{
		Name: m.cfg.Name, ConfigText: m.cfg.Encode(), Proposer: m.proposer, Reader: reader{m.node, m.store}, Feed: m.feed, Leases: leases,
		Cluster: members{m}, Group: group{m}, Checker: checker{}, Target: target{}, Explain: scheduler.WhyUnbound,
		WorkerTrouble: func(kind string) { m.workerErrors.WithLabelValues(kind).Inc() }, Key: m.key, TLS: m.tls, Log: m.log,
	})
	server := rpc.NewServer(rpc.ServerConfig{
		Register: func(s grpc.ServiceRegistrar) { handlers.Register(s) }, Master: handlers,
		Metrics: registry, Status: version.Text(), Health: m.health, TLS: m.tls, Log: m.log,
	})
	loop := scheduler.New(m.store, m.feed, m.node, leases, tcpProber{}, m.log)

	// Requests are served until leadership is handed over, so that those under
	// way are taken to the next leader.
	served, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, gctx := errgroup.WithContext(served)
	g.Go(func() error { return server.Run(gctx, lis) })
	g.Go(func() error {
		return m.node.WhileLeading(gctx, func(ctx context.Context, term uint64) error {
			m.log.Info("this master leads", "term", term)
			terms.Inc()
			return loop.Run(ctx)
		})
	})
	g.Go(func() error {
		if err := m.joinCluster(gctx); err != nil {
			return err
		}
		return m.belong(gctx)
	})
	g.Go(func() error { return metrics.MeasureCPU(gctx, m.cpu) })
	g.Go(func() error { return m.untilStopped(ctx, gctx, stop) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ctx.Err()
	}
	return err
}

// handOverIn bounds handing leadership to another master when this one stops.
const handOverIn = 2 * time.Second

// untilStopped waits until the program is to end or the node has failed. A
// leader that is to end first makes another master lead: that takes
// milliseconds, an election more than a second.
func (m *master) untilStopped(ctx, served context.Context, stop func()) error {
	select {
	case <-served.Done():
		return served.Err()
	case <-m.node.Done():
		return fmt.Errorf("the raft node has stopped: %w", m.node.Err())
	case <-ctx.Done():
	}
	if m.node.IsLeader() && m.otherVoters() {
		hctx, cancel := context.WithTimeout(served, handOverIn)
		defer cancel()
		if err := m.node.TransferLeadership(hctx, ""); err != nil {
			m.log.Warn("nobody took leadership over, the others will elect", "err", err)
		}
	}
	stop()
	return ctx.Err()
}

func (m *master) otherVoters() bool {
	list, err := m.node.Members()
	return err == nil && slices.ContainsFunc(list, func(x raftnode.Member) bool { return x.Voter && x.Name != m.cfg.Name })
}

// health tells whether this master could serve a request now.
func (m *master) health(context.Context) error {
	if trouble := m.node.Trouble(); trouble != "" {
		return fault.New(fault.Unavailable, trouble)
	}
	if name, _ := m.node.Leader(); name == "" {
		return fault.New(fault.Unavailable, "no master leads at the moment")
	}
	if s, err := m.standing(); err != nil || !s.voter {
		return fault.New(fault.Unavailable, "this master receives the log and has no vote yet")
	}
	return nil
}
