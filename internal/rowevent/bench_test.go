package rowevent_test

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/rowevent/rowtest"
)

// BenchmarkRows is the work for an event with so many rows of a sysbench table.
func BenchmarkRows(b *testing.B) {
	columns := []string{"int", "int", "char(120)", "char(60)"}
	row := []any{500123, 498765, strings.Repeat("68487932199-", 10), strings.Repeat("96439406143-", 4)}
	tableMap := rowtest.TableMap(b, 5, "sbtest", "sbtest1", columns)
	for name, n := range map[string]int{"1": 1, "100": 100} {
		b.Run(name, func(b *testing.B) {
			var rows [][]any
			for range n {
				rows = append(rows, row)
			}
			body := rowtest.RowsEvent(b, insert, 5, columns, rows...)
			d := rowevent.NewDecoder()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.TableMap(tableMap); err != nil {
					b.Fatal(err)
				}
				if _, err := d.Rows(insert, body, everything); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
