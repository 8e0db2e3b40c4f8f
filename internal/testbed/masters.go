package testbed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// StartMaster starts a dm-master on free ports with its own data directory and
// waits until it leads. extra is added to its arguments.
func (c *Cluster) StartMaster(ctx context.Context, name string, extra ...string) (*Process, error) {
	p, err := c.prepareMaster(name, extra...)
	if err != nil {
		return nil, err
	}
	return p, p.Start(ctx)
}

// StartMasters founds a cluster of n masters, named master-1 and so on, each
// with the same initial-cluster. It waits until all of them serve and know of
// a leader.
func (c *Cluster) StartMasters(ctx context.Context, n int) ([]*Process, error) {
	founders := []string{}
	for i := range n {
		p, err := c.prepareMaster(fmt.Sprintf("master-%d", i+1))
		if err != nil {
			return nil, err
		}
		founders = append(founders, p.Name+"=http://"+p.peer)
	}
	for _, p := range c.masters {
		p.proc.args = append(p.proc.args, "--initial-cluster="+strings.Join(founders, ","))
		if err := p.Launch(); err != nil {
			return nil, err
		}
	}
	for _, p := range c.masters {
		if err := p.AwaitReady(ctx); err != nil {
			return nil, err
		}
	}
	return c.Masters(), nil
}

// JoinMaster starts a dm-master that joins the masters there are, and waits
// until it has a vote: before that the others must not be stopped.
func (c *Cluster) JoinMaster(ctx context.Context, name string, extra ...string) (*Process, error) {
	join := "--join=" + c.MasterAddr()
	p, err := c.prepareMaster(name, append([]string{join}, extra...)...)
	if err != nil {
		return nil, err
	}
	p.ready = func(ctx context.Context) error { _, err := c.Page(ctx, p.Addr, "/health"); return err }
	return p, p.Start(ctx)
}

// ForgetMaster takes an ended master out of the cluster's list, so that nobody
// is told its address any more.
func (c *Cluster) ForgetMaster(name string) {
	kept := c.masters[:0:0]
	for _, p := range c.masters {
		if p.Name != name || p.Alive() {
			kept = append(kept, p)
		}
	}
	c.masters = kept
}

// LeaderName asks who leads.
func (c *Cluster) LeaderName(ctx context.Context) (string, error) {
	m, err := c.ListMember(ctx)
	return m.Leader, err
}

// MasterDir gives the data directory of a master, also before it is started.
func (c *Cluster) MasterDir(name string) string { return filepath.Join(c.Dir, name, "data") }

// Masters gives the masters in the order of their start.
func (c *Cluster) Masters() []*Process { return append([]*Process(nil), c.masters...) }

// Workers gives the workers in the order of their start.
func (c *Cluster) Workers() []*Process { return append([]*Process(nil), c.workers...) }

func (c *Cluster) prepareMaster(name string, extra ...string) (*Process, error) {
	p, err := c.prepare("dm-master", name)
	if err != nil {
		return nil, err
	}
	listen, peer, err := c.port(p)
	if err != nil {
		return nil, err
	}
	p.peer = peer
	p.proc.args = append([]string{"--name=" + name, "--master-addr=" + p.listen, "--advertise-addr=" + p.Addr,
		"--peer-urls=http://" + listen, "--advertise-peer-urls=http://" + peer, "--data-dir=" + c.MasterDir(name)}, c.more(name, append(slices.Clone(c.MasterArgs), extra...))...)
	p.ready = func(ctx context.Context) error {
		if err := c.serves(ctx, p.Addr); err != nil {
			return err
		}
		_, err := c.ListMemberOf(ctx, p.Addr)
		return err
	}
	c.masters = append(c.masters, p)
	return p, nil
}

// Rejoin empties the directory of a master that has ended and launches it to
// join the others, under its name and addresses.
func (c *Cluster) Rejoin(p *Process) error {
	dir := c.MasterDir(p.Name)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries { // not dir itself: something may be mounted there
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	var others []string
	for _, m := range c.masters {
		if m != p {
			others = append(others, m.Addr)
		}
	}
	args := slices.DeleteFunc(slices.Clone(p.proc.args), func(a string) bool {
		return strings.HasPrefix(a, "--initial-cluster=") || strings.HasPrefix(a, "--join=")
	})
	p.proc.args = append(args, "--join="+strings.Join(others, ","))
	return p.Launch()
}
