package schema

import (
	"testing"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// benchText is a column of a sysbench table.
const benchText = "68487932199-96439406143-93774651418-41631865787-96406072701-20604855487-25459966574-28203206787-41238978918-19503783441"

// benchCases are the usual columns with a usual value.
var benchCases = []struct {
	name, typ string
	v         any
}{
	{"int", "int", 500123},
	{"bigint unsigned", "bigint unsigned", uint64(1) << 63},
	{"char", "char(120)", benchText},
	{"varchar", "varchar(40)", "Jürgen O'Neill, Straße 1"},
	{"decimal", "decimal(15,2)", "-1234567.89"},
	{"datetime", "datetime", "2024-02-29 12:34:56"},
	{"timestamp", "timestamp(6)", "2024-02-29 12:34:56.123456"},
	{"double", "double", 3.25},
	{"enum", "enum('new','paid','sent')", 2},
	{"varbinary", "varbinary(40)", "\x00\x01\x02\x03"},
	{"latin1", "varchar(40) character set latin1", "J\xfcrgen"},
}

// BenchmarkLiteral is the work for one value.
func BenchmarkLiteral(b *testing.B) {
	for _, bc := range benchCases {
		b.Run(bc.name, func(b *testing.B) {
			c := column(b, bc.typ)
			v := rowtest.Value(b, bc.typ, bc.v)
			b.ReportAllocs()
			var dst []byte
			var err error
			for b.Loop() {
				if dst, err = c.Literal(dst[:0], v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkConflictKeys is the work for one value that is a key.
func BenchmarkConflictKeys(b *testing.B) {
	for _, bc := range benchCases {
		b.Run(bc.name, func(b *testing.B) {
			table := parse(b, "CREATE TABLE t (c "+bc.typ+" PRIMARY KEY) DEFAULT CHARSET=utf8mb4")
			benchmarkKeys(b, table, rowOf(b, table, bc.v))
		})
	}
}

func benchmarkKeys(b *testing.B, table *Table, row rowevent.Image) {
	b.ReportAllocs()
	var dst []uint64
	var err error
	for b.Loop() {
		if dst, err = table.ConflictKeys(dst[:0], row); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRow is the work per row of a sysbench table.
func BenchmarkRow(b *testing.B) {
	table := parse(b, "CREATE TABLE sbtest1 (id int NOT NULL AUTO_INCREMENT, k int NOT NULL DEFAULT 0, c char(120) NOT NULL DEFAULT '', "+
		"pad char(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k (k)) DEFAULT CHARSET=utf8mb4")
	row := rowOf(b, table, 500123, 498765, benchText, benchText[:59])
	b.Run("literals", func(b *testing.B) {
		b.ReportAllocs()
		var dst []byte
		var err error
		for b.Loop() {
			dst = dst[:0]
			for i := range table.Columns {
				if dst, err = table.Columns[i].Literal(dst, row.Value(i)); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("keys", func(b *testing.B) { benchmarkKeys(b, table, row) })
}
