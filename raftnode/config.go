package raftnode

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/hashicorp/raft"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/tlsconf"
)

// Member is one member of the group.
type Member struct {
	Name string
	Addr string // host:port that the other members reach it at
	// Voter: it votes and counts for the majority. Members of an initial
	// cluster all do.
	Voter bool
}

// Config describes a node. It holds nothing that changes while it runs.
type Config struct {
	// Name is unique in the cluster and stays with the data directory.
	Name string
	// DataDir is where everything is kept; created when missing.
	DataDir string
	// Listen is the address to bind, Advertise the one the others connect to.
	// An empty Advertise means Listen.
	Listen, Advertise string
	// InitialCluster names the members of a cluster that is founded, this one
	// included; every founder is given the same list. Empty: this node waits
	// to be added to a cluster. It is not looked at again once there is data.
	InitialCluster []Member
	Logger         *slog.Logger
	// TLS encrypts the connections between members, and keeps those without a
	// certificate out; nil: plain.
	TLS *tlsconf.Set

	// SecretKeys names the keys that this member opens secrets of the state with,
	// the one that it encrypts with first; empty for those that everybody has.
	SecretKeys []string

	// HeartbeatTimeout is how long followers bear silence, ElectionTimeout how
	// long candidates wait for votes, LeaseTimeout how long a leader leads
	// without hearing from a majority.
	HeartbeatTimeout, ElectionTimeout, LeaseTimeout time.Duration
	// ProposeTimeout bounds how long a request waits to be taken.
	ProposeTimeout time.Duration
	// RPCTimeout bounds one exchange between members.
	RPCTimeout time.Duration
	// TransferTimeout bounds a transfer of leadership, which has no bound of
	// its own when the receiver hangs.
	TransferTimeout time.Duration
	// DiskTimeout is how long one write may take before the disk counts as
	// hanging: a leader then hands over or stops.
	DiskTimeout time.Duration
	// SnapshotInterval is how often it is asked whether SnapshotEntries came
	// in since the last snapshot; TrailingEntries stay in the log after one
	// for followers that are a little behind.
	SnapshotInterval                 time.Duration
	SnapshotEntries, TrailingEntries uint64

	// Seams is for tests; programs leave it empty.
	Seams Seams
}

// Storage is where raft keeps its log, its term and its vote.
type Storage interface {
	raft.LogStore
	raft.StableStore
}

// State is the store as committed entries reach it.
type State interface {
	Apply(entries []fsm.Entry) ([]fsm.Result, error)
}

// Seams let a test stand between a node and the network or the disk. Each may be nil.
type Seams struct {
	// Transport replaces TCP and its handshake.
	Transport func(addr string) (raft.Transport, error)
	// Storage wraps what raft writes, State what the store does.
	Storage func(Storage) Storage
	State   func(State) State
}

// DefaultConfig gives the timings: a single node leads within a second, and
// three nodes have a new leader two seconds after theirs died (silence of one
// to two heartbeat timeouts, then an election).
func DefaultConfig() Config {
	return Config{
		HeartbeatTimeout: 500 * time.Millisecond,
		ElectionTimeout:  500 * time.Millisecond,
		LeaseTimeout:     400 * time.Millisecond,
		ProposeTimeout:   5 * time.Second,
		RPCTimeout:       5 * time.Second,
		TransferTimeout:  5 * time.Second,
		DiskTimeout:      3 * time.Second,
		SnapshotInterval: 30 * time.Second,
		SnapshotEntries:  8192,
		TrailingEntries:  8192,
	}
}

func (c Config) advertise() string {
	if c.Advertise == "" {
		return c.Listen
	}
	return c.Advertise
}

// Validate names everything that is wrong with the configuration.
func (c Config) Validate() error {
	var bad []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			bad = append(bad, fmt.Errorf(format, args...))
		}
	}
	need(c.Name != "", "name: it is empty")
	need(c.DataDir != "", "data-dir: it is empty")
	need(c.Logger != nil, "logger: there is none")
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		bad = append(bad, fmt.Errorf("listen address: %w", err))
	}
	if host, port, err := net.SplitHostPort(c.advertise()); err != nil {
		bad = append(bad, fmt.Errorf("advertised address: %w", err))
	} else {
		ip := net.ParseIP(host)
		need(host != "" && (ip == nil || !ip.IsUnspecified()) && port != "0",
			"advertised address %s: other members cannot connect to it", c.advertise())
	}
	for _, d := range []struct {
		name string
		v    time.Duration
	}{{"heartbeat timeout", c.HeartbeatTimeout}, {"election timeout", c.ElectionTimeout}, {"lease timeout", c.LeaseTimeout},
		{"propose timeout", c.ProposeTimeout}, {"rpc timeout", c.RPCTimeout}, {"transfer timeout", c.TransferTimeout},
		{"disk timeout", c.DiskTimeout}, {"snapshot interval", c.SnapshotInterval}} {
		need(d.v > 0, "%s: %s is not positive", d.name, d.v)
	}
	need(c.LeaseTimeout <= c.HeartbeatTimeout, "lease timeout: %s is above the heartbeat timeout %s", c.LeaseTimeout, c.HeartbeatTimeout)
	need(c.ElectionTimeout >= c.HeartbeatTimeout, "election timeout: %s is below the heartbeat timeout %s", c.ElectionTimeout, c.HeartbeatTimeout)
	return errors.Join(append(bad, c.validateCluster()...)...)
}

func (c Config) validateCluster() []error {
	if len(c.InitialCluster) == 0 {
		return nil
	}
	var bad []error
	names, addrs := map[string]bool{}, map[string]bool{}
	self := false
	for _, m := range c.InitialCluster {
		switch {
		case m.Name == "" || m.Addr == "":
			bad = append(bad, fmt.Errorf("initial-cluster: member %q with address %q is incomplete", m.Name, m.Addr))
		case names[m.Name]:
			bad = append(bad, fmt.Errorf("initial-cluster: the name %s occurs twice", m.Name))
		case addrs[m.Addr]:
			bad = append(bad, fmt.Errorf("initial-cluster: the address %s occurs twice", m.Addr))
		case m.Name == c.Name && m.Addr != c.advertise():
			bad = append(bad, fmt.Errorf("initial-cluster: it gives %s the address %s, but this process advertises %s", m.Name, m.Addr, c.advertise()))
		}
		names[m.Name], addrs[m.Addr] = true, true
		self = self || m.Name == c.Name
	}
	if !self {
		bad = append(bad, fmt.Errorf("initial-cluster: this member, %s, is not in it", c.Name))
	}
	return bad
}
