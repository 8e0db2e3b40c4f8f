package config

import (
	"errors"
	"log/slog"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
)

var errSoon = fault.New(fault.Unsupported, "not supported yet")

// Results of ParseMaster and ParseWorker that are no failure.
var (
	ErrVersion     = errors.New("version asked for")
	ErrPrintSample = errors.New("sample configuration asked for")
	ErrHelp        = errors.New("help asked for")
)

// Log is how a program logs.
type Log struct {
	Level  slog.Level
	File   string // "": standard output
	Format string // "text" or "json"
}

// Member is one master of initial-cluster.
type Member struct {
	Name string
	Peer string // host:port of its peer address
}

// MasterConfig is how to run a master.
type MasterConfig struct {
	Name           string
	Addr           string // listen address for clients and workers, host:port
	AdvertiseAddr  string // the same as others see it
	PeerAddr       string // listen address for masters, host:port
	AdvertisePeer  string // the same as others see it
	InitialCluster []Member
	DataDir        string
	RPCTimeout     time.Duration
	Log            Log
	Warnings       []string
}

// ParseMaster reads dm-master's arguments (without the program's name) and the
// file they name.
func ParseMaster(args []string) (MasterConfig, error) { return MasterConfig{}, errSoon }

// WorkerConfig is how to run a worker.
type WorkerConfig struct {
	Name              string
	Addr              string
	AdvertiseAddr     string
	Join              []string // host:port of masters
	KeepaliveTTL      time.Duration
	RelayKeepaliveTTL time.Duration
	Log               Log
	Warnings          []string
}

// ParseWorker reads dm-worker's arguments (without the program's name) and the
// file they name.
func ParseWorker(args []string) (WorkerConfig, error) { return WorkerConfig{}, errSoon }

// DmctlConfig is dmctl's file.
type DmctlConfig struct {
	MasterAddrs []string
	RPCTimeout  time.Duration
}

// DecodeDmctl reads dmctl's file.
func DecodeDmctl(file string, data []byte) (DmctlConfig, error) { return DmctlConfig{}, errSoon }
