package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/raftdm/raftdm/internal/testbed"
)

// screen prints steps, remarks below them, and one line that is rewritten in
// place on a terminal and printed now and then into a file.
type screen struct {
	out   *os.File
	tty   bool
	began time.Time
	open  bool      // a progress line stands unfinished
	last  time.Time // of the last progress line
}

func newScreen(out *os.File) *screen {
	st, err := out.Stat()
	return &screen{out: out, tty: err == nil && st.Mode()&os.ModeCharDevice != 0, began: time.Now()}
}

func (s *screen) age() time.Duration { return time.Since(s.began) }

func (s *screen) print(prefix, format string, args ...any) {
	s.endLine()
	// Nothing can be done about a terminal that is gone.
	_, _ = io.WriteString(s.out, prefix+fmt.Sprintf(format, args...)+"\n")
}

func (s *screen) step(format string, args ...any) {
	s.print(fmt.Sprintf("\n[%5.1fs] ", s.age().Seconds()), format, args...)
}
func (s *screen) note(format string, args ...any)    { s.print("         ", format, args...) }
func (s *screen) command(format string, args ...any) { s.print("         $ ", format, args...) }

// progress shows the state of the moment.
func (s *screen) progress(line string) {
	if s.tty {
		s.open = true
		_, _ = io.WriteString(s.out, "\r\033[K         "+line)
		return
	}
	if time.Since(s.last) >= 2*time.Second {
		s.last = time.Now()
		s.note("%s", line)
	}
}

// endLine leaves the progress line standing and goes below it.
func (s *screen) endLine() {
	if s.open {
		s.open = false
		_, _ = io.WriteString(s.out, "\n")
	}
}

// progress makes the line from one status to the next: rates need two.
type progress struct {
	demo *demo
	unit string
	at   time.Time
	done int64
	rate float64
}

// loaded turns bytes of the dump into rows: the status has none for the load,
// and here all rows are about equally long.
func (p *progress) loaded(done, total int64) int64 {
	if total == 0 {
		return 0
	}
	return int64(float64(done) / float64(total) * float64(p.demo.rows))
}

func (p *progress) show(t testbed.TaskStatus) {
	var line string
	switch {
	case t.Dump != nil && t.Unit == "Dump":
		line = fmt.Sprintf("dump       %-9s %8s rows/s", t.Dump.Progress, thousands(p.per(t.Unit, int64(t.Dump.FinishedRows))))
	case t.Load != nil && t.Unit == "Load":
		line = fmt.Sprintf("load       %-9s %8s rows/s", t.Load.Progress, thousands(p.per(t.Unit, p.loaded(int64(t.Load.FinishedBytes), int64(t.Load.TotalBytes)))))
	case t.Sync != nil && t.Unit == "Sync":
		line = fmt.Sprintf("replicate  %-9s %8s rows/s  lag %ds", caught(t), thousands(p.per(t.Unit, int64(t.Sync.TotalRows))), t.Sync.Behind)
	default:
		line = "waiting for the worker"
	}
	c := p.demo.work.Counts()
	line += fmt.Sprintf("   upstream: %s rows changed", thousands(c.Rows()))
	if why := t.Trouble(); why != "" {
		line += "   " + why
	}
	p.demo.screen.progress(line)
}

func caught(t testbed.TaskStatus) string {
	if t.Sync.Synced {
		return "in step"
	}
	return "behind"
}

// per gives the growth per second since the last different look.
func (p *progress) per(unit string, done int64) int64 {
	now := time.Now()
	if p.unit != unit || done < p.done {
		*p = progress{demo: p.demo, unit: unit, at: now, done: done}
		return 0
	}
	if elapsed := now.Sub(p.at).Seconds(); elapsed >= 1 {
		p.rate = float64(done-p.done) / elapsed
		p.at, p.done = now, done
	}
	return int64(p.rate)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func short(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
