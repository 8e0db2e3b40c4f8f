package config

import "time"

// DmctlConfig is dmctl's file. Flags win over it, which dmctl sees to.
type DmctlConfig struct {
	MasterAddrs []string // host:port; empty when the file names none
	RPCTimeout  time.Duration
}

// DefaultRPCTimeout is how long dmctl waits for an answer.
const DefaultRPCTimeout = 10 * time.Minute

type dmctlFile struct {
	MasterAddr string `toml:"master-addr"`
	RPCTimeout string `toml:"rpc-timeout"`
	SSLCA      string `toml:"ssl-ca"`
	SSLCert    string `toml:"ssl-cert"`
	SSLKey     string `toml:"ssl-key"`
}

const dmctlOp = "configure dmctl"

// DecodeDmctl reads dmctl's file.
func DecodeDmctl(file string, data []byte) (DmctlConfig, error) {
	raw := dmctlFile{RPCTimeout: DefaultRPCTimeout.String()}
	if err := decodeTOML(file, data, &raw, programCodes{read: codeTOML, unknownKey: codeTOML}); err != nil {
		return DmctlConfig{}, err
	}
	tls := common{SSLCA: raw.SSLCA, SSLCert: raw.SSLCert, SSLKey: raw.SSLKey}
	if err := tls.tls(dmctlOp); err != nil {
		return DmctlConfig{}, err
	}
	var c DmctlConfig
	var err error
	if c.RPCTimeout, err = ParseRPCTimeout(raw.RPCTimeout); err != nil {
		return DmctlConfig{}, err
	}
	c.MasterAddrs, err = ParseMasterAddrs(raw.MasterAddr)
	return c, err
}

// ParseRPCTimeout reads dmctl's rpc-timeout, from the file or the flag.
func ParseRPCTimeout(s string) (time.Duration, error) {
	return positiveDuration(dmctlOp, codeTOML, "rpc-timeout", s)
}

// ParseMasterAddrs reads the list of dmctl's master-addr, from the file, the
// flag or the environment.
func ParseMasterAddrs(s string) ([]string, error) {
	if f := secure(dmctlOp, "master-addr", s); f != nil {
		return nil, f
	}
	var out []string
	for _, entry := range splitList(s) {
		addr, err := advertisedAddress(dmctlOp, codeTOML, "master-addr", entry)
		if err != nil {
			return nil, err
		}
		out = append(out, addr)
	}
	return out, nil
}
