package testbed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// Output is what one run of dmctl left behind.
type Output struct {
	Stdout, Stderr string
	Code           int // exit code
}

// Response is the part that nearly all answers of dmctl share.
type Response struct {
	Result  bool           `json:"result"`
	Msg     string         `json:"msg"`
	Sources []SourceResult `json:"sources"`
}

// SourceResult is one source's element of a Response.
type SourceResult struct {
	Result bool   `json:"result"`
	Msg    string `json:"msg"`
	Source string `json:"source"`
	Worker string `json:"worker"`
}

// Dmctl runs dmctl against the cluster's masters. The error is set only when
// dmctl could not be run; what it answered is in the Output.
func (c *Cluster) Dmctl(ctx context.Context, args ...string) (Output, error) {
	return c.DmctlTo(ctx, c.MasterAddr(), args...)
}

// DmctlTo is Dmctl with the masters to ask, addresses separated by commas.
func (c *Cluster) DmctlTo(ctx context.Context, masters string, args ...string) (Output, error) {
	cmd := exec.CommandContext(ctx, c.bin.path("dmctl"), append(append(secureArgs(c.secure("dmctl")), "--master-addr", masters), args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Dir = &stdout, &stderr, c.Dir
	err := cmd.Run()
	out := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		return out, nil
	case errors.As(err, &exit) && exit.Exited():
		out.Code = exit.ExitCode()
		return out, nil
	default:
		return out, fmt.Errorf("dmctl %s: %w", strings.Join(args, " "), errors.Join(err, ctx.Err()))
	}
}

// Do runs dmctl and insists on exit code 0, `"result": true` and, for every
// source, the same.
func (c *Cluster) Do(ctx context.Context, args ...string) (Response, error) {
	var r Response
	if err := c.ask(ctx, &r, args...); err != nil {
		return r, err
	}
	msgs := []string{}
	ok := r.Result
	for _, s := range r.Sources {
		ok = ok && s.Result
		if s.Msg != "" {
			msgs = append(msgs, s.Source+": "+s.Msg)
		}
	}
	if !ok {
		return r, fmt.Errorf("dmctl %s was refused: %s", strings.Join(args, " "), strings.Join(append([]string{r.Msg}, msgs...), "; "))
	}
	return r, nil
}

// ask runs dmctl, insists on exit code 0 and decodes the JSON it printed.
func (c *Cluster) ask(ctx context.Context, into any, args ...string) error {
	return c.askOf(ctx, c.MasterAddr(), into, args...)
}

func (c *Cluster) askOf(ctx context.Context, masters string, into any, args ...string) error {
	out, err := c.DmctlTo(ctx, masters, args...)
	if err != nil {
		return err
	}
	if out.Code != 0 {
		return fmt.Errorf("dmctl %s ended with code %d: %s", strings.Join(args, " "), out.Code,
			strings.TrimSpace(out.Stdout+out.Stderr))
	}
	if err := json.Unmarshal([]byte(out.Stdout), into); err != nil {
		if strings.Contains(out.Stdout, `"result": false`) { // with a check's JSON unescaped inside, as DM prints it
			return fmt.Errorf("dmctl %s was refused:\n%s", strings.Join(args, " "), out.Stdout)
		}
		return fmt.Errorf("dmctl %s printed no JSON: %w\n%s", strings.Join(args, " "), err, out.Stdout)
	}
	return nil
}

// Members is the answer of list-member.
type Members struct {
	Leader  string
	Masters []MasterMember
	Workers []WorkerMember
}

// MasterMember is one master as the one that was asked sees it.
type MasterMember struct {
	Name       string
	Alive      bool
	PeerURLs   []string
	ClientURLs []string
}

// WorkerMember is one worker as the masters see it.
type WorkerMember struct {
	Name, Addr, Stage, Source string
}

// ListMember asks who is in the cluster; no leader is an error.
func (c *Cluster) ListMember(ctx context.Context) (Members, error) {
	return c.ListMemberOf(ctx, c.MasterAddr())
}

// ListMemberOf is ListMember with the masters to ask.
func (c *Cluster) ListMemberOf(ctx context.Context, masters string) (Members, error) {
	var answer struct {
		Result  bool   `json:"result"`
		Msg     string `json:"msg"`
		Members []struct {
			Leader *struct{ Msg, Name, Addr string } `json:"leader"`
			Master *struct {
				Masters []MasterMember `json:"masters"`
			} `json:"master"`
			Worker *struct {
				Msg     string         `json:"msg"`
				Workers []WorkerMember `json:"workers"`
			} `json:"worker"`
		} `json:"members"`
	}
	if err := c.askOf(ctx, masters, &answer, "list-member"); err != nil {
		return Members{}, err
	}
	var m Members
	for _, e := range answer.Members {
		if e.Leader != nil {
			m.Leader = e.Leader.Name
		}
		if e.Master != nil {
			m.Masters = e.Master.Masters
		}
		if e.Worker != nil {
			m.Workers = e.Worker.Workers
		}
	}
	if !answer.Result || m.Leader == "" {
		return m, fmt.Errorf("no master leads: %s", answer.Msg)
	}
	return m, nil
}

// TaskStatus is one subtask in the answer of query-status.
type TaskStatus struct {
	Source string `json:"-"`
	Worker string `json:"-"`
	// Problem is the message of a source that could not be asked.
	Problem string         `json:"-"`
	Name    string         `json:"name"`
	Stage   string         `json:"stage"`
	Unit    string         `json:"unit"`
	Msg     string         `json:"msg"`
	Result  *ProcessResult `json:"result"`
	Dump    *struct {
		TotalTables     Int     `json:"totalTables"`
		CompletedTables float64 `json:"completedTables"`
		FinishedRows    float64 `json:"finishedRows"`
		Progress        string  `json:"progress"`
		LoadedBytes     Int     `json:"loadedBytes"`
		DiskBytes       Int     `json:"diskBytes"`
	} `json:"dump"`
	Load *struct {
		FinishedBytes Int    `json:"finishedBytes"`
		TotalBytes    Int    `json:"totalBytes"`
		Progress      string `json:"progress"`
		BPS           Int    `json:"bps"`
	} `json:"load"`
	Sync *struct {
		TotalEvents      Int    `json:"totalEvents"`
		TotalRows        Int    `json:"totalRows"`
		RecentRPS        Int    `json:"recentRps"`
		MasterBinlog     string `json:"masterBinlog"`
		MasterBinlogGTID string `json:"masterBinlogGtid"`
		SyncerBinlog     string `json:"syncerBinlog"`
		SyncerBinlogGTID string `json:"syncerBinlogGtid"`
		Synced           bool   `json:"synced"`
		Behind           Int    `json:"secondsBehindMaster"`
	} `json:"sync"`
}

// ProcessResult tells why a subtask is not well.
type ProcessResult struct {
	Errors []struct {
		ErrCode                                                     int
		ErrClass, ErrScope, ErrLevel, Message, RawCause, Workaround string
	} `json:"errors"`
}

// Trouble gives everything that the status says about a failure, "" when the
// subtask is well.
func (t TaskStatus) Trouble() string {
	parts := []string{}
	for _, s := range []string{t.Problem, t.Msg} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if t.Result != nil {
		for _, e := range t.Result.Errors {
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("[%s/%s] %s %s %s", e.ErrClass, e.ErrScope, e.Message, e.RawCause, e.Workaround)))
		}
	}
	return strings.Join(parts, "; ")
}

// Caught tells whether the syncer has applied all that the upstream had written
// when the status was taken.
func (t TaskStatus) Caught() bool { return t.Unit == "Sync" && t.Sync != nil && t.Sync.Synced }

// QueryStatus asks for a task; one element per source.
func (c *Cluster) QueryStatus(ctx context.Context, task string) ([]TaskStatus, error) {
	var answer struct {
		Result  bool   `json:"result"`
		Msg     string `json:"msg"`
		Sources []struct {
			Result       bool                             `json:"result"`
			Msg          string                           `json:"msg"`
			SourceStatus *struct{ Source, Worker string } `json:"sourceStatus"`
			Subtasks     []TaskStatus                     `json:"subTaskStatus"`
		} `json:"sources"`
	}
	if err := c.ask(ctx, &answer, "query-status", task); err != nil {
		return nil, err
	}
	if !answer.Result {
		return nil, fmt.Errorf("query-status %s: %s", task, answer.Msg)
	}
	var out []TaskStatus
	for _, s := range answer.Sources {
		list := s.Subtasks
		if len(list) == 0 {
			list = []TaskStatus{{Name: task}}
		}
		for _, t := range list {
			if s.SourceStatus != nil {
				t.Source, t.Worker = s.SourceStatus.Source, s.SourceStatus.Worker
			}
			t.Problem = s.Msg
			out = append(out, t)
		}
	}
	return out, nil
}

// Int is an integer that DM's JSON may print as a string.
type Int int64

// UnmarshalJSON takes 12 and "12".
func (i *Int) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	if err != nil {
		return fmt.Errorf("not an integer: %s", b)
	}
	*i = Int(n)
	return nil
}
