package fsm

// Bucket layout
//
//	meta  "schema"          version of this layout, 8 bytes
//	meta  "applied"         index of the last entry applied, 8 bytes
//	meta  "cluster"         the cluster's id, text
//	meta  "epochs"          what epochs are counted from, 8 bytes; missing: from 0
//	meta  "changes.count"   records in changes, 8 bytes
//	meta  "changes.floor"   index of the last change trimmed, 8 bytes
//	meta  "requests.count"  records in requests, 8 bytes
//
// The other buckets are drawn in the files of their nouns.

import "encoding/binary"

const (
	bucketBindings     = "bindings"
	bucketChanges      = "changes"
	bucketMeta         = "meta"
	bucketRequestOrder = "request_order"
	bucketRequests     = "requests"
	bucketServing      = "serving"
	bucketSources      = "sources"
	bucketSubtasks     = "subtasks"
	bucketTasks        = "tasks"
	bucketWorkers      = "workers"
)

const (
	metaSchema        = "schema"
	metaApplied       = "applied"
	metaClusterID     = "cluster"
	metaEpochs        = "epochs"
	metaChangesCount  = "changes.count"
	metaChangesFloor  = "changes.floor"
	metaRequestsCount = "requests.count"
)

// schemaVersion is the version of the layout. A store or snapshot of another
// version is refused, never guessed at.
const schemaVersion = 1

// buckets lists all buckets by name: the order of Walk and of snapshots.
func buckets() []string {
	return []string{bucketBindings, bucketChanges, bucketMeta, bucketRequestOrder, bucketRequests,
		bucketServing, bucketSources, bucketSubtasks, bucketTasks, bucketWorkers}
}

func (v *View) metaNumber(key string) uint64 {
	raw := v.get(bucketMeta, []byte(key))
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}
