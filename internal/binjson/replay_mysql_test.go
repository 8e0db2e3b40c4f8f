//go:build mysql

package binjson

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"pgregory.net/rapid"

	"github.com/raftdm/raftdm/internal/testbed"
)

// typeVarString is the type of binary strings that are no column's.
const typeVarString = 253

// replay gives a server any bytes as documents and as diffs, by the statement
// BINLOG, which applies events as a replica does.
type replay struct {
	*bench
	tableMap []byte
	tableID  []byte
}

// newReplay learns from the server's own binlog how its events begin.
func newReplay(t *testing.T, up *testbed.Server) *replay {
	t.Helper()
	r := &replay{bench: newBench(t, up)}
	r.exec(t, "SET GLOBAL binlog_checksum = 'NONE'", "FLUSH BINARY LOGS")
	from, err := testbed.BinlogEnd(t.Context(), up.DB())
	if err != nil {
		t.Fatal(err)
	}
	from.Pos = 4
	r.insert(t, "'{}'")
	r.exec(t, "DELETE FROM d.t")
	eachEvent(t, up, from, func(e *replication.BinlogEvent) {
		switch e.Header.EventType {
		case replication.FORMAT_DESCRIPTION_EVENT:
			r.exec(t, "BINLOG '"+base64.StdEncoding.EncodeToString(e.RawData)+"'")
		case replication.TABLE_MAP_EVENT:
			r.tableMap, r.tableID = e.RawData, e.RawData[replication.EventHeaderSize:][:6]
		}
	})
	r.exec(t, "SET SESSION gtid_next = 'AUTOMATIC'") // which the format description event changed
	return r
}

// apply lets the server apply rows of one event.
func (r *replay) apply(t *testing.T, typ replication.EventType, rows []byte) error {
	t.Helper()
	body := slices.Concat(r.tableID, []byte{1, 0, 2, 0, 3, 0xff})
	if typ != replication.WRITE_ROWS_EVENTv2 {
		body = append(body, 0xff)
	}
	body = append(body, rows...)
	head := make([]byte, replication.EventHeaderSize)
	head[4] = byte(typ)
	binary.LittleEndian.PutUint32(head[5:], 1)
	binary.LittleEndian.PutUint32(head[9:], uint32(len(head)+len(body)))
	_, err := r.conn.ExecContext(t.Context(), "BINLOG '"+base64.StdEncoding.EncodeToString(slices.Concat(r.tableMap, head, body))+"'")
	return err
}

// row is a row image; data is a document or diffs.
func row(id int, data []byte) []byte {
	out := binary.LittleEndian.AppendUint32([]byte{0xf8}, uint32(id))
	out = binary.LittleEndian.AppendUint32(out, uint32(id))
	out = binary.LittleEndian.AppendUint32(out, uint32(len(data)))
	return append(out, data...)
}

// texts stores documents, changes them where there are diffs, and gives what
// the server shows.
func (r *replay) texts(t *testing.T, docs, diffs [][]byte) (out []string) {
	t.Helper()
	r.exec(t, "DELETE FROM d.t")
	const atOnce = 200
	for from := 0; from < len(docs); from += atOnce {
		var inserts, updates []byte
		for i := from; i < min(from+atOnce, len(docs)); i++ {
			inserts = append(inserts, row(i, docs[i])...)
			if diffs != nil {
				updates = append(updates, row(i, docs[i])...)
				updates = append(updates, 1, 1) // PARTIAL_JSON, and the first JSON column is partial
				updates = append(updates, row(i, diffs[i])...)
			}
		}
		if err := r.apply(t, replication.WRITE_ROWS_EVENTv2, inserts); err != nil {
			t.Fatal(err)
		}
		if diffs != nil {
			if err := r.apply(t, replication.PARTIAL_UPDATE_ROWS_EVENT, updates); err != nil {
				t.Fatal(err)
			}
		}
	}
	rows, err := r.conn.QueryContext(t.Context(), "SELECT CAST(doc AS CHAR) FROM d.t ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		out = append(out, text)
	}
	if err := rows.Err(); err != nil || len(out) != len(docs) {
		t.Fatalf("%d of %d documents: %v", len(out), len(docs), err)
	}
	return out
}

func (r *replay) compare(t *testing.T, docs, diffs [][]byte) {
	t.Helper()
	for i, want := range r.texts(t, docs, diffs) {
		got, err := AppendText(nil, docs[i])
		if diffs != nil {
			got, err = AppendPatched(nil, docs[i], diffs[i])
		}
		if err != nil || string(got) != want {
			t.Errorf("% x:\n got %s (%v)\nwant %s", docs[i], got, err, want)
			if diffs != nil {
				t.Logf("% x", diffs[i])
			}
		}
	}
	t.Logf("%d documents compared with the server's", len(docs))
}

func seed(t *testing.T) uint64 {
	s := rand.Uint64N(1 << 30)
	if e := os.Getenv("RAFTDM_SEED"); e != "" {
		var err error
		if s, err = strconv.ParseUint(e, 10, 30); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("to repeat: RAFTDM_SEED=%d", s)
	return s
}

// testReplay: the server shows any document, and makes of any diffs, what we
// do, also of documents that its own functions would not write so.
func testReplay(t *testing.T, up *testbed.Server) {
	r := newReplay(t, up)
	start := seed(t)
	t.Run("unlike go-mysql", r.unlikeGoMySQL)
	t.Run("types", r.types)
	t.Run("documents", func(t *testing.T) {
		gen := rapid.Custom(func(t *rapid.T) []byte { return drawEncoder(t).document(drawModel(t, 5, anyScalar())) })
		r.compare(t, examples(gen, start, 3000), nil)
	})
	t.Run("doubles", func(t *testing.T) { r.compare(t, doubles(rand.New(rand.NewPCG(start, 1))), nil) })
	t.Run("diffs", func(t *testing.T) { r.diffs(t, start) })
	t.Run("refused", r.refused)
}

func (r *replay) unlikeGoMySQL(t *testing.T) {
	var docs [][]byte
	for _, c := range unlikeGoMySQL() {
		docs = append(docs, c.doc)
	}
	for i, text := range r.texts(t, docs, nil) {
		if c := unlikeGoMySQL()[i]; text != c.ours {
			t.Errorf("%s: %s, want %s", c.what, text, c.ours)
		}
	}
}

// types is opaque values of every type of column, and of none.
func (r *replay) types(t *testing.T) {
	var docs [][]byte
	for typ := range 256 {
		if !slices.Contains([]int{typeTimestamp, typeDate, typeTime, typeDatetime, typeNewDecimal, typeVarString}, typ) {
			docs = append(docs, encode(array{other{byte(typ), []byte("some\n\"bytes\""), ""}}))
		}
	}
	r.compare(t, docs, nil)
	// Binary strings of MySQL 5.7: newer servers no longer write them, and show
	// their bytes as they are, UTF-8 or not. We show what 5.7 shows.
	doc := encode(other{typeVarString, []byte("abc"), ""})
	ours, err := AppendText(nil, doc)
	if theirs := r.texts(t, [][]byte{doc}, nil)[0]; theirs != `"abc"` || err != nil || string(ours) != `"base64:type253:YWJj"` {
		t.Errorf("we show %s (%v), the server %s", ours, err, theirs)
	}
}

// doubles gives arrays of any doubles, and of such for which the form changes.
func doubles(r *rand.Rand) (docs [][]byte) {
	for range 100 {
		a := array{}
		for len(a) < 300 {
			f := math.Float64frombits(r.Uint64())
			if len(a)%3 > 0 {
				f = math.Pow10(r.IntN(40)-20) * float64(r.Int64N(1<<(1+r.IntN(53))))
			}
			if !math.IsNaN(f) && !math.IsInf(f, 0) {
				a = append(a, f)
			}
		}
		docs = append(docs, encode(a))
	}
	return docs
}

func (r *replay) diffs(t *testing.T, start uint64) {
	type patch struct{ before, diffs []byte }
	gen := rapid.Custom(func(t *rapid.T) patch {
		model := drawModel(t, 4, anyScalar())
		p := patch{before: drawEncoder(t).document(model)}
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			if c, after, ok := drawChange(t, model); ok {
				p.diffs, model = append(p.diffs, encodeDiffs(c)...), after
			}
		}
		return p
	})
	var docs, diffs [][]byte
	for _, p := range examples(gen, start, 3000) {
		docs, diffs = append(docs, p.before), append(diffs, p.diffs)
	}
	r.compare(t, docs, diffs)
}

// refused is what does not fit: an error here, an error there.
func (r *replay) refused(t *testing.T) {
	r.exec(t, "DELETE FROM d.t")
	for i, c := range patchesThatDoNotFit() {
		if err := r.apply(t, replication.WRITE_ROWS_EVENTv2, row(i, patchless)); err != nil {
			t.Fatal(err)
		}
		rows := slices.Concat(row(i, patchless), []byte{1, 1}, row(i, encodeDiffs(c.change)))
		if err := r.apply(t, replication.PARTIAL_UPDATE_ROWS_EVENT, rows); err == nil {
			t.Errorf("the server takes %s at %s", c.op, c.path)
		}
	}
}

func examples[T any](g *rapid.Generator[T], start uint64, n int) (out []T) {
	for i := range n {
		out = append(out, g.Example(int(start)+i))
	}
	return out
}
