package checkpoint_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// TestXAParts: what is stored comes back part by part, whatever bytes it has; a
// record that is missing is noticed.
func TestXAParts(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx := t.Context()
		m, err := checkpoint.Open(ctx, db, subtask(t, "it's"), 1)
		must(t, err)
		other, err := checkpoint.Open(ctx, db, subtask(t, "other"), 1)
		must(t, err)
		xid := "X'" + strings.Repeat("f0", 64) + "',X'" + strings.Repeat("27", 64) + "',4294967295"
		data := make([]byte, checkpoint.MaxXAData+1)
		for i := range data {
			data[i] = byte(i * 7)
		}
		first := checkpoint.XAPart{Begin: binlog.Position{Name: "b'.000001", Pos: 4}}
		second := checkpoint.XAPart{Part: 1 << 40, Begin: first.Begin}
		for _, text := range [][]byte{
			m.AppendXAChunk(nil, xid, first, 0, data[:checkpoint.MaxXAData]),
			m.AppendXAChunk(nil, xid, first, 1, data[checkpoint.MaxXAData:]),
			m.AppendXAChunk(nil, xid, second, 0, nil),
			other.AppendXAChunk(nil, xid, first, 0, []byte("x")),
		} {
			if len(text) > 900<<10 {
				t.Errorf("a statement of %d bytes", len(text))
			}
			_, err := db.ExecContext(ctx, string(text))
			must(t, err)
		}
		first.Chunks, second.Chunks = 2, 1
		parts, err := m.XAParts(ctx, xid)
		must(t, err)
		if diff := cmp.Diff([]checkpoint.XAPart{first, second}, parts); diff != "" {
			t.Error(diff)
		}
		if got, err := m.XAData(ctx, xid, first); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if got, err := m.XAData(ctx, xid, second); err != nil || len(got) > 0 {
			t.Errorf("%q, %v", got, err)
		}
		for _, chunk := range []string{"1", "0"} {
			_, err := db.ExecContext(ctx, string(m.AppendXARemoval(nil, xid, &first))+" AND chunk = "+chunk)
			must(t, err)
			if _, err := m.XAData(ctx, xid, first); !fault.Is(err, fault.Corrupt) {
				t.Errorf("without record %s: %v", chunk, err)
			}
		}
		_, err = db.ExecContext(ctx, string(m.AppendXARemoval(nil, xid, nil)))
		must(t, err)
		if parts, err = m.XAParts(ctx, xid); err != nil || len(parts) > 0 {
			t.Errorf("%v, %v", parts, err)
		}
		if parts, err = other.XAParts(ctx, xid); err != nil || len(parts) != 1 {
			t.Errorf("another source: %v, %v", parts, err)
		}
		_, err = db.ExecContext(ctx, m.XASeen(xid))
		must(t, err)
		if parts, err = m.XAParts(ctx, xid); err != nil || len(parts) != 1 || parts[0].Part != 0 {
			t.Errorf("said by a person: %v, %v", parts, err)
		}
		must(t, checkpoint.Remove(ctx, db, m.Schema, m.Task))
		if _, err := m.XAParts(ctx, xid); err == nil {
			t.Error("the table is still there")
		}
	})
}

// TestOlderTargetGetsXATable: opening makes what a version before did not know.
func TestOlderTargetGetsXATable(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		m, err := checkpoint.Open(t.Context(), db, subtask(t, "s"), 1)
		must(t, err)
		_, err = db.ExecContext(t.Context(), "DROP TABLE "+dbconn.Ident(m.Schema, m.Task+"_raftdm_xa"))
		must(t, err)
		m, err = checkpoint.Open(t.Context(), db, subtask(t, "s"), 2)
		must(t, err)
		if parts, err := m.XAParts(t.Context(), "X'61',X'',1"); err != nil || len(parts) > 0 {
			t.Errorf("%v, %v", parts, err)
		}
	})
}

// TestPhaseWithPreparedXA: the place before the snapshot comes back, and a phase
// that an earlier version wrote has none.
func TestPhaseWithPreparedXA(t *testing.T) {
	onBoth(t, func(t *testing.T, db *dbconn.DB) {
		ctx := t.Context()
		m, err := checkpoint.Open(ctx, db, subtask(t, "s"), 1)
		must(t, err)
		set, err := binlog.ParseGTIDSet(binlog.MariaDB, "0-1-7")
		must(t, err)
		at := binlog.Location{Position: binlog.Position{Name: "b.000002", Pos: 9}, GTID: set}
		for _, prepared := range []binlog.Location{{Position: binlog.Position{Name: "b.000001", Pos: 4}, GTID: set}, {}} {
			want := checkpoint.Phase{Unit: status.UnitSync, DumpID: "abc", Snapshot: at, Prepared: prepared}
			must(t, inTx(ctx, db, func(ex checkpoint.Execer) error { return m.SetPhase(ctx, ex, want) }))
			got, err := m.Phase(ctx)
			if err != nil || !got.Snapshot.GTID.Equal(at.GTID) || got.Snapshot.Position != at.Position ||
				got.Prepared.Position != prepared.Position || !got.Prepared.GTID.Equal(prepared.GTID) {
				t.Errorf("%+v, %v", got, err)
			}
		}
	})
}
