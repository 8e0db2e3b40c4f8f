package fsm

import (
	"encoding/binary"

	"github.com/raftdm/raftdm/internal/fault"
)

// SetClusterID names the cluster, once and for ever. The first leader proposes
// an id of its making. Value: none.
type SetClusterID struct {
	ID string
	// Epochs is the number that every epoch of the cluster is above: the
	// founder's clock in milliseconds. A cluster that is set up anew, because
	// its data was lost, begins to count its log at one again; its epochs must
	// still be newer than those that the targets remember. A log grows by far
	// less than an entry each millisecond.
	Epochs Epoch `json:",omitempty"`
}

func (c SetClusterID) apply(t *txn) (any, error) {
	if err := checkName("cluster id", c.ID); err != nil {
		return nil, err
	}
	switch have := t.ClusterID(); have {
	case c.ID:
		return nil, nil
	case "":
		if err := t.put(bucketMeta, []byte(metaClusterID), []byte(c.ID)); err != nil {
			return nil, err
		}
		if c.Epochs > 0 {
			if err := t.put(bucketMeta, []byte(metaEpochs), binary.BigEndian.AppendUint64(nil, uint64(c.Epochs))); err != nil {
				return nil, err
			}
		}
		t.changed(Touch{Noun: NounCluster})
		return nil, nil
	default:
		return nil, fault.New(fault.Conflict, "the cluster has the id "+have+" already")
	}
}

// ClusterID is the cluster's name for itself, "" until its first leader chose one.
func (v *View) ClusterID() string {
	return string(v.get(bucketMeta, []byte(metaClusterID)))
}

// mint gives the epoch of the command being applied. Each command mints one at most.
func (t *txn) mint() Epoch { return Epoch(t.metaNumber(metaEpochs) + uint64(t.index)) }
