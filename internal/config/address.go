package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// listenAddress checks an address to listen on. Without an advertised address,
// which is the value of advertiseKey, its host has to be one that others can
// connect to.
func listenAddress(op string, code int, key, s, advertiseKey, advertised string) (string, error) {
	host, addr, ok := hostPort(s)
	if !ok {
		f := keyFault(op, code, key, "expected host:port, got %q", s)
		f.Hint = "write for example " + key + ` = "10.0.0.1:8261"`
		if s == "" {
			f.Msg = key + ": the address to listen on is missing"
		}
		return "", f
	}
	if advertised == "" && anyHost(host) {
		f := keyFault(op, code, key, "%q has no host that others could connect to", s)
		f.Hint = "write this machine's host name or address, or set " + advertiseKey
		return "", f
	}
	return addr, nil
}

// advertisedAddress checks an address that others connect to.
func advertisedAddress(op string, code int, key, s string) (string, error) {
	host, addr, ok := hostPort(s)
	if !ok || anyHost(host) {
		f := keyFault(op, code, key, "%q is not host:port of an address that others can connect to", s)
		f.Hint = "write this machine's host name or address and the port"
		return "", f
	}
	return addr, nil
}

// hostPort reads host:port with an optional scheme, which DM allows: whether a
// connection is encrypted is for ssl-ca to say.
func hostPort(s string) (host, addr string, ok bool) {
	s = strings.TrimSpace(s)
	if rest, ok := strings.CutPrefix(s, "https://"); ok {
		s = rest
	} else {
		s = strings.TrimPrefix(s, "http://")
	}
	s = strings.TrimSuffix(s, "/")
	host, port, err := net.SplitHostPort(s)
	if err != nil || strings.ContainsAny(host, "/ ") {
		return "", "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", "", false
	}
	return host, net.JoinHostPort(host, port), true
}

// anyHost tells whether host means every address of the machine.
func anyHost(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// secure refuses https addresses without TLS. With TLS an address with http is
// meant to be encrypted, too: there is one protocol on each port.
func secure(op string, code int, sec Security, key, s string) error {
	if sec.On() || !strings.Contains(s, "https://") {
		return nil
	}
	f := keyFault(op, code, key, "%q is https, and there is no ssl-ca", s)
	f.Hint = "give ssl-ca, ssl-cert and ssl-key, or write http"
	return f
}

// joinAddresses reads the key join: client addresses of masters.
func joinAddresses(op string, code int, sec Security, s string) ([]string, error) {
	if err := secure(op, code, sec, "join", s); err != nil {
		return nil, err
	}
	var out []string
	for _, entry := range splitList(s) {
		host, addr, ok := hostPort(entry)
		if !ok || anyHost(host) {
			f := keyFault(op, code, "join", "%q is not host:port of a master", entry)
			f.Hint = "write the advertise-addr of masters, separated by commas"
			return nil, f
		}
		out = append(out, addr)
	}
	return out, nil
}
