package fsm

// Bucket layout
//
//	changes   <index, 8 bytes big endian>  {"kind":…,"meta":{…},"touched":[…],"note":{…},"clock":…}
//
// One record per command that changed or noted something, oldest trimmed by
// count and age. clock is missing when it is the proposer's, which meta has. It
// is the audit trail and what fsm/feed reads. It never holds configuration:
// that carries passwords, and whoever may see it reads it from a View.

import (
	"encoding/binary"
	"encoding/json"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// Noun names a kind of record in a change.
type Noun string

// The nouns that change.
const (
	NounCluster Noun = "cluster"
	NounWorker  Noun = "worker"
	NounSource  Noun = "source"
	NounBinding Noun = "binding"
	NounTask    Noun = "task"
	NounSubtask Noun = "subtask"
	NounMember  Noun = "member"
	// NounLoadFiles is keyed by source and task; Worker holds them.
	NounLoadFiles Noun = "load_files"
)

// Touch is one record that a command wrote or deleted: its key, and its new
// value as far as that is no configuration text.
type Touch struct {
	Noun    Noun       `json:"noun"`
	Source  SourceID   `json:"source,omitempty"`
	Task    TaskName   `json:"task,omitempty"`
	Worker  WorkerName `json:"worker,omitempty"`
	Member  MasterName `json:"member,omitempty"`
	Deleted bool       `json:"deleted,omitempty"`
	// Epoch is a binding's new epoch.
	Epoch Epoch `json:"epoch,omitempty"`
	// Session is a worker's session, 0 when it is offline.
	Session SessionID `json:"session,omitempty"`
	// Stage is a subtask's wanted stage.
	Stage status.Stage `json:"stage,omitempty"`
}

// Change is what one command did, who asked for it and when.
type Change struct {
	Index Index `json:"-"`
	// Kind is the command's name.
	Kind    string  `json:"kind"`
	Meta    Meta    `json:"meta"`
	Touched []Touch `json:"touched"`
	// Note is what a Note says, which touches nothing.
	Note *Note `json:"note,omitempty"`
}

// changeRecord is a change as it is stored.
type changeRecord struct {
	Change
	// Clock is the newest clock of all commands up to this one, 0 when the
	// command's own is.
	Clock int64 `json:"clock,omitempty"`
}

func (r changeRecord) clock() int64 { return max(r.Clock, r.Meta.UnixMilli) }

// ChangesAfter gives the changes with an index above from, oldest first and at
// most limit of them, and the index up to which they are complete. It answers
// ErrCompacted when some of them were trimmed, or lie in the future.
func (v *View) ChangesAfter(from Index, limit int) ([]Change, Index, error) {
	if from < v.ChangesFloor() || from > v.Index() {
		return nil, 0, ErrCompacted
	}
	var out []Change
	c := v.tx.Bucket([]byte(bucketChanges)).Cursor()
	for k, raw := c.Seek(indexKey(from + 1)); k != nil; k, raw = c.Next() {
		if len(out) == limit {
			return out, out[len(out)-1].Index, nil
		}
		var ch Change
		if !v.unmarshal(bucketChanges, k, raw, &ch) {
			return nil, 0, v.err
		}
		ch.Index = Index(binary.BigEndian.Uint64(k))
		out = append(out, ch)
	}
	return out, v.Index(), nil
}

// ChangesFloor is the index of the last change that was trimmed, 0 if none
// was: every later one is still there.
func (v *View) ChangesFloor() Index {
	return Index(v.metaNumber(metaChangesFloor))
}

// record appends the change of the command just applied and trims the oldest.
func (b *batch) record(ch Change) error {
	rec := changeRecord{Change: ch}
	if b.clock != ch.Meta.UnixMilli {
		rec.Clock = b.clock
	}
	raw, err := json.Marshal(rec)
	if err != nil {
		return fault.Wrap("encode change", err)
	}
	bucket := b.tx.Bucket([]byte(bucketChanges))
	if err := bucket.Put(indexKey(ch.Index), raw); err != nil {
		return err
	}
	b.changes++
	b.applied = append(b.applied, ch)
	// In small steps: neither a lowered limit nor the first command after a
	// quiet week must be slow.
	for range trimStep {
		c := bucket.Cursor()
		k, oldest := c.First()
		if b.changes <= uint64(b.limits.Changes) && !b.overAged(k, oldest) {
			break
		}
		b.floor = Index(binary.BigEndian.Uint64(k))
		if err := c.Delete(); err != nil {
			return err
		}
		b.changes--
	}
	return b.err
}

// overAged tells whether the oldest change may go for its age.
func (b *batch) overAged(k, oldest []byte) bool {
	if b.limits.ChangesAge == 0 {
		return false
	}
	var rec changeRecord
	if !b.unmarshal(bucketChanges, k, oldest, &rec) {
		return false
	}
	return b.clock-rec.clock() > b.limits.ChangesAge.Milliseconds()
}

func indexKey(i Index) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
