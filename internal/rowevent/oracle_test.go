package rowevent_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// oracle is go-mysql's decoder, to which bodies are given as whole events.
type oracle struct{ parser *replication.BinlogParser }

func newOracle(t rowtest.TB) oracle {
	t.Helper()
	o := oracle{replication.NewBinlogParser()}
	o.parser.SetTimestampStringLocation(time.UTC)
	format := append([]byte{4, 0}, make([]byte, 50)...)
	copy(format[2:], "5.5.0")                     // without checksums
	format = append(format, 0, 0, 0, 0, 19)       // time; length of headers
	format = append(format, make([]byte, 200)...) // of each type's own header; all but 6 mean the same
	o.event(t, byte(replication.FORMAT_DESCRIPTION_EVENT), format)
	return o
}

func (o oracle) event(t rowtest.TB, eventType byte, body []byte) replication.Event {
	t.Helper()
	const header = 19
	b := make([]byte, header, header+len(body))
	b[4] = eventType
	binary.LittleEndian.PutUint32(b[9:], uint32(header+len(body)))
	e, err := o.parser.Parse(append(b, body...))
	if err != nil {
		t.Fatalf("go-mysql: %v", err)
	}
	return e.Event
}

// rows reads a table map and a rows event.
func (o oracle) rows(t rowtest.TB, tableMap []byte, eventType byte, body []byte) [][]any {
	t.Helper()
	o.event(t, byte(replication.TABLE_MAP_EVENT), tableMap)
	return o.event(t, eventType, body).(*replication.RowsEvent).Rows
}

// agrees compares a value with what go-mysql makes of it, and tells of a difference.
func agrees(v rowevent.Value, theirs any) string {
	var ours any
	switch theirs.(type) {
	case nil:
		if v.IsNull() {
			return ""
		}
		ours = v.String()
	case int8, int16, int32, int64, int:
		if v.IsInteger() {
			ours, theirs = fmt.Sprint(v.Int()), fmt.Sprint(theirs)
		}
	case uint8, uint16, uint32, uint64:
		if v.IsInteger() {
			ours, theirs = fmt.Sprint(v.Uint()), fmt.Sprint(theirs)
		}
	case float32, float64:
		f, _ := v.Float()
		ours, theirs = fmt.Sprint(f), fmt.Sprint(asFloat64(theirs))
	case string, []byte:
		raw, ok, err := v.Bytes()
		if err != nil {
			return err.Error()
		}
		if !ok {
			raw, _ = v.AppendText(nil)
		}
		ours, theirs = string(raw), fmt.Sprintf("%s", theirs)
		if v.IsTemporal() { // go-mysql gives 00:00:00 for 00:00:00.00
			ours, theirs = withoutZeros(ours.(string)), withoutZeros(theirs.(string))
		}
	}
	if ours == theirs {
		return ""
	}
	return fmt.Sprintf("%s: %v, go-mysql %v (%T)", v.TypeName(), ours, theirs, theirs)
}

func asFloat64(f any) float64 {
	if f, ok := f.(float32); ok {
		return float64(f)
	}
	return f.(float64)
}

func withoutZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
