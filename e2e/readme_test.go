package e2e

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/testbed"
)

var rewriteReadme = flag.Bool("rewrite-readme", false, "write what the commands of the README print into it")

const readmeFile = "../README.md"

// shell is one shell that executes what the README tells to type.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

const endMark = "--end-of-output--"

func newShell(t *testing.T, dir string) *shell {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "--norc")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with what it starts in the background
	in, err := cmd.StdinPipe()
	must(t, err)
	r, w, err := os.Pipe()
	must(t, err)
	cmd.Stdout, cmd.Stderr = w, w
	must(t, cmd.Start())
	must(t, w.Close())
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = r.Close()
	})
	return &shell{t: t, in: in, out: bufio.NewScanner(r)}
}

// do executes a command and gives what it prints.
func (s *shell) do(command string) string {
	s.t.Helper()
	_, err := fmt.Fprintf(s.in, "%s\necho; echo %s\n", command, endMark)
	must(s.t, err)
	var b strings.Builder
	for s.out.Scan() {
		if s.out.Text() == endMark {
			return strings.TrimSpace(b.String())
		}
		b.WriteString(s.out.Text() + "\n")
	}
	s.t.Fatalf("the shell ended in %q: %v\n%s", command, s.out.Err(), b.String())
	return ""
}

// numbers differ from run to run, and with them the widths of columns.
var (
	numbers = regexp.MustCompile(`[0-9][0-9.:TZ-]*`)
	// progress of a task that stands still depends on when it was measured.
	progress = regexp.MustCompile(`[0-9]+ s behind`)
	blanks   = regexp.MustCompile(`[ -]{2,}`)
)

// sameAs compares outputs but for numbers, times and blanks.
func sameAs(a, b string) bool {
	plain := func(s string) string {
		s = progress.ReplaceAllString(s, "synced")
		s = blanks.ReplaceAllString(numbers.ReplaceAllString(s, "0"), " ")
		return regexp.MustCompile(`dmctl \w+`).ReplaceAllString(s, "dmctl USER")
	}
	return plain(a) == plain(b)
}

// walk is the README's walk-through while it is done.
type walk struct {
	*shell
	dir      string
	replace  *strings.Replacer // from what stands there to what is there
	restore  *strings.Replacer
	rendered strings.Builder
}

// console does the commands of a block of the README. A command whose output
// is not yet there is repeated for a while: workers take their time.
func (w *walk) console(block string) string {
	var out strings.Builder
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	for i := 0; i < len(lines); {
		command, ok := strings.CutPrefix(lines[i], "$ ")
		if !ok {
			w.t.Fatalf("output without a command: %q", lines[i])
		}
		fmt.Fprintln(&out, lines[i])
		i++
		for strings.HasSuffix(command, "\\") { // it goes on
			command += "\n" + lines[i]
			fmt.Fprintln(&out, lines[i])
			i++
		}
		var want []string
		for ; i < len(lines) && !strings.HasPrefix(lines[i], "$ "); i++ {
			want = append(want, lines[i])
		}
		got := w.settled(command, strings.TrimSpace(strings.Join(want, "\n")))
		if got != "" {
			fmt.Fprintln(&out, got)
		}
		if len(want) > 0 && want[len(want)-1] == "" {
			fmt.Fprintln(&out)
		}
	}
	return out.String()
}

// settled does a command until it prints what it should; questions only are
// repeated.
func (w *walk) settled(command, want string) string {
	w.t.Helper()
	if strings.HasPrefix(command, "make ") {
		return "" // the test has built the programs
	}
	real := w.replace.Replace(command)
	asks := strings.Contains(command, "query-status") || strings.Contains(command, "list-member") || strings.Contains(command, "SELECT")
	patience := 60 * time.Second
	if *rewriteReadme {
		patience = 6 * time.Second
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		got := w.restore.Replace(w.do(real))
		if !asks || sameAs(want, got) {
			if !sameAs(want, got) && !*rewriteReadme {
				w.t.Errorf("$ %s\n(-README +printed):\n%s", command, cmp.Diff(want, got))
			}
			if sameAs(want, got) {
				return want
			}
			return got
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if !*rewriteReadme {
				w.t.Errorf("$ %s\n(-README +printed):\n%s", command, cmp.Diff(want, got))
			}
			return got
		}
	}
}

// TestReadme does what the README's walk-through tells to do, word by word, and
// compares what is printed: the text is what a new user has.
func TestReadme(t *testing.T) {
	testbed.SkipIfShort(t)
	data, err := os.ReadFile(readmeFile)
	must(t, err)
	up, down := testbed.MariaDB(t), testbed.TiDB(t)
	dir := t.TempDir()
	must(t, os.Symlink(shared.Binaries(t).Dir, filepath.Join(dir, "bin")))
	pairs := []string{"-P3306 -uroot", fmt.Sprintf("-P%d -uroot -p%s", up.Port, up.Password), "-P4000 -uroot", fmt.Sprintf("-P%d -uroot -p%s", down.Port, down.Password)}
	for _, port := range []int{3306, 4000, 8261, 8291, 8262} {
		to := map[int]int{3306: up.Port, 4000: down.Port}[port]
		if to == 0 {
			to, err = testbed.FreePort()
			must(t, err)
		}
		pairs = append(pairs, strconv.Itoa(port), strconv.Itoa(to))
	}
	pairs = append(pairs, `password: ""`, fmt.Sprintf("password: %q", down.Password))
	var back []string
	for i := 4; i+1 < len(pairs)-2; i += 2 {
		back = append(back, pairs[i+1], pairs[i])
	}
	w := &walk{shell: newShell(t, dir), dir: dir, replace: strings.NewReplacer(pairs...), restore: strings.NewReplacer(back...)}

	before, rest, ok := strings.Cut(string(data), "<!-- walk-through -->\n")
	text, after, ends := strings.Cut(rest, "<!-- end of the walk-through -->\n")
	if !ok || !ends {
		t.Fatal("the README has no walk-through")
	}
	w.follow(text)
	if *rewriteReadme {
		must(t, os.WriteFile(readmeFile, []byte(before+"<!-- walk-through -->\n"+w.rendered.String()+"<!-- end of the walk-through -->\n"+after), 0o644))
	}
}

// follow goes through the text: files are written, commands are done.
func (w *walk) follow(text string) {
	for text != "" {
		prose, rest, ok := strings.Cut(text, "```")
		w.rendered.WriteString(prose)
		if !ok {
			return
		}
		head, rest, _ := strings.Cut(rest, "\n")
		block, rest, ends := strings.Cut(rest, "```\n")
		if !ends {
			w.t.Fatalf("a block of %s does not end", head)
		}
		text = rest
		switch head {
		case "console":
			block = w.console(block)
		case "yaml":
			name, _, _ := strings.Cut(strings.TrimPrefix(block, "# "), "\n")
			must(w.t, os.WriteFile(filepath.Join(w.dir, name), []byte(w.replace.Replace(block)), 0o600))
		default:
			w.t.Fatalf("a block of kind %q", head)
		}
		w.rendered.WriteString("```" + head + "\n" + block + "```\n")
	}
}
