package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/testbed"
	"github.com/raftdm/raftdm/jepsen/cluster"
	"github.com/raftdm/raftdm/jepsen/history"
)

// Operations is what operators do with dmctl at random masters: a source that
// no task has comes, moves and goes; one small task is paused and resumed, and
// another one stopped and started. The tasks with the traffic are left alone.
//
// What is recorded as a read is what the masters promise to be up to date: that
// a source or task exists, and who serves a source. The stage in query-status is
// the worker's word and lags, so that it is looked at in the end only, when it
// does not change any more.
type Operations struct{ Rates Rates }

// Name gives "operations".
func (o *Operations) Name() string { return "operations" }

const (
	pausedTask   = "ops-a"
	restartTask  = "ops-b"
	extraSource  = "extra"
	opsSchema    = "ops"
	dmctlTimeout = 30 * time.Second
	// calm is how often in a row, a second apart, a stage must be the same to be final.
	calm = 5
)

// Setup makes a small table and starts both tasks.
func (o *Operations) Setup(ctx context.Context, env Env) error {
	for _, task := range []string{pausedTask, restartTask} {
		schema := opsSchema + task[len(task)-1:]
		err := env.Upstreams[0].Exec(ctx, "CREATE DATABASE "+schema, "CREATE TABLE "+schema+".t (id INT PRIMARY KEY)", "INSERT INTO "+schema+".t VALUES (1)")
		if err != nil {
			return err
		}
		path, err := env.TaskFile(task, 0, schema)
		if err != nil {
			return err
		}
		if err := env.Do(ctx, "start-task", path); err != nil {
			return err
		}
	}
	return nil
}

// Run lets the operators work until ctx ends.
func (o *Operations) Run(ctx context.Context, env Env, rng *rand.Rand, rec *history.Recorder) error {
	files, err := o.files(env)
	if err != nil {
		return err
	}
	c := crew{g: new(errgroup.Group), rng: rng}
	for n := range o.Rates.Operators {
		client := fmt.Sprintf("operator %d", n)
		c.add(ctx, o.Rates.OperatePause, func(_ context.Context, r *rand.Rand) {
			in := pick(r)
			in.Master = r.IntN(len(env.Masters())+1) - 1
			in.Worker = ""
			if in.Verb == history.TransferSource {
				in.Worker = env.Workers()[r.IntN(len(env.Workers()))].Name
			}
			// A context of its own: masters take longer over an answer than servers.
			op, cancel := context.WithTimeout(context.WithoutCancel(ctx), dmctlTimeout+opLimit)
			defer cancel()
			ask(op, env, rec, client, in, files)
		})
	}
	return c.g.Wait()
}

// files gives the task and source files of the objects.
func (o *Operations) files(env Env) (map[string]string, error) {
	out := map[string]string{}
	var err error
	if out[restartTask], err = env.TaskFile(restartTask, 0, opsSchema+"b"); err != nil {
		return nil, err
	}
	f := testbed.SourceFile{ID: extraSource, GTID: true, From: env.SourceConfig(0)}
	out[extraSource] = filepath.Join(filepath.Dir(out[restartTask]), extraSource+".yaml")
	return out, os.WriteFile(out[extraSource], []byte(f.YAML()), 0o600)
}

// pick draws what an operator does next.
func pick(r *rand.Rand) history.Request {
	source := func(verb string) history.Request { return history.Request{Verb: verb, Object: extraSource} }
	task := func(verb, task string) history.Request { return history.Request{Verb: verb, Object: task} }
	all := []history.Request{
		source(history.CreateSource), source(history.CreateSource), source(history.StopSource),
		source(history.ShowSource), source(history.ShowSource), source(history.TransferSource),
		task(history.PauseTask, pausedTask), task(history.ResumeTask, pausedTask), task(history.QueryTask, pausedTask),
		task(history.StartTask, restartTask), task(history.StopTask, restartTask), task(history.PauseTask, restartTask), task(history.QueryTask, restartTask),
		{Verb: history.ListWorkers},
	}
	return all[r.IntN(len(all))]
}

// arguments gives dmctl's command line of a request.
func arguments(in history.Request, files map[string]string) []string {
	args := []string{"--rpc-timeout", dmctlTimeout.String()}
	switch in.Verb {
	case history.CreateSource:
		return append(args, "operate-source", "create", files[in.Object])
	case history.StopSource:
		return append(args, "operate-source", "stop", in.Object)
	case history.ShowSource:
		return append(args, "operate-source", "show", "-s", in.Object)
	case history.TransferSource:
		return append(args, "transfer-source", in.Object, in.Worker)
	case history.ListWorkers:
		return append(args, "list-member", "--worker")
	case history.StartTask:
		return append(args, "start-task", files[in.Object])
	case history.StopTask:
		return append(args, "stop-task", in.Object)
	case history.PauseTask:
		return append(args, "pause-task", in.Object)
	case history.ResumeTask:
		return append(args, "resume-task", in.Object)
	default:
		return append(args, "query-status", in.Object)
	}
}

// ask runs one request and records it.
func ask(ctx context.Context, env Env, rec *history.Recorder, client string, in history.Request, files map[string]string) {
	p := rec.Call(client, history.Control, in)
	output, exit, err := env.Dmctl(ctx, in.Master, arguments(in, files)...)
	if err != nil {
		p.Unknown(err)
		return
	}
	switch outcome, answer := understand(in.Verb, output, exit); outcome {
	case history.OK:
		answer.Text = ""
		p.OK(answer)
	case history.Failed:
		p.Failed(answer, nil)
	default:
		p.Unknown(errors.New(answer.Text))
	}
}

// Final asks once more what there is, and waits for the last stage of each task.
func (o *Operations) Final(ctx context.Context, env Env, rec *history.Recorder) error {
	const client = "operator"
	ask(ctx, env, rec, client, history.Request{Verb: history.ListWorkers, Master: -1}, nil)
	ask(ctx, env, rec, client, history.Request{Verb: history.ShowSource, Object: extraSource, Master: -1}, nil)
	var errs []error
	for _, task := range []string{pausedTask, restartTask} {
		errs = append(errs, lastStage(ctx, env, rec.Call(client, history.Control, history.Request{Verb: history.FinalStage, Object: task, Master: -1}), task))
	}
	return errors.Join(errs...)
}

// lastStage waits until a task's stage stays the same, or the task is gone.
func lastStage(ctx context.Context, env Env, p *history.Pending, task string) error {
	var last history.Answer
	same := 0
	in := history.Request{Verb: history.QueryTask, Object: task}
	err := settle(ctx, time.Second, func(ctx context.Context) (bool, error) {
		output, exit, err := env.Dmctl(ctx, -1, arguments(in, nil)...)
		if err != nil {
			return false, err
		}
		outcome, now := understand(in.Verb, output, exit)
		if outcome == history.Unknown || (!now.Missing && now.Stage == "") {
			same = 0
			return false, fmt.Errorf("the stage of task %s is not settled: %s", task, output)
		}
		if now.Stage != last.Stage || now.Missing != last.Missing {
			same = 0
		}
		last, same = now, same+1
		return same >= calm, nil
	})
	if err != nil {
		p.Unknown(err)
		return fmt.Errorf("the last stage of task %s of %s: %w", task, cluster.SourceName(0), err)
	}
	last.Text = ""
	p.OK(last)
	return nil
}
