package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/raftdm/raftdm/internal/endpoint"
)

// Binaries is where dm-master, dm-worker and dmctl were built.
type Binaries struct{ Dir string }

// BuildBinaries compiles the product's three programs into dir, with build
// tags if any are given. Without tags the environment variable RAFTDM_BIN may
// name a directory of programs that were built before; those are taken then.
func BuildBinaries(ctx context.Context, dir string, tags ...string) (Binaries, error) {
	if ready := os.Getenv("RAFTDM_BIN"); ready != "" && len(tags) == 0 {
		return Binaries{Dir: ready}, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return Binaries{}, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return Binaries{}, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binaries{}, err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-tags="+strings.Join(tags, ","), "-o", dir+string(filepath.Separator),
		"./cmd/dm-master", "./cmd/dm-worker", "./cmd/dmctl")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return Binaries{}, fmt.Errorf("build dm-master, dm-worker and dmctl: %w\n%s", err, out)
	}
	return Binaries{Dir: dir}, nil
}

func (b Binaries) path(program string) string { return filepath.Join(b.Dir, program) }

// Cluster is a set of dm-master and dm-worker processes whose files live
// under Dir. Its methods are for one goroutine, those of its processes for any.
type Cluster struct {
	Dir string
	// Net, when it is set before anything is started, stands between the
	// processes: they listen behind its gates and know each other by those.
	Net *Net
	// TTL is the workers' keepalive-ttl; by default short enough that a killed
	// worker is missed within a test's patience.
	TTL time.Duration
	// Secure, when it is set before anything is started, gives the certificates
	// of each process by its name, and of "dmctl".
	Secure func(name string) endpoint.Security
	// Args are more arguments of each dm-master and dm-worker.
	Args []string
	// MasterArgs are more arguments of each dm-master.
	MasterArgs []string

	bin     Binaries
	masters []*Process
	workers []*Process
}

// NewCluster prepares a cluster; nothing is started yet.
func NewCluster(dir string, bin Binaries) *Cluster {
	return &Cluster{Dir: dir, bin: bin, TTL: 10 * time.Second}
}

// Process is one dm-master or dm-worker. Stop, Kill and Start may be called in
// turn; address and directory stay the same.
type Process struct {
	Name string
	Addr string // where its clients reach it

	listen string // where it listens; Addr, or behind its gate
	peer   string // a master's address for the others
	proc   *process
	ready  func(ctx context.Context) error
}

// StartWorker starts a dm-worker that joins the cluster's masters and waits
// until the masters know it. extra is added to its arguments.
func (c *Cluster) StartWorker(ctx context.Context, name string, extra ...string) (*Process, error) {
	p, err := c.prepare("dm-worker", name)
	if err != nil {
		return nil, err
	}
	p.proc.args = append([]string{"--name=" + name, "--worker-addr=" + p.listen, "--advertise-addr=" + p.Addr,
		"--join=" + c.MasterAddr(), "--keepalive-ttl=" + strconv.Itoa(int(c.TTL.Seconds()))}, c.more(name, extra)...)
	p.ready = func(ctx context.Context) error {
		if err := c.serves(ctx, p.Addr); err != nil {
			return err
		}
		members, err := c.ListMember(ctx)
		if err != nil {
			return err
		}
		for _, w := range members.Workers {
			if w.Name == name && w.Stage != "offline" {
				return nil
			}
		}
		return fmt.Errorf("worker %s has not registered: %+v", name, members.Workers)
	}
	c.workers = append(c.workers, p)
	return p, p.Start(ctx)
}

func (c *Cluster) prepare(program, name string) (*Process, error) {
	dir := filepath.Join(c.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p := &Process{Name: name, proc: &process{
		name: program + " " + name, path: c.bin.path(program),
		logFile: filepath.Join(dir, program+".log"), dir: dir,
	}}
	if c.Net != nil {
		c.Net.Join(name, p.proc.livePID)
	}
	var err error
	p.listen, p.Addr, err = c.port(p)
	return p, err
}

// port gives a free address for a process to listen on, and the one to tell
// others.
func (c *Cluster) port(p *Process) (listen, advertise string, err error) {
	if listen, err = FreeAddr(); err != nil || c.Net == nil {
		return listen, listen, err
	}
	g, err := c.Net.Gate(p.Name, listen)
	if err != nil {
		return "", "", err
	}
	p.proc.follow(g.Lives)
	return listen, g.Addr(), nil
}

// MasterAddr gives the comma list of the masters' client addresses.
func (c *Cluster) MasterAddr() string {
	list := ""
	for i, m := range c.masters {
		if i > 0 {
			list += ","
		}
		list += m.Addr
	}
	return list
}

// DmctlPath gives the path of the dmctl program.
func (c *Cluster) DmctlPath() string { return c.bin.path("dmctl") }

// Processes gives every process that was started, masters first.
func (c *Cluster) Processes() []*Process {
	return append(append([]*Process(nil), c.masters...), c.workers...)
}

// Close ends the workers, then the masters, each with SIGTERM and, when that
// does not help within some seconds, SIGKILL (which is an error).
func (c *Cluster) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var errs []error
	for _, group := range [][]*Process{c.workers, c.masters} {
		for _, p := range group {
			errs = append(errs, p.Stop(ctx))
		}
	}
	return errors.Join(errs...)
}

// Start starts the process (again) and waits until it is of use.
func (p *Process) Start(ctx context.Context) error {
	if err := p.proc.start(); err != nil {
		return err
	}
	return p.AwaitReady(ctx)
}

// AwaitReady waits until a launched process is of use.
func (p *Process) AwaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	return p.proc.waitReady(ctx, p.ready)
}

// Launch starts the process (again) and does not wait for anything.
func (p *Process) Launch() error { return p.proc.start() }

// Stop sends SIGTERM and waits for the end.
func (p *Process) Stop(ctx context.Context) error { return p.proc.stop(ctx) }

// Kill sends SIGKILL and waits for the end.
func (p *Process) Kill() { p.proc.kill() }

// Pause stops the process where it is (SIGSTOP).
func (p *Process) Pause() error { return p.proc.pause() }

// Continue lets a paused process go on.
func (p *Process) Continue() error { return p.proc.signal(syscall.SIGCONT) }

// PID gives the process id of the present or last life.
func (p *Process) PID() int { return p.proc.pid() }

// MostHeld is the largest resident size that the process had since it was
// launched, in MiB.
func (p *Process) MostHeld() (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(text, []byte("VmHWM:"))
	if fields := bytes.Fields(rest); found && len(fields) > 0 {
		kib, err := strconv.Atoi(string(fields[0]))
		return kib >> 10, err
	}
	return 0, fmt.Errorf("the system does not tell how much memory process %d held", p.PID())
}

// Alive tells whether the process runs.
func (p *Process) Alive() bool { return p.proc.alive() }

// LogFile gives the file with the process's output.
func (p *Process) LogFile() string { return p.proc.logFile }

// LogTail gives the last lines of the log, for the message of a failed test.
func (p *Process) LogTail() string { return tail(p.proc.logFile) }

// more gives the arguments that are not the process's own.
func (c *Cluster) more(name string, extra []string) []string {
	return slices.Concat(secureArgs(c.secure(name)), c.Args, extra)
}

// secure gives the certificates of a process, none in a plain cluster.
func (c *Cluster) secure(name string) endpoint.Security {
	if c.Secure == nil {
		return endpoint.Security{}
	}
	return c.Secure(name)
}

// serves asks a dm process's HTTP status page.
func (c *Cluster) serves(ctx context.Context, addr string) error {
	_, err := c.Page(ctx, addr, "/status")
	return err
}

// Page gives one of a dm process's pages, which must answer with OK.
func (c *Cluster) Page(ctx context.Context, addr, page string) (string, error) {
	client, scheme, err := httpClient(c.secure("dmctl"))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+addr+page, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s%s%s answers %s", scheme, addr, page, resp.Status)
	}
	return string(text), err
}
