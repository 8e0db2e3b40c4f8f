package fsm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/internal/fault"
)

// txn is what a command sees while it is applied: the state, its own index,
// and the means to write.
type txn struct {
	*View
	index   Index
	touched []Touch
	note    *Note
}

func (t *txn) put(bucket string, key, value []byte) error {
	return t.tx.Bucket([]byte(bucket)).Put(key, value)
}

func (t *txn) putJSON(bucket string, key []byte, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fault.Wrap("encode record", err)
	}
	return t.put(bucket, key, raw)
}

func (t *txn) del(bucket string, key []byte) error {
	return t.tx.Bucket([]byte(bucket)).Delete(key)
}

// changed notes a record for the change log. Every write is announced by it,
// which is how apply tells a refusal after a write: a bug it must not commit.
func (t *txn) changed(c Touch) { t.touched = append(t.touched, c) }

// batch is the bbolt transaction of one Apply, with the counters that the
// trimming needs. Trimming happens per command, not per batch: batches differ
// between members.
type batch struct {
	txn
	limits   Limits
	changes  uint64
	requests uint64
	floor    Index
	clock    int64 // milliseconds, see metaClock
	applied  []Change
}

func newBatch(tx *bbolt.Tx, limits Limits) *batch {
	v := &View{tx: tx}
	b := &batch{txn: txn{View: v}, limits: limits}
	b.changes = v.metaNumber(metaChangesCount)
	b.requests = v.metaNumber(metaRequestsCount)
	b.floor = v.ChangesFloor()
	b.clock = int64(v.metaNumber(metaClock))
	return b
}

// apply executes one entry. Its error means the store is broken, or a command
// is: nothing of the batch may be committed then.
func (b *batch) apply(e Entry) (Result, error) {
	b.index, b.touched, b.note = e.Index, nil, nil
	if len(e.Data) == 0 {
		return Result{Index: e.Index}, nil
	}
	env, k, cmd, bad := decode(e.Data)
	switch {
	case bad == nil:
	case bad.Kind == fault.Unsupported:
		return Result{}, bad
	default:
		return Result{Index: e.Index, Err: bad}, nil
	}
	b.clock = max(b.clock, env.Meta.UnixMilli)
	if id := env.Meta.RequestID; id != "" {
		if err := checkName("request id", string(id)); err != nil {
			return b.result(nil, err)
		}
	}
	if res, ok := b.replied(env.Meta.RequestID, k); ok {
		return res, b.err
	}
	res, err := b.result(cmd.apply(&b.txn))
	if err != nil {
		return Result{}, fmt.Errorf("apply %s at index %d: %w", k.name, e.Index, err)
	}
	if len(b.touched) > 0 || b.note != nil {
		if err := b.record(Change{Index: e.Index, Kind: k.name, Meta: env.Meta, Touched: b.touched, Note: b.note}); err != nil {
			return Result{}, err
		}
	}
	return res, b.reply(env.Meta.RequestID, k, res)
}

// result tells refusals from failures.
func (b *batch) result(value any, err error) (Result, error) {
	if b.err != nil {
		return Result{}, b.err
	}
	if err == nil {
		return Result{Index: b.index, Value: value}, nil
	}
	var refused *fault.Error
	if !errors.As(err, &refused) {
		return Result{}, err
	}
	if len(b.touched) > 0 {
		return Result{}, fmt.Errorf("refused after a write, which no command may do: %w", err)
	}
	return Result{Index: b.index, Err: refused}, nil
}

// finish writes what the batch as a whole leaves behind.
func (b *batch) finish(applied Index) error {
	return errors.Join(
		b.putNumber(metaApplied, uint64(applied)),
		b.putNumber(metaChangesCount, b.changes),
		b.putNumber(metaChangesFloor, uint64(b.floor)),
		b.putNumber(metaClock, uint64(b.clock)),
		b.putNumber(metaRequestsCount, b.requests),
	)
}

func (b *batch) putNumber(key string, n uint64) error {
	return b.put(bucketMeta, []byte(key), binary.BigEndian.AppendUint64(nil, n))
}
