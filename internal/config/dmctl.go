package config

import "time"

// DmctlConfig is dmctl's file. Flags win over it, which dmctl sees to.
type DmctlConfig struct {
	MasterAddrs []string // host:port; empty when the file names none
	RPCTimeout  time.Duration
	Security    Security
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
	// Flags may add what the file leaves out, so CheckDmctlSecurity looks at the whole.
	c := DmctlConfig{Security: Security{CA: raw.SSLCA, Cert: raw.SSLCert, Key: raw.SSLKey}}
	var err error
	if c.RPCTimeout, err = ParseRPCTimeout(raw.RPCTimeout); err != nil {
		return DmctlConfig{}, err
	}
	c.MasterAddrs, err = ParseMasterAddrs(raw.MasterAddr)
	return c, err
}

// CheckDmctlSecurity checks the TLS of dmctl, once the flags and the file are put
// together: it is off, or complete.
func CheckDmctlSecurity(s Security) error {
	c := common{SSLCA: s.CA, SSLCert: s.Cert, SSLKey: s.Key}
	_, err := c.security(dmctlOp, 48002)
	return err
}

// ParseRPCTimeout reads dmctl's rpc-timeout, from the file or the flag.
func ParseRPCTimeout(s string) (time.Duration, error) {
	return positiveDuration(dmctlOp, codeTOML, "rpc-timeout", s)
}

// ParseMasterAddrs reads the list of dmctl's master-addr, from the file, the
// flag or the environment.
func ParseMasterAddrs(s string) ([]string, error) {
	var out []string
	for _, entry := range splitList(s) {
		addr, err := advertisedAddress(dmctlOp, codeTOML, "master-addr", entry)
		if err != nil {
			f := keyFault(dmctlOp, codeTOML, "master-addr", "%q is not host:port of a master", entry)
			f.Hint = "write the master-addr or advertise-addr of a dm-master, for example 127.0.0.1:8261"
			return nil, f
		}
		out = append(out, addr)
	}
	return out, nil
}
