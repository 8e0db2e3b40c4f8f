package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// line is one line of a saved history: exactly one of the fields. A fault has
// a line when it begins and another, with the same name and start, when it ends.
type line struct {
	Began *time.Time `json:"began,omitempty"`
	Fault *Fault     `json:"mark,omitempty"`
	Op    *Op        `json:"op,omitempty"`
}

// Save writes a history as Load reads it.
func Save(w io.Writer, h History) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	if err := enc.Encode(line{Began: &h.Began}); err != nil {
		return err
	}
	for i := range h.Faults {
		if err := enc.Encode(line{Fault: &h.Faults[i]}); err != nil {
			return err
		}
	}
	for i := range h.Ops {
		if err := enc.Encode(line{Op: &h.Ops[i]}); err != nil {
			return err
		}
	}
	return out.Flush()
}

// Load reads a saved history. One that ends in the middle of a line, as a
// killed run leaves it, is read up to there.
func Load(r io.Reader) (History, error) {
	var h History
	begun := map[Fault]int{} // by name and start
	dec := json.NewDecoder(bufio.NewReaderSize(r, 1<<20))
	for n := 1; ; n++ {
		var l line
		err := dec.Decode(&l)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			h.sort()
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("line %d of the history: %w", n, err)
		}
		switch {
		case l.Began != nil:
			h.Began = *l.Began
		case l.Fault != nil:
			id := Fault{Name: l.Fault.Name, Start: l.Fault.Start}
			if i, known := begun[id]; known {
				h.Faults[i] = *l.Fault
				continue
			}
			begun[id] = len(h.Faults)
			h.Faults = append(h.Faults, *l.Fault)
		case l.Op != nil:
			h.Ops = append(h.Ops, *l.Op)
		}
	}
}

// UnmarshalJSON reads an operation with the types that its kind has.
func (o *Op) UnmarshalJSON(data []byte) error {
	type plain Op // without this method
	var raw struct {
		plain
		In  json.RawMessage `json:"in"`
		Out json.RawMessage `json:"out"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*o = Op(raw.plain)
	var err error
	switch o.Kind {
	case BankTransfer:
		o.In, o.Out, err = typed[Transfer, Committed](raw.In, raw.Out)
	case BankRead:
		o.In, o.Out, err = typed[Bank, Balances](raw.In, raw.Out)
	case BankFinal:
		o.In, o.Out, err = typed[Bank, BankEnd](raw.In, raw.Out)
	case RowsWrite:
		o.In, o.Out, err = typed[Write, Committed](raw.In, raw.Out)
	case RowsRead:
		o.In, o.Out, err = typed[Window, Rows](raw.In, raw.Out)
	case RowsFinal:
		o.In, o.Out, err = typed[Side, RowsEnd](raw.In, raw.Out)
	case Control:
		o.In, o.Out, err = typed[Request, Answer](raw.In, raw.Out)
	case FeedBatch:
		o.In, o.Out, err = typed[Subscription, Batch](raw.In, raw.Out)
	case Audit:
		o.In, o.Out, err = typed[struct{}, AuditLog](raw.In, raw.Out)
	default:
		return fmt.Errorf("kind %q is not known", o.Kind)
	}
	return err
}

// typed decodes the two texts; what is absent is nil.
func typed[I, O any](in, out json.RawMessage) (any, any, error) {
	i, err := one[I](in)
	if err != nil {
		return nil, nil, err
	}
	o, err := one[O](out)
	return i, o, err
}

func one[T any](text json.RawMessage) (any, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var v T
	err := json.Unmarshal(text, &v)
	return v, err
}
