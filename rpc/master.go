package rpc

import (
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/fsm/feed"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/tlsconf"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// MasterConfig is what a Master needs; every field but ConfigText, Key and TLS must be set.
type MasterConfig struct {
	// Name is this master's name.
	Name string
	// ConfigText is what GetMasterCfg answers: the configuration as TOML
	// without secrets. Empty: not supported.
	ConfigText string
	Proposer   Proposer
	Reader     Reader
	Feed       *feed.Feed
	Leases     Leases
	Cluster    Cluster
	Group      Group
	Checker    Checker
	Target     Target
	// Explain says in a sentence why a source has no worker, "" when it has one.
	Explain func(*fsm.View, fsm.SourceID) string
	// WorkerTrouble counts what went wrong in dealing with a worker: "handle" is
	// one of its requests, "watch" following what changes for it.
	WorkerTrouble func(kind string)
	// Key encrypts the secrets of sources and tasks.
	Key config.SecretKey
	// TLS is how to connect to other masters; nil: plain.
	TLS *tlsconf.Set
	Log *slog.Logger
}

// Master serves pb.Master, the masters' side of worker sessions, what masters
// ask each other, and the stream of changes.
type Master struct {
	pb.UnimplementedMasterServer
	cfg      MasterConfig
	reports  *reports
	sessions *sessions

	mu      sync.Mutex
	latch   map[string]held // guarded by mu: tasks under an operation
	cluster string          // guarded by mu: the cluster's id once it is known
	wishes  *wishes         // guarded by mu: those asked for last
	// noted is when refusals were noted last; guarded by mu.
	noted map[string]time.Time
}

// NewMaster makes the handlers of a master.
func NewMaster(cfg MasterConfig) *Master {
	m := &Master{cfg: cfg, reports: newReports(), latch: map[string]held{}}
	m.sessions = &sessions{m: m}
	return m
}

// dial connects to another master or a worker as this cluster does.
func (m *Master) dial(addr string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	return Dial(addr, append([]grpc.DialOption{WithTLS(m.cfg.TLS, nil)}, opts...)...)
}

// Register adds the services to a server.
func (m *Master) Register(s grpc.ServiceRegistrar) {
	pb.RegisterMasterServer(s, m)
	clusterpb.RegisterSessionsServer(s, m.sessions)
	clusterpb.RegisterMembersServer(s, &memberServer{m: m})
	clusterpb.RegisterChangesServer(s, &changeServer{m: m})
	clusterpb.RegisterOperatorServer(s, &operatorServer{m: m})
}
