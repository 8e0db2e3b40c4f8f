package testbed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrNotRunning is the answer of an operation that needs a live process.
var ErrNotRunning = errors.New("process is not running")

// errGiveUp in an answer of a readiness check ends the waiting.
var errGiveUp = errors.New("not ready, and waiting does not help")

// process is one child process with its output in a file. It may be started
// again after it ended; only one life at a time.
type process struct {
	name    string // for error texts
	path    string
	args    []string
	dir     string // working directory, "" for ours
	logFile string

	mu   sync.Mutex
	cmd  *exec.Cmd                       // nil before the first start
	news []func(exitedC <-chan struct{}) // called at every start; see follow
	done chan struct{}                   // closed when cmd ended
	err  error                           // result of cmd, valid once done is closed
}

// start launches the process. The child dies with the thread that started it
// (Pdeathsig), so that thread is kept for as long as the child lives.
func (p *process) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.aliveLocked() {
		return fmt.Errorf("%s is running already with pid %d", p.name, p.cmd.Process.Pid)
	}
	out, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.name, err)
	}
	cmd := exec.Command(p.path, p.args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = p.dir
	// A group of its own: Ctrl-C in a terminal reaches only us, and we end
	// our children in a sensible order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	done, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer out.Close()
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		err := cmd.Wait()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(done)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.done, p.err = cmd, done, nil
	for _, f := range p.news {
		f(done)
	}
	return nil
}

// follow has f told of every life of the process, a present one included. It
// must not block.
func (p *process) follow(f func(exitedC <-chan struct{})) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.news = append(p.news, f)
	if p.aliveLocked() {
		f(p.done)
	}
}

func (p *process) aliveLocked() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// livePID gives the id of the present life, 0 when there is none.
func (p *process) livePID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.aliveLocked() {
		return 0
	}
	return p.cmd.Process.Pid
}

// alive tells whether the process runs.
func (p *process) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.aliveLocked()
}

// pid gives the id of the last life, 0 before the first.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// exited gives a channel that is closed when the present life has ended.
func (p *process) exited() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// signal sends one signal to the live process.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.aliveLocked() {
		return fmt.Errorf("%s: %w", p.name, ErrNotRunning)
	}
	return p.cmd.Process.Signal(s)
}

// stop sends SIGTERM and waits for the end; when ctx ends first, the process
// is killed and ctx's error returned. A stopped process is stopped: nil.
func (p *process) stop(ctx context.Context) error {
	if !p.alive() {
		return nil
	}
	// A process that is paused would not see the SIGTERM.
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT} {
		// It may end between the two, before its end is known here.
		if err := p.signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) && p.alive() {
			return err
		}
	}
	select {
	case <-p.exited():
		return nil
	case <-ctx.Done():
		p.kill()
		return fmt.Errorf("%s did not end after SIGTERM and was killed: %w", p.name, ctx.Err())
	}
}

// kill sends SIGKILL and waits for the end.
func (p *process) kill() {
	if p.signal(syscall.SIGKILL) != nil {
		return
	}
	<-p.exited()
}

// pause sends SIGSTOP and waits until the kernel has stopped every thread.
func (p *process) pause() error {
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid()))
		if err != nil {
			return err
		}
		// "pid (name) state ...": the name may hold anything, so look from the end.
		if _, state, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')'):]), " "); ok && strings.HasPrefix(state, "T") {
			return nil
		}
		<-tick.C
	}
	return fmt.Errorf("%s did not stop on SIGSTOP", p.name)
}

// waitReady calls ready every few milliseconds until it answers nil. It gives
// up when the process ends or ctx does, with the end of the log in the error.
func (p *process) waitReady(ctx context.Context, ready func(context.Context) error) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		if errors.Is(err, errGiveUp) {
			p.kill()
			return fmt.Errorf("%s: %w", p.name, err)
		}
		select {
		case <-p.exited():
			return fmt.Errorf("%s ended while starting; the end of %s:\n%s", p.name, p.logFile, tail(p.logFile))
		case <-ctx.Done():
			p.kill()
			return fmt.Errorf("%s was not ready in time: %w; the end of %s:\n%s", p.name, err, p.logFile, tail(p.logFile))
		case <-tick.C:
		}
	}
}

// tail gives the last lines of a log file for an error text.
func tail(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > 4096 {
		if _, err := f.Seek(-4096, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// FreePort gives a port of 127.0.0.1 that nobody listens on, and no other one to any
// process that asks here while this one lives. It lies below the range that the kernel
// takes outgoing ports from.
func FreePort() (int, error) {
	const low, high = 20000, 32000
	for range 200 {
		port := low + rand.IntN(high-low)
		if !reserve(port) {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port between %d and %d on 127.0.0.1", low, high)
}

// reserved are names that the kernel gives to one process only, and takes back when it
// ends: one for each port that was asked for.
var reserved struct {
	sync.Mutex
	names []net.Listener
}

func reserve(port int) bool {
	name, err := net.Listen("unix", fmt.Sprintf("@raftdm-testbed-port-%d", port))
	if err != nil {
		return false
	}
	reserved.Lock()
	defer reserved.Unlock()
	reserved.names = append(reserved.names, name)
	return true
}

// FreeAddr gives "127.0.0.1:port" with a free port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}
