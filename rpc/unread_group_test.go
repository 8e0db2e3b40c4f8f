package rpc

import (
	"testing"

	"github.com/raftdm/raftdm/internal/fault"
)

// unread is a group that cannot be read at the moment.
type unread struct{ Cluster }

func (unread) Members() []Member { return nil }

// A master that asks about itself ends when it is told that it is no member, and
// offline-member forgets one that is not listed: a list that could not be read
// must lead to neither.
func TestAGroupThatCannotBeReadMissesNobody(t *testing.T) {
	m := NewMaster(MasterConfig{Cluster: unread{}})
	if _, listed, err := m.member("master-1"); listed || !fault.Is(err, fault.Unavailable) {
		t.Errorf("listed %v, error %v", listed, err)
	}
}
