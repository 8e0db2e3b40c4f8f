package worker

import (
	"errors"
	"slices"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/worker/checkpoint"
)

// Auto-resume's fixed values; only its ceiling and its roll-back are
// configurable (spec config.md §4, checker).
const (
	resumeMin    = time.Second
	resumeFactor = 2
)

// resumable tells whether a failure may go away without a person. What the
// data, a structure or a configuration is wrong about does not; a fenced
// attempt must not come back, since another worker has the source now.
func resumable(err error) bool {
	if errors.Is(err, checkpoint.ErrFenced) {
		return false
	}
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		switch {
		case slices.Contains(forAPerson(), answer.Number):
			return false
		case slices.Contains(ofTheServersUsers(), answer.Number):
			return true
		}
	}
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Unsupported, fault.Data, fault.Schema, fault.Corrupt, fault.NotFound, fault.Exists:
		return false
	}
	return true
}

// forAPerson lists answers of a target that stay the same until a statement or
// a table is changed, beside those whose kind says so.
func forAPerson() []uint16 {
	return []uint16{
		1059, 1067, 1069, 1117, // name too long, invalid default, too many keys, too many columns
		1273, 8200, // TiDB: a collation, a DDL that it does not support
		8025, // TiDB: a row that is too large for its store
	}
}

// ofTheServersUsers lists answers about who may do what on a server. Nothing of the
// task is wrong: a password was changed too early, a proxy does not know its
// users yet, a GRANT is missing. It goes on once that is mended there.
func ofTheServersUsers() []uint16 {
	return []uint16{
		1045, 1698, 1130, // login refused, host not allowed
		1820, 1862, // password expired
		1044, 1142, 1143, 1227, 1370, // missing privilege
	}
}

// backoff is the pause before a failed subtask is tried again by itself.
type backoff struct {
	next      time.Duration
	lastStart time.Time
}

// started notes that an attempt begins.
func (b *backoff) started(now time.Time) { b.lastStart = now }

// after gives the pause that follows a failure at now and doubles the next
// one; an attempt that stayed healthy for c.BackoffRollback halves it first.
func (b *backoff) after(now time.Time, c config.Checker) time.Duration {
	if b.next == 0 {
		b.next = resumeMin
	} else if now.Sub(b.lastStart) > c.BackoffRollback {
		b.next = max(b.next/resumeFactor, resumeMin)
	}
	pause := b.next
	b.next = min(b.next*resumeFactor, max(c.BackoffMax, resumeMin))
	return pause
}
