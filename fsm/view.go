package fsm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"

	"go.etcd.io/bbolt"

	"github.com/raftdm/raftdm/internal/fault"
)

// View is the whole state at one index. It is valid only inside the function
// it was given to; what its methods return is the caller's to keep.
//
// A record that cannot be read is remembered rather than returned: the method
// answers as if it were absent and Store.View returns the error at the end.
type View struct {
	tx  *bbolt.Tx
	err error
}

// Index is the log index the view shows.
func (v *View) Index() Index {
	raw := v.get(bucketMeta, []byte(metaApplied))
	if len(raw) != 8 {
		return 0
	}
	return Index(binary.BigEndian.Uint64(raw))
}

// Err is the first record that could not be read, nil when all were.
func (v *View) Err() error { return v.err }

// Walk calls fn with every stored record, buckets by name and records by key:
// equal states walk equally. fn must not keep the slices.
func (v *View) Walk(fn func(bucket string, key, value []byte) error) error {
	for _, name := range buckets() {
		b := v.tx.Bucket([]byte(name))
		if b == nil {
			return fault.New(fault.Corrupt, "the store has no bucket "+name)
		}
		err := b.ForEach(func(k, val []byte) error { return fn(name, k, val) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *View) get(bucket string, key []byte) []byte {
	b := v.tx.Bucket([]byte(bucket))
	if b == nil || len(key) == 0 {
		return nil
	}
	return b.Get(key)
}

func (v *View) getJSON(bucket string, key []byte, into any) bool {
	raw := v.get(bucket, key)
	return raw != nil && v.unmarshal(bucket, key, raw, into)
}

func (v *View) unmarshal(bucket string, key, raw []byte, into any) bool {
	err := json.Unmarshal(raw, into)
	if err != nil && v.err == nil {
		// The cause is left out: it could quote a configuration's password.
		v.err = fault.New(fault.Corrupt, fmt.Sprintf("record %q in bucket %s is not readable", key, bucket))
	}
	return err == nil
}

// scan yields the records whose key starts with prefix, in order.
func (v *View) scan(bucket string, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		b := v.tx.Bucket([]byte(bucket))
		if b == nil {
			return
		}
		c := b.Cursor()
		for k, val := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, val = c.Next() {
			if !yield(k, val) {
				return
			}
		}
	}
}
