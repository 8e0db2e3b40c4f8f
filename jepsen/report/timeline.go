package report

import (
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/jepsen/history"
)

// Sizes of the drawing, in pixels.
const (
	perSecond = 8
	rowHeight = 26
	left      = 200
)

// timeline draws what happened when: the faults as bands, and below one row
// for each kind of operation with the ends per second by outcome.
func timeline(h history.History, found []error) string {
	var b strings.Builder
	b.WriteString("<!doctype html><meta charset=utf-8><title>jepsen</title><style>body{font:13px sans-serif}pre{white-space:pre-wrap}</style>\n")
	for _, e := range found {
		fmt.Fprintf(&b, "<pre>%s</pre>\n", html.EscapeString(e.Error()))
	}
	end := int64(0)
	bins := map[history.Kind]map[int]map[history.Outcome]int{}
	for _, o := range h.Ops {
		at := o.Return
		if at == history.Never {
			at = o.Call
		}
		end = max(end, at)
		second := int(time.Duration(at) / time.Second)
		if bins[o.Kind] == nil {
			bins[o.Kind] = map[int]map[history.Outcome]int{}
		}
		if bins[o.Kind][second] == nil {
			bins[o.Kind][second] = map[history.Outcome]int{}
		}
		bins[o.Kind][second][o.Outcome]++
	}
	width := left + x(end) + 40
	height := rowHeight * (len(h.Faults) + len(bins) + 2)
	fmt.Fprintf(&b, "<svg width=%d height=%d>\n", width, height)
	y := rowHeight
	for _, f := range h.Faults {
		to := min(f.End, end)
		bar(&b, left+x(f.Start), y, max(x(to)-x(f.Start), 2), rowHeight-8, "#c60")
		text(&b, 0, y, fmt.Sprintf("%s at %s", f.Name, time.Duration(f.Start).Round(100*time.Millisecond)))
		y += rowHeight
	}
	for _, kind := range slices.Sorted(maps.Keys(bins)) {
		text(&b, 0, y, string(kind))
		most := 1
		for _, n := range bins[kind] {
			most = max(most, n[history.OK]+n[history.Failed]+n[history.Unknown])
		}
		for second, n := range bins[kind] {
			base := y + rowHeight - 6
			for _, o := range []struct {
				outcome history.Outcome
				colour  string
			}{{history.OK, "#393"}, {history.Failed, "#999"}, {history.Unknown, "#c33"}} {
				tall := n[o.outcome] * (rowHeight - 6) / most
				if n[o.outcome] > 0 {
					tall = max(tall, 1)
				}
				base -= tall
				bar(&b, left+second*perSecond, base, perSecond-1, tall, o.colour)
			}
		}
		y += rowHeight
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func x(at int64) int { return int(time.Duration(at).Seconds() * perSecond) }

func bar(b *strings.Builder, x, y, width, height int, colour string) {
	fmt.Fprintf(b, "<rect x=%d y=%d width=%d height=%d fill=%q />\n", x, y, width, height, colour)
}

func text(b *strings.Builder, x, y int, s string) {
	fmt.Fprintf(b, "<text x=%d y=%d>%s</text>\n", x, y+rowHeight-10, html.EscapeString(s))
}
