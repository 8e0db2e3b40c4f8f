package worker

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// TestServersAnswersThatAreNotResumed is DM's list of answers that auto-resume
// leaves to a person, and some that it does not.
func TestServersAnswersThatAreNotResumed(t *testing.T) {
	for number, c := range map[uint16]struct {
		text string
		want bool
	}{
		1059: {"Identifier name is too long", false},
		1062: {"Duplicate entry '1' for key 'PRIMARY'", false},
		1067: {"Invalid default value for 'c'", false},
		1069: {"Too many keys specified; max 64 keys allowed", false},
		1117: {"Too many columns", false},
		1366: {"Incorrect string value", false},
		1406: {"Data too long for column 'c' at row 1", false},
		8025: {"entry too large, the max entry size is 6291456", false},
		8200: {"Unsupported modify column: can't remove auto_increment without @@tidb_allow_remove_auto_inc enabled", false},
		1205: {"Lock wait timeout exceeded", true},
		1213: {"Deadlock found", true},
		9007: {"Write conflict", true},
		1045: {"Access denied for user 'dm'@'127.0.0.1' (using password: YES)", true},
		1130: {"Host '127.0.0.1' is not allowed to connect to this server", true},
		1142: {"INSERT command denied to user 'dm'@'127.0.0.1' for table 'a'", true},
		1227: {"Access denied; you need (at least one of) the REPLICATION SLAVE privilege(s) for this operation", true},
	} {
		err := fault.Wrap("sync task=t source=s1", dbconn.ExecError(fault.Downstream, "apply", &mysql.MySQLError{Number: number, Message: c.text}))
		if got := resumable(err); got != c.want {
			t.Errorf("resumable(%v) of kind %s = %v, want %v", err, fault.KindOf(err), got, c.want)
		}
	}
}

// TestAutoResume: a subtask that failed is paused, with its error shown, for 1 s,
// 2 s, 4 s and so on to backoff-max; after a healthy time of backoff-rollback the
// pause is half as long. pause-task ends it, and what a person has to look at is
// never resumed.
func TestAutoResume(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Config{Name: "w1", Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
		id := identity{source: "s1"}
		st := &subtask{task: "t", actual: actual{id: id, revision: 1}, attempt: &attempt{log: w.cfg.Log},
			checker: config.Checker{Enable: true, BackoffMax: 8 * time.Second, BackoffRollback: time.Minute}}
		w.subtasks["t"] = st
		want := wanted{id: id, stage: status.StageRunning, revision: 1}
		away := fault.New(fault.Unavailable, "the target is away")

		// fails lets an attempt end after a while and answers the pause behind it.
		fails := func(after time.Duration, err error) time.Duration {
			st.running, st.resumeAt, st.err = true, time.Time{}, nil
			st.backoff.started(time.Now())
			time.Sleep(after)
			w.attemptEnded(ended{task: fsm.TaskName("t"), err: err}, time.Now())
			if r := st.report(); r.Stage != status.StagePaused || r.Err != err {
				t.Errorf("shown is %s with %v", r.Stage, r.Err)
			}
			begin := time.Now()
			for reconcile(&want, st.actual, time.Now()) != actStart {
				if time.Sleep(10 * time.Millisecond); time.Since(begin) > time.Hour {
					return 0
				}
			}
			return time.Since(begin)
		}
		for i, pause := range []time.Duration{1, 2, 4, 8, 8} {
			if got := fails(time.Millisecond, away); got != pause*time.Second {
				t.Errorf("pause %d: %s, want %ds", i, got, pause)
			}
		}
		if got := fails(2*time.Minute, away); got != 4*time.Second {
			t.Errorf("after a healthy time: %s, want 4s", got)
		}
		if got := fails(time.Millisecond, fault.New(fault.Data, "duplicate entry")); got != 0 {
			t.Errorf("an error for a person was resumed after %s", got)
		}
		want.stage = status.StagePaused
		if got := fails(time.Millisecond, away); got != 0 {
			t.Errorf("a task that was paused by a person was resumed after %s", got)
		}
		want.stage = status.StageRunning
		st.checker.Enable = false
		if got := fails(time.Millisecond, away); got != 0 {
			t.Errorf("resumed after %s though check-enable is false", got)
		}
	})
}
