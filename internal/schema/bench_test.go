package schema

import "testing"

// BenchmarkRow is the work per row of a sysbench table.
func BenchmarkRow(b *testing.B) {
	table, err := Parse("CREATE TABLE sbtest1 (id int NOT NULL AUTO_INCREMENT, k int NOT NULL DEFAULT 0, c char(120) NOT NULL DEFAULT '', "+
		"pad char(60) NOT NULL DEFAULT '', PRIMARY KEY (id), KEY k (k)) DEFAULT CHARSET=utf8mb4", "", "sbtest")
	if err != nil {
		b.Fatal(err)
	}
	text := "68487932199-96439406143-93774651418-41631865787-96406072701-20604855487-25459966574-28203206787-41238978918-19503783441"
	row := []any{int32(500123), int32(498765), text, text[:59]}
	b.Run("literals", func(b *testing.B) {
		var dst []byte
		for b.Loop() {
			dst = dst[:0]
			for i, v := range row {
				if dst, err = table.Columns[i].Literal(dst, v); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("keys", func(b *testing.B) {
		for b.Loop() {
			if _, err := table.ConflictKeys(row); err != nil {
				b.Fatal(err)
			}
		}
	})
}
