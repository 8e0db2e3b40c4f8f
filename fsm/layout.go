package fsm

// Bucket layout
//
//	meta  "schema"          version of this layout, 8 bytes
//	meta  "applied"         index of the last entry applied, 8 bytes
//	meta  "cluster"         the cluster's id, text
//	meta  "epochs"          what epochs are counted from, 8 bytes; missing: from 0
//	meta  "changes.count"   records in changes, 8 bytes
//	meta  "changes.floor"   index of the last change trimmed, 8 bytes
//	meta  "clock"           the newest Meta.UnixMilli that a command brought, 8 bytes
//	meta  "requests.count"  records in requests, 8 bytes
//
// The other buckets are drawn in the files of their nouns.

import (
	"encoding/binary"
	"slices"
)

const (
	bucketBindings     = "bindings"
	bucketChanges      = "changes"
	bucketLoadFiles    = "load_files"
	bucketMembers      = "members"
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
	metaClock         = "clock"
	metaRequestsCount = "requests.count"
)

// schemaVersion is the version of the layout. A store or snapshot of a later
// version is refused, never guessed at; one of an earlier version is brought up
// to this one. Version 2 added buckets and took nothing away.
const schemaVersion = 2

// readable tells whether a store or snapshot of a version can be read.
func readable(version uint64) bool { return version == 1 || version == schemaVersion }

// buckets lists all buckets by name: the order of Walk and of snapshots.
func buckets() []string { return slices.Sorted(slices.Values(bucketNumbers())) }

// bucketNumbers lists all buckets in the order of their numbers in a snapshot.
// Numbers stay for ever: new buckets go to the end.
func bucketNumbers() []string {
	return []string{bucketBindings, bucketChanges, bucketMeta, bucketRequestOrder, bucketRequests,
		bucketServing, bucketSources, bucketSubtasks, bucketTasks, bucketWorkers,
		bucketMembers, bucketLoadFiles}
}

func (v *View) metaNumber(key string) uint64 {
	raw := v.get(bucketMeta, []byte(key))
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}
