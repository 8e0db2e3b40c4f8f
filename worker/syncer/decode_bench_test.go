package syncer

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// BenchmarkDecode reads binlog files that a MariaDB has written, with our decoder
// and with go-mysql's parser, both on one core, each value of each row included,
// under a garbage collector that is set as in dm-worker. The last line of each kind of traffic is the ratio of the two.
func BenchmarkDecode(b *testing.B) {
	testbed.SkipIfShort(b)
	const garbage = 400 // what dm-worker sets
	defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	const wide = "REPEAT('x', 100), REPEAT('y', 59)"
	for _, traffic := range []struct{ name, write string }{
		{"single-row transactions", "FOR i IN 1..50000 DO INSERT INTO d.t VALUES (i, i * 7, " + wide + "); END FOR"},
		{"updates of rows", "INSERT INTO d.t SELECT seq, seq, " + wide + " FROM d.seq_1_to_1000; FOR i IN 1..50 DO UPDATE d.t SET k = k + 1; END FOR"},
		{"statements of 1000 rows", "FOR i IN 0..99 DO INSERT INTO d.t SELECT seq + i * 1000, seq, " + wide + " FROM d.seq_1_to_1000; END FOR"},
		{"narrow rows", "INSERT INTO d.n SELECT seq, seq * 3, '2024-01-01', seq / 7 FROM d.seq_1_to_500000"},
	} {
		b.Run(traffic.name, func(b *testing.B) {
			raw := written(b, traffic.write)
			var ours, theirs float64
			b.Run("raftdm", func(b *testing.B) { ours = speed(b, raw, decodeOurs) })
			b.Run("go-mysql", func(b *testing.B) { theirs = speed(b, raw, decodeTheirs) })
			b.Logf("%s: %d bytes; raftdm %.0f MB/s, go-mysql %.0f MB/s, ratio %.1f", traffic.name, len(raw), ours, theirs, ours/theirs)
		})
	}
}

// written gives the binlog file that a statement has filled.
func written(b *testing.B, statement string) []byte {
	b.Helper()
	s, err := testbed.StartMariaDB(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for _, text := range []string{
		"CREATE DATABASE d", "CREATE TABLE d.t (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL)",
		"CREATE TABLE d.n (id BIGINT PRIMARY KEY, k INT, at DATETIME, v DECIMAL(12,3))",
		"INSERT INTO d.t SELECT 10000000 + seq, seq, 'c', 'p' FROM d.seq_1_to_10", "FLUSH BINARY LOGS",
	} {
		if err := s.Exec(b.Context(), text); err != nil {
			b.Fatal(err)
		}
	}
	at, err := testbed.BinlogEnd(b.Context(), s.DB())
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Exec(b.Context(), "CREATE PROCEDURE d.w() BEGIN "+statement+"; END", "CALL d.w()"); err != nil {
		b.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(s.Dir, "data", at.Name))
	if err != nil {
		b.Fatal(err)
	}
	return raw
}

// speed gives MB/s.
func speed(b *testing.B, raw []byte, decode func([]byte) (int, error)) float64 {
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if n, err := decode(raw); err != nil || n == 0 {
			b.Fatalf("%d values: %v", n, err)
		}
	}
	return float64(len(raw)) * float64(b.N) / b.Elapsed().Seconds() / 1e6
}

// decodeOurs is what the reader does with the events of a connection.
func decodeOurs(raw []byte) (values int, err error) {
	d := newDecoder(binlog.MariaDB, func(string, string) bool { return true })
	var text []byte
	take := func(_ *replication.EventHeader, content any) error {
		e, ok := content.(*rowevent.Rows)
		if !ok {
			return nil
		}
		for _, im := range e.Images {
			for i := range im.Len() {
				v := im.Value(i)
				switch {
				case v.IsNull():
				case v.IsInteger():
					values += 1 + int(v.Int()&0)
				default:
					if text, ok = v.AppendText(text[:0]); !ok {
						raw, _, err := v.Bytes()
						if err != nil {
							return err
						}
						text = append(text[:0], raw...)
					}
					values++
				}
			}
		}
		return nil
	}
	return values, eachEvent(raw, d, take)
}

// eachEvent gives a decoder the events of a file as they come over a connection.
func eachEvent(raw []byte, d *decoder, to yield) error {
	const sizeAt = 9
	for rest := raw[len(replication.BinLogFileHeader):]; len(rest) > 0; {
		n := binary.LittleEndian.Uint32(rest[sizeAt:])
		if _, err := d.event(rest[:n], to); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func decodeTheirs(raw []byte) (values int, err error) {
	parser := replication.NewBinlogParser()
	parser.SetFlavor(mysql.MariaDBFlavor)
	rest := bytes.NewReader(raw[len(replication.BinLogFileHeader):])
	err = parser.ParseReader(rest, func(ev *replication.BinlogEvent) error {
		if e, ok := ev.Event.(*replication.RowsEvent); ok {
			for _, row := range e.Rows {
				values += len(row)
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("go-mysql: %w", err)
	}
	return values, nil
}

// BenchmarkRows takes rows from the bytes of a binlog to the text of statements,
// with all that is done on the way: what a worker costs beside both connections.
func BenchmarkRows(b *testing.B) {
	testbed.SkipIfShort(b)
	for _, traffic := range []struct{ name, write string }{
		{"single-row transactions", "FOR i IN 1..50000 DO INSERT INTO d.t VALUES (i, i * 7, REPEAT('x', 100), REPEAT('y', 59)); END FOR"},
		{"mixed", "INSERT INTO d.t SELECT seq, seq, 'c', 'p' FROM d.seq_1_to_20000; FOR i IN 1..10000 DO START TRANSACTION; " +
			"UPDATE d.t SET k = k + 1 WHERE id = i; UPDATE d.t SET c = i WHERE id = i + 500; DELETE FROM d.t WHERE id = i + 1000; " +
			"INSERT INTO d.t VALUES (i + 1000, i, REPEAT('x', 100), REPEAT('y', 59)); COMMIT; END FOR"},
	} {
		b.Run(traffic.name, func(b *testing.B) {
			raw := written(b, traffic.write)
			table, err := schema.Parse("CREATE TABLE t (id INT PRIMARY KEY, k INT NOT NULL, c CHAR(120) NOT NULL, pad CHAR(60) NOT NULL) CHARSET=utf8mb4", "", "d")
			if err != nil {
				b.Fatal(err)
			}
			p := newPlan(table, &there{table: table}, false)
			rows := 0
			b.ReportAllocs()
			for b.Loop() {
				rows += rowsToText(b, raw, p)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(rows), "ns/row")
		})
	}
}

func rowsToText(b *testing.B, raw []byte, p *plan) (n int) {
	set, err := binlog.ParseGTIDSet(binlog.MariaDB, "")
	if err != nil {
		b.Fatal(err)
	}
	all := func(string, string) bool { return true }
	d := newDecoder(binlog.MariaDB, all)
	g := newGrouper(binlog.Location{Position: binlog.Position{Name: "b.000001", Pos: 4}, GTID: set}, binlog.MariaDB, false, maxTxnBytes, all)
	c := &coordinator{structures: &structures{plans: map[schema.Name]*plan{p.table.Name: p}}, ddl: &ddlRunner{trouble: &trouble{}}}
	o, w := newOrder(1, 100), newWindow(binlog.Location{}, checkpoint.Applied{})
	l := &lane{}
	var group []*Txn
	apply := func() error {
		row, memory, err := w.record(0, l.memory, group)
		if err != nil {
			return err
		}
		l.memory = memory
		if err := l.write(group, true); err != nil {
			return err
		}
		_ = row
		w.finish(group...)
		o.forget(w.takePassed())
		group = group[:0]
		return nil
	}
	emit := func(t *Txn) error {
		if len(t.Rows) == 0 || t.Part > 0 {
			return nil
		}
		if err := c.plan(b.Context(), t); err != nil {
			return err
		}
		if !w.tryAdd(t) {
			b.Fatal("the window is full")
		}
		o.assign(t)
		n += len(t.Rows)
		if group = append(group, t); rows(group) < 100 {
			return nil
		}
		return apply()
	}
	err = eachEvent(raw, d, func(h *replication.EventHeader, content any) error { return g.event(h, content, emit) })
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// BenchmarkMeters is what the metrics cost for each event that is read and for
// each transaction that is handed out, in a busy second.
func BenchmarkMeters(b *testing.B) {
	m := newMetrics(nil, "t", "s", "w")
	d := newDecoder(binlog.MariaDB, func(string, string) bool { return true })
	b.Run("event", func(b *testing.B) {
		r := newReadMeter(m)
		for b.Loop() {
			r.reads()
			r.arrived()
			r.leaves(d, 100)
		}
	})
	b.Run("transaction", func(b *testing.B) {
		j := &jobMeter{m: m}
		t := &Txn{Rows: make([]Row, 1)}
		for b.Loop() {
			j.begins()
			j.sorts()
			j.sorted(t)
			j.handed()
		}
	})
	b.Run("group", func(b *testing.B) {
		l := newLaneMeter(m, 0, 4)
		group := []*Txn{{Rows: make([]Row, 1)}}
		for b.Loop() {
			l.trip("BEGIN", time.Millisecond)
			l.trip("COMMIT", time.Millisecond)
			l.applied(group, 1, 1, time.Millisecond)
		}
	})
}
