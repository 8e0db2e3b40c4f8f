package config

import (
	"flag"
	"fmt"
	"strings"
	"time"
)

// WorkerConfig is how to run a worker.
type WorkerConfig struct {
	Name          string
	Addr          string   // listen address, host:port
	AdvertiseAddr string   // the same as masters see it
	Join          []string // host:port of masters, at least one
	// KeepaliveTTL is how long the cluster waits for a silent worker before it
	// gives its source to another one.
	KeepaliveTTL time.Duration
	Log          Log
	Security     Security `json:",omitzero"` // of all its connections with other components
	// Warnings are remarks about settings without effect, to be logged.
	Warnings []string
}

// workerFile is a worker's file; its flags are bound to the same fields.
type workerFile struct {
	common

	WorkerAddr        string `toml:"worker-addr"`
	KeepaliveTTL      int64  `toml:"keepalive-ttl"`
	RelayKeepaliveTTL int64  `toml:"relay-keepalive-ttl"`
}

// standardRelayTTL is DM's relay-keepalive-ttl, in seconds.
const standardRelayTTL = 1800

const workerOp = "configure dm-worker"

func workerCodes() programCodes {
	return programCodes{parseFlag: 40001, invalid: 40002, read: 40003, unknownKey: 40004, listen: 40069, advertise: 40069}
}

func workerFlags(w *workerFile) *flag.FlagSet {
	fs := flag.NewFlagSet("dm-worker", flag.ContinueOnError)
	w.flags(fs)
	fs.StringVar(&w.WorkerAddr, "worker-addr", "", "`host:port` to listen on")
	fs.StringVar(&w.Join, "join", "", "advertised `addresses` of masters, separated by commas")
	fs.Int64Var(&w.KeepaliveTTL, "keepalive-ttl", 60, "`seconds` after which a silent worker loses its source")
	fs.Int64Var(&w.RelayKeepaliveTTL, "relay-keepalive-ttl", standardRelayTTL, "accepted, no effect without relay logs")
	return fs
}

// WorkerUsage is the text of dm-worker -help.
func WorkerUsage() string { return usage(workerFlags(&workerFile{})) }

// ParseWorker reads dm-worker's arguments, without the program's name, and the
// file they name. ErrVersion, ErrPrintSample and ErrHelp are answers, not failures.
func ParseWorker(args []string) (WorkerConfig, error) {
	w := &workerFile{}
	if err := parseProgram(workerFlags(w), &w.common, w, args, workerCodes()); err != nil {
		return WorkerConfig{}, err
	}
	return w.resolve()
}

func (w *workerFile) resolve() (WorkerConfig, error) {
	codes := workerCodes()
	c := WorkerConfig{Name: w.Name}
	var err error
	if c.Log, err = w.log(workerOp, codes.invalid); err != nil {
		return WorkerConfig{}, err
	}
	if c.Security, err = w.security(workerOp, 40076); err != nil {
		return WorkerConfig{}, err
	}
	for _, k := range []struct{ key, urls string }{{"worker-addr", w.WorkerAddr}, {"advertise-addr", w.AdvertiseAddr}} {
		if err := secure(workerOp, codes.invalid, c.Security, k.key, k.urls); err != nil {
			return WorkerConfig{}, err
		}
	}
	if c.Addr, err = listenAddress(workerOp, codes.listen, "worker-addr", w.WorkerAddr, "advertise-addr", w.AdvertiseAddr); err != nil {
		return WorkerConfig{}, err
	}
	c.AdvertiseAddr = c.Addr
	if w.AdvertiseAddr != "" {
		if c.AdvertiseAddr, err = advertisedAddress(workerOp, codes.advertise, "advertise-addr", w.AdvertiseAddr); err != nil {
			return WorkerConfig{}, err
		}
	}
	if c.Name == "" {
		c.Name = c.AdvertiseAddr
		c.Warnings = append(c.Warnings, "name is not set, this worker is called "+c.Name)
	}
	if c.Join, err = workerJoin(c.Security, w.Join); err != nil {
		return WorkerConfig{}, err
	}
	if c.KeepaliveTTL, err = ttl("keepalive-ttl", w.KeepaliveTTL); err != nil {
		return WorkerConfig{}, err
	}
	if _, err = ttl("relay-keepalive-ttl", w.RelayKeepaliveTTL); err != nil {
		return WorkerConfig{}, err
	}
	if w.RelayKeepaliveTTL != standardRelayTTL {
		c.Warnings = append(c.Warnings, "relay-keepalive-ttl has no effect: relay logs are not supported yet")
	}
	if w.LogRotate != "" {
		c.Warnings = append(c.Warnings, "log-rotate has no effect")
	}
	return c, nil
}

func workerJoin(sec Security, s string) ([]string, error) {
	out, err := joinAddresses(workerOp, workerCodes().invalid, sec, s)
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		f := keyFault(workerOp, workerCodes().invalid, "join", "the addresses of the masters are missing")
		f.Hint = `write for example join = "10.0.0.1:8261,10.0.0.2:8261"`
		return nil, f
	}
	return out, nil
}

func ttl(key string, n int64) (time.Duration, error) {
	const most = 30 * 24 * 3600
	if n < 1 || n > most {
		return 0, keyFault(workerOp, workerCodes().invalid, key, "expected seconds from 1 to %d, got %d", most, n)
	}
	return time.Duration(n) * time.Second, nil
}

// Encode gives TOML that ParseWorker reads as the same value. There is no secret
// in a worker's configuration.
func (c WorkerConfig) Encode() string {
	var b strings.Builder
	line := func(key, value string) { fmt.Fprintf(&b, "%s = %s\n", key, tomlText(value)) }
	line("name", c.Name)
	line("worker-addr", c.Addr)
	line("advertise-addr", c.AdvertiseAddr)
	line("join", strings.Join(c.Join, ","))
	fmt.Fprintf(&b, "keepalive-ttl = %d\nrelay-keepalive-ttl = %d\n", int64(c.KeepaliveTTL/time.Second), standardRelayTTL)
	line("log-level", c.Log.level())
	line("log-format", c.Log.Format)
	line("log-file", c.Log.File)
	b.WriteString(encodeSecurity(c.Security, line))
	return b.String()
}
