package raftnode_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/raftdm/raftdm/raftnode"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestConfigNamesWhatIsWrong(t *testing.T) {
	good := func() raftnode.Config {
		c := raftnode.DefaultConfig()
		c.Name, c.DataDir, c.Listen, c.Logger = "m1", "/d", "127.0.0.1:8291", discard()
		c.InitialCluster = []raftnode.Member{{Name: "m1", Addr: "127.0.0.1:8291"}, {Name: "m2", Addr: "127.0.0.1:8292"}}
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*raftnode.Config){
		"name: it is empty":           func(c *raftnode.Config) { c.Name = "" },
		"data-dir: it is empty":       func(c *raftnode.Config) { c.DataDir = "" },
		"logger: there is none":       func(c *raftnode.Config) { c.Logger = nil },
		"listen address":              func(c *raftnode.Config) { c.Listen, c.Advertise = "nonsense", "127.0.0.1:8291" },
		"other members cannot":        func(c *raftnode.Config) { c.Listen, c.InitialCluster = "0.0.0.0:8291", nil },
		"heartbeat timeout: 0s":       func(c *raftnode.Config) { c.HeartbeatTimeout = 0 },
		"lease timeout":               func(c *raftnode.Config) { c.LeaseTimeout = c.HeartbeatTimeout * 2 },
		"election timeout":            func(c *raftnode.Config) { c.ElectionTimeout = c.HeartbeatTimeout / 2 },
		"m1, is not in it":            func(c *raftnode.Config) { c.InitialCluster = c.InitialCluster[1:] },
		"the name m1 occurs twice":    func(c *raftnode.Config) { c.InitialCluster[1].Name = "m1" },
		"occurs twice":                func(c *raftnode.Config) { c.InitialCluster[1].Addr = c.Listen },
		"is incomplete":               func(c *raftnode.Config) { c.InitialCluster[1].Addr = "" },
		"this process advertises h:1": func(c *raftnode.Config) { c.Advertise = "h:1" },
	} {
		c := good()
		spoil(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
