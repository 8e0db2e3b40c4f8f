package fsm

import "github.com/raftdm/raftdm/internal/fault"

// SetClusterID names the cluster, once and for ever. The first leader proposes
// an id of its making. Value: none.
type SetClusterID struct {
	ID string
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
