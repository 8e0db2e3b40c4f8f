package config

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Member is one master of initial-cluster.
type Member struct {
	Name string
	Peer string // host:port of its peer address
}

// MasterConfig is how to run a master. How it comes to its cluster when its
// data directory is empty is one of three: it founds one with InitialCluster,
// it asks the masters of Join, or, when both are empty, it must not start. With
// a data directory that is not empty, neither counts.
type MasterConfig struct {
	Name           string
	Addr           string   // listen address for clients and workers, host:port
	AdvertiseAddr  string   // the same as others see it
	PeerAddr       string   // listen address for masters, host:port
	AdvertisePeer  string   // the same as others see it
	InitialCluster []Member // the founders in the order given, this one included
	Join           []string // client addresses, host:port, of other masters; then InitialCluster is empty
	DataDir        string
	Log            Log
	Security       Security `json:",omitzero"` // of all its connections with other components
	SecretKeyPath  string   `json:",omitzero"` // file with the key that secrets are encrypted with; "": DM's public key
	// Warnings are remarks about settings without effect, to be logged.
	Warnings []string
}

// masterFile is a master's file; its flags are bound to the same fields.
type masterFile struct {
	common

	MasterAddr          string `toml:"master-addr"`
	PeerURLs            string `toml:"peer-urls"`
	AdvertisePeerURLs   string `toml:"advertise-peer-urls"`
	InitialCluster      string `toml:"initial-cluster"`
	InitialClusterState string `toml:"initial-cluster-state"`
	DataDir             string `toml:"data-dir"`
	RPCTimeout          string `toml:"rpc-timeout"`
	V1SourcesPath       string `toml:"v1-sources-path"`
	SecretKeyPath       string `toml:"secret-key-path"`
	Experimental        struct {
		OpenAPI bool `toml:"openapi"`
	} `toml:"experimental"`

	// Knobs of DM's store and client, for which there is no counterpart.
	RPCRateLimit            float64 `toml:"rpc-rate-limit"`
	RPCRateBurst            int64   `toml:"rpc-rate-burst"`
	MaxTxnOps               int64   `toml:"max-txn-ops"`
	MaxRequestBytes         int64   `toml:"max-request-bytes"`
	AutoCompactionMode      string  `toml:"auto-compaction-mode"`
	AutoCompactionRetention string  `toml:"auto-compaction-retention"`
	QuotaBackendBytes       int64   `toml:"quota-backend-bytes"`
}

// standardRPCTimeout is how long DM's masters wait for a worker. Ours never call
// one: workers come to them.
const standardRPCTimeout = "30s"

const masterOp = "configure dm-master"

func masterCodes() programCodes {
	return programCodes{parseFlag: 38010, invalid: 38012, read: 38013, unknownKey: 38011, listen: 38035, advertise: 38042}
}

func masterFlags(m *masterFile) *flag.FlagSet {
	fs := flag.NewFlagSet("dm-master", flag.ContinueOnError)
	m.flags(fs)
	fs.StringVar(&m.MasterAddr, "master-addr", "", "`host:port` to listen on for clients and workers")
	fs.StringVar(&m.PeerURLs, "peer-urls", "http://127.0.0.1:8291", "`URL` to listen on for other masters")
	fs.StringVar(&m.AdvertisePeerURLs, "advertise-peer-urls", "", "`URL` that other masters reach this one at (default: peer-urls)")
	fs.StringVar(&m.InitialCluster, "initial-cluster", "", "founders of a new cluster as `name=URL,...`, the same list on each (default: this master alone)")
	fs.StringVar(&m.Join, "join", "", "advertised `addresses` of masters of the cluster to join, separated by commas; instead of initial-cluster")
	fs.StringVar(&m.DataDir, "data-dir", "", "directory for the cluster's state (default: default.{name})")
	fs.StringVar(&m.V1SourcesPath, "v1-sources-path", "", "sources of a version 1.0 cluster to import (not supported yet)")
	fs.StringVar(&m.SecretKeyPath, "secret-key-path", "", "`file` with the key that passwords are encrypted with, the same on all masters (default: DM's key, which is public)")
	fs.Int64Var(&m.MaxTxnOps, "max-txn-ops", 0, "accepted, no effect")
	fs.Int64Var(&m.MaxRequestBytes, "max-request-bytes", 0, "accepted, no effect")
	fs.StringVar(&m.AutoCompactionMode, "auto-compaction-mode", "", "accepted, no effect")
	fs.StringVar(&m.AutoCompactionRetention, "auto-compaction-retention", "", "accepted, no effect")
	fs.Int64Var(&m.QuotaBackendBytes, "quota-backend-bytes", 0, "accepted, no effect")
	return fs
}

// MasterUsage is the text of dm-master -help.
func MasterUsage() string { return usage(masterFlags(&masterFile{})) }

// ParseMaster reads dm-master's arguments, without the program's name, and the
// file they name. ErrVersion, ErrPrintSample and ErrHelp are answers, not failures.
func ParseMaster(args []string) (MasterConfig, error) {
	m := &masterFile{RPCTimeout: standardRPCTimeout}
	if err := parseProgram(masterFlags(m), &m.common, m, args, masterCodes()); err != nil {
		return MasterConfig{}, err
	}
	if err := m.unsupported(); err != nil {
		return MasterConfig{}, err
	}
	return m.resolve()
}

// unsupported refuses what would change the cluster and cannot be done yet.
func (m *masterFile) unsupported() error {
	for _, k := range []struct {
		key string
		set bool
	}{
		{"peer-urls with more than one URL", len(splitList(m.PeerURLs)) > 1},
		{"advertise-peer-urls with more than one URL", len(splitList(m.AdvertisePeerURLs)) > 1},
		{"v1-sources-path", m.V1SourcesPath != ""},
		{"experimental.openapi", m.Experimental.OpenAPI},
	} {
		if k.set {
			return notYet(masterOp, k.key)
		}
	}
	return nil
}

func (m *masterFile) resolve() (MasterConfig, error) {
	codes := masterCodes()
	c := MasterConfig{Name: m.Name, DataDir: m.DataDir, SecretKeyPath: m.SecretKeyPath}
	var err error
	if c.Log, err = m.log(masterOp, codes.invalid); err != nil {
		return MasterConfig{}, err
	}
	if _, err = positiveDuration(masterOp, 38014, "rpc-timeout", m.RPCTimeout); err != nil {
		return MasterConfig{}, err
	}
	if c.Name == "" {
		host, err := os.Hostname()
		if err != nil {
			return MasterConfig{}, &fault.Error{Op: masterOp, Code: 38036, Msg: "this machine's host name is unknown", Hint: "set the key name", Err: err}
		}
		c.Name = "dm-master-" + host
	}
	if c.DataDir == "" {
		c.DataDir = "default." + c.Name
	}
	for _, k := range []struct {
		key string
		n   int64
	}{{"max-txn-ops", m.MaxTxnOps}, {"max-request-bytes", m.MaxRequestBytes}, {"quota-backend-bytes", m.QuotaBackendBytes}} {
		if k.n < 0 {
			return MasterConfig{}, keyFault(masterOp, codes.invalid, k.key, "expected a whole number from 0 on, got %d", k.n)
		}
	}
	if mode := m.AutoCompactionMode; mode != "" && mode != "periodic" && mode != "revision" {
		return MasterConfig{}, keyFault(masterOp, codes.invalid, "auto-compaction-mode", "expected periodic or revision, got %q", mode)
	}
	if c.Security, err = m.security(masterOp, 38051); err != nil {
		return MasterConfig{}, err
	}
	for _, k := range []struct{ key, urls string }{{"master-addr", m.MasterAddr}, {"advertise-addr", m.AdvertiseAddr},
		{"peer-urls", m.PeerURLs}, {"advertise-peer-urls", m.AdvertisePeerURLs}, {"initial-cluster", m.InitialCluster}} {
		if err := secure(masterOp, codes.invalid, c.Security, k.key, k.urls); err != nil {
			return MasterConfig{}, err
		}
	}
	if c.Addr, err = listenAddress(masterOp, codes.listen, "master-addr", m.MasterAddr, "advertise-addr", m.AdvertiseAddr); err != nil {
		return MasterConfig{}, err
	}
	c.AdvertiseAddr = c.Addr
	if m.AdvertiseAddr != "" {
		if c.AdvertiseAddr, err = advertisedAddress(masterOp, codes.advertise, "advertise-addr", m.AdvertiseAddr); err != nil {
			return MasterConfig{}, err
		}
	}
	if err := m.peers(&c); err != nil {
		return MasterConfig{}, err
	}
	if err := m.membership(&c); err != nil {
		return MasterConfig{}, err
	}
	c.Warnings = append(c.Warnings, m.warnings()...)
	return c, nil
}

// Encode gives TOML that ParseMaster reads as the same value. There is no secret
// in a master's configuration.
func (c MasterConfig) Encode() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s = %s\n", key, tomlText(value)) }
	line("name", c.Name)
	line("master-addr", c.Addr)
	line("advertise-addr", c.AdvertiseAddr)
	line("peer-urls", scheme(c.Security)+c.PeerAddr)
	line("advertise-peer-urls", scheme(c.Security)+c.AdvertisePeer)
	switch {
	case len(c.Join) > 0:
		line("join", strings.Join(c.Join, ","))
	case len(c.InitialCluster) > 0:
		line("initial-cluster", memberList(c.Security, c.InitialCluster))
	default:
		line("initial-cluster-state", stateExisting)
	}
	line("data-dir", c.DataDir)
	line("log-level", c.Log.level())
	line("log-format", c.Log.Format)
	line("log-file", c.Log.File)
	if c.SecretKeyPath != "" {
		line("secret-key-path", c.SecretKeyPath)
	}
	b.WriteString(encodeSecurity(c.Security, line))
	return b.String()
}

// peers reads the addresses for other masters.
func (m *masterFile) peers(c *MasterConfig) error {
	const listenCode, advertiseCode = 38039, 38050
	var err error
	if c.PeerAddr, err = listenAddress(masterOp, listenCode, "peer-urls", m.PeerURLs, "advertise-peer-urls", m.AdvertisePeerURLs); err != nil {
		return err
	}
	c.AdvertisePeer = c.PeerAddr
	if m.AdvertisePeerURLs != "" {
		if c.AdvertisePeer, err = advertisedAddress(masterOp, advertiseCode, "advertise-peer-urls", m.AdvertisePeerURLs); err != nil {
			return err
		}
	}
	return nil
}

// warnings names the settings that were given and have no effect.
func (m *masterFile) warnings() []string {
	var out []string
	for _, k := range []struct {
		key string
		set bool
	}{
		{"rpc-rate-limit", m.RPCRateLimit != 0},
		{"rpc-rate-burst", m.RPCRateBurst != 0},
		{"max-txn-ops", m.MaxTxnOps != 0},
		{"max-request-bytes", m.MaxRequestBytes != 0},
		{"auto-compaction-mode", m.AutoCompactionMode != ""},
		{"auto-compaction-retention", m.AutoCompactionRetention != ""},
		{"quota-backend-bytes", m.QuotaBackendBytes != 0},
	} {
		if k.set {
			out = append(out, k.key+" has no effect: the cluster's state is kept in another store than DM's")
		}
	}
	if m.RPCTimeout != standardRPCTimeout {
		out = append(out, "rpc-timeout has no effect: masters do not call workers, workers hold a connection to them")
	}
	if m.LogRotate != "" {
		out = append(out, "log-rotate has no effect")
	}
	return out
}
