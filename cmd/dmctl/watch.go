package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/raftdm/raftdm/rpc/pb"
)

const (
	// watchEvery is how often --watch asks: workers report once a second.
	watchEvery = time.Second
	// barWidth is the length of a bar, and screenWidth of a line: both fit the
	// narrowest terminal in use.
	barWidth    = 24
	screenWidth = 80
)

// watching draws the answers to query-status one after the other until every
// subtask is finished, ctx ends, or the master refuses to answer.
type watching struct {
	out io.Writer
	// screen says that out is a terminal: there lines are drawn anew in their
	// place. Elsewhere a line is written when it has changed.
	screen bool
	ask    func() (*pb.QueryStatusListResponse, error)
	tick   <-chan time.Time

	drawn int               // lines on the screen
	said  map[string]string // the last line about a subtask
}

// isTerminal tells whether somebody looks at what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// run answers whether the last answer was a refusal.
func (w *watching) run(ctx context.Context) (refused bool, err error) {
	w.said = map[string]string{}
	for {
		resp, err := w.ask()
		if err != nil {
			return false, err
		}
		lines, finished := watchLines(resp)
		w.draw(lines)
		if finished || !resp.GetResult() {
			return !resp.GetResult(), nil
		}
		select {
		case <-w.tick:
		case <-ctx.Done():
			return false, nil
		}
	}
}

// line is what --watch shows of one subtask.
type line struct {
	key, text string
	percent   float64 // -1 without a bar
}

// draw writes the lines in the manner of the output.
func (w *watching) draw(lines []line) {
	if !w.screen {
		for _, l := range lines {
			if w.said[l.key] != l.text {
				fmt.Fprintln(w.out, l.key+"  "+l.text)
				w.said[l.key] = l.text
			}
		}
		return
	}
	var b strings.Builder
	if w.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", w.drawn) // back to the first line
	}
	for _, l := range lines {
		text := l.key + "  "
		if l.percent >= 0 {
			text += bar(l.percent) + "  "
		}
		b.WriteString("\r\x1b[2K" + fitScreen(text+l.text) + "\n")
	}
	b.WriteString("\x1b[J") // lines of subtasks that are gone
	w.drawn = len(lines)
	fmt.Fprint(w.out, b.String())
}

// fitScreen cuts a line so that the terminal does not break it.
func fitScreen(s string) string {
	width := screenWidth
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 20 {
		width = n
	}
	if utf8.RuneCountInString(s) < width {
		return s
	}
	return string([]rune(s)[:width-2]) + "…"
}

func bar(percent float64) string {
	n := int(percent / 100 * barWidth)
	n = max(0, min(barWidth, n))
	return "[" + strings.Repeat("#", n) + strings.Repeat("-", barWidth-n) + "]"
}

// watchLines gives a line for each subtask, and whether all of them are finished.
func watchLines(resp *pb.QueryStatusListResponse) (lines []line, finished bool) {
	if resp.GetMsg() != "" {
		lines = append(lines, line{key: "-", text: resp.GetMsg(), percent: -1})
	}
	rows, done := 0, 0
	for _, src := range resp.GetSources() {
		if src.GetMsg() != "" {
			lines = append(lines, line{key: src.GetSourceStatus().GetSource(), text: src.GetMsg(), percent: -1})
		}
		for _, row := range src.GetSubTaskStatus() {
			rows++
			if row.GetStage() == pb.Stage_Finished {
				done++
			}
			lines = append(lines, watchLine(src.GetSourceStatus().GetSource(), row))
		}
	}
	return lines, rows > 0 && rows == done
}

func watchLine(source string, row *pb.SubTaskStatus) line {
	out := line{key: row.GetName() + " " + source, percent: -1}
	parts := []string{row.GetStage().String(), row.GetUnit().String()}
	switch {
	case row.GetDump() != nil:
		d := row.GetDump()
		out.percent = percentOf(d.GetProgress())
		parts = append(parts, d.GetProgress(), speed(d.GetBps()))
		if d.GetEta() != "" {
			parts = append(parts, "ends in "+d.GetEta())
		}
		parts = append(parts, d.GetHeld())
	case row.GetLoad() != nil:
		l := row.GetLoad()
		out.percent = percentOf(l.GetProgress())
		parts = append(parts, l.GetProgress(), speed(l.GetBps()))
		if l.GetEta() != "" {
			parts = append(parts, "ends in "+l.GetEta())
		}
		if l.GetConflictRows() > 0 {
			parts = append(parts, fmt.Sprintf("%d rows were there", l.GetConflictRows()))
		}
		parts = append(parts, l.GetHeld())
	case row.GetSync() != nil:
		y := row.GetSync()
		parts = append(parts, y.GetSyncerBinlog(), fmt.Sprintf("%d rows/s", y.GetRecentRps()), fmt.Sprintf("%d s behind", y.GetSecondsBehindMaster()))
	case row.GetMsg() != "":
		parts = append(parts, row.GetMsg())
	}
	for _, e := range row.GetResult().GetErrors() {
		parts = append(parts, strings.Join(strings.Fields(e.GetMessage()+": "+e.GetRawCause()), " "))
	}
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	out.text = strings.Join(said, "  ")
	return out
}

// percentOf reads "25.44 %"; -1 when it is something else.
func percentOf(progress string) float64 {
	n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(progress, "%")), 64)
	if err != nil {
		return -1
	}
	return n
}

func speed(bps int64) string {
	if bps <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f MB/s", float64(bps)/1e6)
}
