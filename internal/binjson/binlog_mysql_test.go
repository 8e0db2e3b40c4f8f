//go:build mysql

package binjson

import (
	"context"
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/testbed"
)

// image is a row of the table as an event has it: of an INSERT, or before or
// after an UPDATE.
type image struct {
	step    int
	doc     []byte // a document, or the diffs of a partial update
	partial bool
	before  []byte // the document that the diffs change
}

// rowImages reads the images of the table's rows from a position to the end.
func rowImages(t *testing.T, up *testbed.Server, from testbed.BinlogPosition) (out []image) {
	t.Helper()
	eachEvent(t, up, from, func(e *replication.BinlogEvent) {
		switch e.Header.EventType {
		case replication.WRITE_ROWS_EVENTv2, replication.UPDATE_ROWS_EVENTv2, replication.PARTIAL_UPDATE_ROWS_EVENT:
			out = append(out, parseRows(e.Header.EventType, e.Event.(*replication.GenericEvent).Data)...)
		}
	})
	return out
}

// eachEvent reads a file of the binlog from a position to the end.
func eachEvent(t *testing.T, up *testbed.Server, from testbed.BinlogPosition, do func(*replication.BinlogEvent)) {
	t.Helper()
	end, err := testbed.BinlogEnd(t.Context(), up.DB())
	if err != nil {
		t.Fatal(err)
	}
	c := up.Config()
	s := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{ServerID: 4711, Flavor: "mysql", Host: c.Host, Port: uint16(c.Port),
		User: c.User, Password: c.Password.Reveal(), RawModeEnabled: true, Logger: slog.New(slog.DiscardHandler)})
	defer s.Close()
	stream, err := s.StartSync(gomysql.Position{Name: from.Name, Pos: from.Pos})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		e, err := stream.GetEvent(ctx)
		if err != nil {
			t.Fatal(err)
		}
		do(e)
		if e.Header.LogPos >= end.Pos {
			return
		}
	}
}

// parseRows reads an event of the table: table id and flags, extra data, count
// of columns, bitmaps of columns, rows.
func parseRows(typ replication.EventType, data []byte) []image {
	data = data[8:]
	data = data[binary.LittleEndian.Uint16(data):]
	if data[0] != 3 { // another table
		return nil
	}
	data = data[1+1:]
	if typ == replication.WRITE_ROWS_EVENTv2 {
		im, rest := parseImage(data)
		out := []image{im}
		for len(rest) > 0 {
			im, rest = parseImage(rest)
			out = append(out, im)
		}
		return out
	}
	data = data[1:]
	var out []image
	for len(data) > 0 {
		var before, after image
		before, data = parseImage(data)
		partial := false
		if typ == replication.PARTIAL_UPDATE_ROWS_EVENT {
			options := data[0]
			data = data[1:]
			if options == 1 {
				partial = data[0]&1 != 0
				data = data[1:]
			}
		}
		after, data = parseImage(data)
		after.partial, after.before = partial, before.doc
		out = append(out, before, after)
	}
	return out
}

// parseImage reads one row: the bits of NULLs, id, step, length and document.
func parseImage(data []byte) (image, []byte) {
	im := image{step: int(binary.LittleEndian.Uint32(data[5:]))}
	n := binary.LittleEndian.Uint32(data[9:])
	im.doc = data[13 : 13+n]
	return im, data[13+n:]
}
