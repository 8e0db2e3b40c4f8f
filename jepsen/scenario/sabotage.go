package scenario

import (
	"time"

	"github.com/raftdm/raftdm/jepsen/check"
)

// Sabotaged gives the scenarios whose programs are built wrong on purpose. A
// suite that has never failed proves nothing: each must end with its error.
func Sabotaged() []Scenario {
	fence := scripted("fence", "progress is not fenced by the epoch: a worker that is thought dead writes beside its successor",
		times(3, step("presume-worker-dead", 8*time.Second)))
	fence.Tags, fence.Catches = []string{"sabotage_fence"}, check.ErrTwoOwners
	fence.TTL = 24 * time.Second // the old worker goes on for most of it; the successor comes after some 3 s
	ack := scripted("ack", "the leader says yes before a majority has heard: what it said while cut off is forgotten",
		times(5, step("cut-leader-followers", 3*time.Second)))
	ack.Tags, ack.Catches = []string{"sabotage_ack"}, check.ErrAckLost
	return []Scenario{fence, ack}
}
