package syncer

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// rawEvent is an event as it stands in a compressed transaction: without a
// checksum, and without a position.
func rawEvent(kind replication.EventType, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 7) // time
	b = append(b, byte(kind))
	b = binary.LittleEndian.AppendUint32(b, 1) // server id
	b = binary.LittleEndian.AppendUint32(b, uint32(replication.EventHeaderSize+len(body)))
	return append(append(b, make([]byte, 6)...), body...) // position, flags
}

func queryBody(text string) []byte {
	b := make([]byte, 8) // thread, seconds
	b = append(b, 1)     // length of the schema's name
	b = append(b, 0, 0)  // error
	b = append(b, 0, 0)  // length of the variables
	return append(append(b, 'd', 0), text...)
}

// payloadBody packs events as MySQL does with binlog_transaction_compression.
func payloadBody(t *testing.T, events ...[]byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	packed := z.EncodeAll(slices.Concat(events...), nil)
	return append([]byte{2, 1, 0 /* zstd */, 3, 3, 0, 1, 0 /* some size */, 0}, packed...)
}

// TestDecodePayload: the events of a compressed transaction are at the place of
// their envelope, so reading can begin behind it (peer-bugs 31).
func TestDecodePayload(t *testing.T) {
	const insert = replication.WRITE_ROWS_EVENTv2
	rows := func(table string) []byte {
		return slices.Concat(rawEvent(replication.TABLE_MAP_EVENT, rowtest.TableMap(t, 1, "d", table, []string{"int"})),
			rawEvent(insert, rowtest.RowsEvent(t, byte(insert), 1, []string{"int"}, []any{1}, []any{2})))
	}
	body := payloadBody(t, rawEvent(replication.QUERY_EVENT, queryBody("BEGIN")), rows("a"), rows("other"), rawEvent(replication.XID_EVENT, make([]byte, 8)))
	d := newDecoder(binlog.MySQL, func(_, table string) bool { return table != "other" })
	var got []string
	decode := func(body []byte) error {
		raw := rawEvent(replication.TRANSACTION_PAYLOAD_EVENT, body)
		const placeAt = 13
		binary.LittleEndian.PutUint32(raw[placeAt:], 9999)
		_, err := d.event(raw, func(h *replication.EventHeader, content any) error {
			line := fmt.Sprintf("%d %T", h.LogPos, content)
			switch e := content.(type) {
			case *rowevent.Rows:
				line = fmt.Sprintf("%d rows of %s: %d", h.LogPos, e.Table.Name, len(e.Images))
			case *replication.QueryEvent:
				line = fmt.Sprintf("%d %s", h.LogPos, e.Query)
			}
			got = append(got, line)
			return nil
		})
		return err
	}
	if err := decode(body); err != nil {
		t.Fatal(err)
	}
	want := []string{"9999 BEGIN", "9999 rows of a: 2", "9999 rows of other: 0", "9999 *replication.XIDEvent"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for n := range body {
		if err := decode(body[:n]); err == nil {
			t.Errorf("%d bytes of %d are taken for a whole transaction", n, len(body))
		}
	}
	if err := decode([]byte{2, 1, 7, 0}); !fault.Is(err, fault.Unsupported) {
		t.Errorf("another compression: %v", err)
	}
}
