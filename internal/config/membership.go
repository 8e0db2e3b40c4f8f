package config

import (
	"fmt"
	"slices"
	"strings"
)

// The values of initial-cluster-state.
const (
	stateNew      = "new"
	stateExisting = "existing"
)

// membership reads how this master comes to its cluster. As in DM, join wins
// over initial-cluster, so that a founder's file with a join added to it is
// good for a new member.
func (m *masterFile) membership(c *MasterConfig) error {
	const joinCode, clusterCode = 38040, 38037
	if strings.ContainsAny(c.Name, "=,") {
		f := keyFault(masterOp, masterCodes().invalid, "name", "%q has a comma or an equal sign, which part the members in initial-cluster", c.Name)
		f.Hint = "choose a name without them"
		return f
	}
	existing := m.InitialClusterState == stateExisting
	if !existing && m.InitialClusterState != "" && m.InitialClusterState != stateNew {
		return keyFault(masterOp, clusterCode, "initial-cluster-state", "expected %s or %s, got %q", stateNew, stateExisting, m.InitialClusterState)
	}
	join, err := joinAddresses(masterOp, joinCode, c.Security, m.Join)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(join), func(addr string) bool { return addr == c.AdvertiseAddr })
	if len(join) > 0 && len(others) == 0 {
		f := keyFault(masterOp, joinCode, "join", "%s is this master itself", c.AdvertiseAddr)
		f.Hint = "write the advertise-addr of masters that run already, or remove join to found a cluster"
		return f
	}
	if len(others) > 0 || existing {
		c.Join = others
		if m.InitialCluster != "" {
			c.Warnings = append(c.Warnings, "initial-cluster has no effect: "+joinsBecause(len(others) > 0)+" says that the cluster exists already")
		}
		return nil
	}
	if c.InitialCluster, err = founders(clusterCode, c.Security, m.InitialCluster, Member{Name: c.Name, Peer: c.AdvertisePeer}); err != nil {
		return err
	}
	if n := len(c.InitialCluster); n%2 == 0 {
		c.Warnings = append(c.Warnings, fmt.Sprintf("initial-cluster has an even number of masters: a majority of %d is %d, so %s may fail, no more than with %d",
			n, n/2+1, howMany((n-1)/2), n-1))
	}
	return nil
}

func joinsBecause(join bool) string {
	if join {
		return "join"
	}
	return "initial-cluster-state"
}

func howMany(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// founders reads initial-cluster, of which self must be part; empty, it is self.
func founders(code int, sec Security, list string, self Member) ([]Member, error) {
	var out []Member
	for _, entry := range splitList(list) {
		name, peer, _ := strings.Cut(entry, "=")
		host, addr, ok := hostPort(peer)
		if !ok || name == "" || anyHost(host) {
			f := keyFault(masterOp, code, "initial-cluster", "expected name=http://host:port, got %q", entry)
			f.Hint = `write for example initial-cluster = "m1=http://10.0.0.1:8291,m2=http://10.0.0.2:8291,m3=http://10.0.0.3:8291"`
			return nil, f
		}
		for _, x := range out {
			switch {
			case x.Name == name:
				f := keyFault(masterOp, code, "initial-cluster", "%s occurs twice, with %s%s and %[2]s%[4]s: one URL per member", name, scheme(sec), x.Peer, addr)
				f.Hint = "keep the URL that the other masters can reach, and give each master its own name"
				return nil, f
			case x.Peer == addr:
				f := keyFault(masterOp, code, "initial-cluster", "%s and %s have the same URL %s%s", x.Name, name, scheme(sec), addr)
				f.Hint = "write the advertise-peer-urls of each master"
				return nil, f
			}
		}
		out = append(out, Member{Name: name, Peer: addr})
	}
	if len(out) == 0 {
		return []Member{self}, nil
	}
	if !slices.Contains(out, self) {
		return nil, notAmong(code, sec, out, self)
	}
	return out, nil
}

// notAmong says in what initial-cluster and this master's own settings differ.
func notAmong(code int, sec Security, list []Member, self Member) error {
	url := scheme(sec)
	const agree = "make initial-cluster agree with name and advertise-peer-urls"
	for _, x := range list {
		if x.Name == self.Name {
			f := keyFault(masterOp, code, "initial-cluster", "it has %s=%s, but advertise-peer-urls of %s is %s", x.Name, url+x.Peer, self.Name, url+self.Peer)
			f.Hint = agree
			return f
		}
		if x.Peer == self.Peer {
			f := keyFault(masterOp, code, "initial-cluster", "it has %s=%s, but the master with these advertise-peer-urls is called %s", x.Name, url+x.Peer, self.Name)
			f.Hint = agree
			return f
		}
	}
	f := keyFault(masterOp, code, "initial-cluster", "this master, %s=%s, is not among its members %s", self.Name, url+self.Peer, memberList(sec, list))
	f.Hint = agree + ", or add this master to the list on every founder; to add it to a cluster that runs, use join instead"
	return f
}

func memberList(sec Security, list []Member) string {
	out := make([]string, 0, len(list))
	for _, m := range list {
		out = append(out, m.Name+"="+scheme(sec)+m.Peer)
	}
	return strings.Join(out, ",")
}
