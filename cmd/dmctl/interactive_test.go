package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/raftdm/raftdm/rpc/rpctest"
)

// asDmctl in the environment makes the test's binary a dmctl: what needs a
// terminal needs a process.
const asDmctl = "RAFTDM_TEST_AS_DMCTL"

func TestMain(m *testing.M) {
	if os.Getenv(asDmctl) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestGoldenInteractive: lines that a script writes, blanks around them, errors
// in between, and an end without exit.
func TestGoldenInteractive(t *testing.T) {
	s := rpctest.Open(t)
	addr := rpctest.Start(t, s, rpctest.Options{})
	tr := &transcript{t: t, addr: addr}
	for _, in := range []string{
		"  operate-source   show \n\nlist-member -w\noperate-source create testdata/missing.yaml\nnonsense\nquery-status a b\nhelp transfer-source\n--fail query-status nothing\nexit\nlist-member\n",
		"query-status",
		"",
	} {
		var out, errs bytes.Buffer
		p := program{Args: []string{"-master-addr", addr}, Getenv: func(name string) string { return map[string]string{"https_proxy": "x"}[name] },
			Stdin: strings.NewReader(in), Stdout: &out, Stderr: &errs}
		code := p.Run(t.Context())
		fmt.Fprintf(&tr.text, "%s\nstderr: %s\nexit code %d\n\n", out.String(), errs.String(), code)
	}
	text := tr.text.String()
	tr.text.Reset()
	for line := range strings.Lines(text) {
		for _, what := range []string{"Release Version: ", "Git Commit Hash: ", "Git Branch: ", "UTC Build Time: ", "Go Version: "} {
			if strings.HasPrefix(line, what) {
				line = what + "…\n"
			}
		}
		tr.text.WriteString(line)
	}
	tr.compare("interactive.txt")
}

func TestInteractiveWithoutMasters(t *testing.T) {
	var errs bytes.Buffer
	p := program{Args: []string{"--master-addr", "127.0.0.1:1"}, Getenv: func(string) string { return "" },
		Stdin: strings.NewReader("exit\n"), Stdout: io.Discard, Stderr: &errs}
	if code := p.Run(t.Context()); code != 1 || !strings.Contains(errs.String(), "code=48001") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// terminal is a pseudo terminal with a program on its other end.
type terminal struct {
	t    *testing.T
	f    *os.File
	cmd  *exec.Cmd
	seen bytes.Buffer
}

func openTerminal(t *testing.T, home, addr string) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	f := os.NewFile(uintptr(fd), "ptmx") // not blocking, so that reading may have a deadline
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	far, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "--master-addr", addr)
	cmd.Env = append(os.Environ(), asDmctl+"=1", "HOME="+home, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = far, far, far
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(cmd.Start(), far.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return &terminal{t: t, f: f, cmd: cmd}
}

// await reads until a text has come.
func (x *terminal) await(text string) {
	x.t.Helper()
	buf := make([]byte, 4096)
	if err := x.f.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		x.t.Fatal(err)
	}
	for !strings.Contains(x.seen.String(), text) {
		n, err := x.f.Read(buf)
		x.seen.Write(buf[:n])
		if err != nil {
			x.t.Fatalf("%v while waiting for %q; seen:\n%q", err, text, x.seen.String())
		}
	}
	_, rest, _ := strings.Cut(x.seen.String(), text)
	x.seen.Reset()
	x.seen.WriteString(rest)
}

func (x *terminal) write(text string) {
	x.t.Helper()
	if _, err := x.f.WriteString(text); err != nil {
		x.t.Fatal(err)
	}
}

// end waits for the program.
func (x *terminal) end() {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 20*time.Second)
	defer cancel()
	unhook := context.AfterFunc(ctx, func() { _ = x.cmd.Process.Kill() })
	defer unhook()
	if err := x.cmd.Wait(); err != nil {
		x.t.Errorf("dmctl ended with %v", err)
	}
}

// TestTerminal: a person edits, completes, calls lines back in a later session,
// and leaves by ^D and ^C; passwords are not kept.
func TestTerminal(t *testing.T) {
	home := t.TempDir()
	addr := rpctest.Start(t, rpctest.Open(t), rpctest.Options{})
	x := openTerminal(t, home, addr)
	x.await("Welcome to dmctl")
	x.await("» ")
	x.write("encrypt unique-secret\r")
	x.await("secret\r\n")
	x.await("\r\n") // the ciphertext
	x.await("» ")
	x.write("list-mem\t -l\r")
	x.await(`"name": "master-1"`)
	x.await("» ")   // between prompts the terminal takes keys for itself
	x.write("\x04") // ^D
	x.end()

	data, err := os.ReadFile(filepath.Join(home, ".dmctl_history"))
	if err != nil || string(data) != "list-member  -l\n" {
		t.Errorf("history %q, %v", data, err)
	}
	if info, err := os.Stat(filepath.Join(home, ".dmctl_history")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}

	x = openTerminal(t, home, addr)
	x.await("» ")
	x.write("\x1b[A\r") // arrow up
	x.await(`"name": "master-1"`)
	x.await("» ")
	x.write("abc\x03") // ^C
	x.end()
}
