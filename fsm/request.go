package fsm

// Bucket layout
//
//	requests       <request id>                     {"index":…,"kind":…,"err":{…},"value":…}
//	request_order  <index, 8 bytes big endian>      <request id>
//
// The second says which is oldest. A client repeats a request within seconds,
// so that a count bounds both.

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
)

type requestRecord struct {
	Index Index           `json:"index"`
	Kind  string          `json:"kind"`
	Err   *refusal        `json:"err,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
}

// refusal is a fault.Error as it is stored; refusals have no cause.
type refusal struct {
	Kind fault.Kind `json:"kind"`
	Side fault.Side `json:"side,omitempty"`
	Code int        `json:"code,omitempty"`
	Msg  string     `json:"msg"`
	Hint string     `json:"hint,omitempty"`
}

// Executed tells whether a request was executed already, be it that it was
// refused: asked again it changes nothing. One that was forgotten was not.
func (v *View) Executed(id RequestID) bool {
	var r requestRecord
	return id != "" && v.getJSON(bucketRequests, []byte(id), &r)
}

// replied gives the stored result of a request that was executed before.
func (b *batch) replied(id RequestID, k kind) (Result, bool) {
	var r requestRecord
	if id == "" || !b.getJSON(bucketRequests, []byte(id), &r) {
		return Result{}, false
	}
	if r.Kind != k.name {
		return Result{Index: r.Index, Err: fault.New(fault.Conflict,
			fmt.Sprintf("request id %s was used for %s before and cannot be used for %s", id, r.Kind, k.name))}, true
	}
	if r.Err != nil {
		return Result{Index: r.Index, Err: &fault.Error{Kind: r.Err.Kind, Side: r.Err.Side, Code: r.Err.Code,
			Msg: r.Err.Msg, Hint: r.Err.Hint}}, true
	}
	value, err := k.value(r.Value)
	if err != nil {
		b.err = fault.New(fault.Corrupt, fmt.Sprintf("the stored result of request %s is not readable", id))
	}
	return Result{Index: r.Index, Value: value}, true
}

// reply stores the result of a request and forgets the oldest.
func (b *batch) reply(id RequestID, k kind, res Result) error {
	if id == "" {
		return nil
	}
	r := requestRecord{Index: res.Index, Kind: k.name}
	if e := res.Err; e != nil {
		r.Err = &refusal{Kind: e.Kind, Side: e.Side, Code: e.Code, Msg: e.Msg, Hint: e.Hint}
	} else {
		raw, err := json.Marshal(res.Value)
		if err != nil {
			return fault.Wrap("encode result of "+k.name, err)
		}
		r.Value = raw
	}
	if err := b.putJSON(bucketRequests, []byte(id), r); err != nil {
		return err
	}
	if err := b.put(bucketRequestOrder, indexKey(res.Index), []byte(id)); err != nil {
		return err
	}
	b.requests++
	for n := 0; n < trimStep && b.requests > uint64(b.limits.Requests); n++ {
		c := b.tx.Bucket([]byte(bucketRequestOrder)).Cursor()
		k, oldest := c.First()
		if len(k) != 8 || binary.BigEndian.Uint64(k) >= uint64(res.Index) {
			return fault.New(fault.Corrupt, "the order of requests contradicts their count")
		}
		if err := b.tx.Bucket([]byte(bucketRequests)).Delete(oldest); err != nil {
			return err
		}
		if err := c.Delete(); err != nil {
			return err
		}
		b.requests--
	}
	return nil
}
