package config

import (
	"errors"
	"log/slog"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
)

// Task is a task file, validated, with its defaults filled in and its rule
// references resolved.
type Task struct {
	Name          string
	Mode          Mode
	MetaSchema    string
	Timezone      string
	CaseSensitive bool
	CleanDumpFile bool
	Target        Database
	// IgnoreChecks are the ignore-checking-items.
	IgnoreChecks []string
	Instances    []Instance
}

// Instance is one entry of mysql-instances.
type Instance struct {
	SourceID  string
	Start     *StartPoint
	RulesName string
	Rules     filter.Rules
	Dump      Dump
	Load      Load
	Sync      Sync
}

var errSoon = fault.New(fault.Unsupported, "not supported yet")

// DecodeSource reads a source file.
func DecodeSource(file string, data []byte) (Source, []string, error) { return Source{}, nil, errSoon }

// Encode gives YAML that DecodeSource reads as the same value.
func (s Source) Encode() string { return "" }

// DecodeTask reads a task file.
func DecodeTask(file string, data []byte) (Task, []string, error) { return Task{}, nil, errSoon }

// Sources lists the source ids in the order of mysql-instances.
func (t Task) Sources() []string { return nil }

// Subtask gives the part of the task that runs for src.
func (t Task) Subtask(src Source) (Subtask, error) { return Subtask{}, errSoon }

// TaskName gives the name in a task file, which is otherwise not validated.
func TaskName(file string, data []byte) (string, error) { return "", errSoon }

// Encrypt gives the ciphertext that dmctl encrypt prints; a new one each time.
func Encrypt(plain string) (string, error) { return "", errSoon }

// Decrypt reads a ciphertext of Encrypt or of DM's dmctl.
func Decrypt(cipher string) (string, error) { return "", errSoon }

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
