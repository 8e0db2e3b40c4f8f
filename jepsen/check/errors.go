package check

import (
	"errors"
	"fmt"
	"strings"
)

// The promises, each by the sentence that says how it was broken.
var (
	// ErrLostRow: what was committed upstream is not on the target.
	ErrLostRow = errors.New("a committed row is missing on the target")
	// ErrPhantomRow: the target shows what was never committed upstream.
	ErrPhantomRow = errors.New("the target has a row that was never written")
	// ErrStaleWin: an older version overwrote or outlived a newer one.
	ErrStaleWin = errors.New("an older version of a row won over a newer one")
	// ErrTornTxn: a snapshot of the target shows a transaction in part.
	ErrTornTxn = errors.New("a snapshot of the target shows a part of a transaction")
	// ErrCheckpointAhead: the recorded position covers what is not applied.
	ErrCheckpointAhead = errors.New("the recorded position is ahead of the data")
	// ErrTwoOwners: two workers wrote for one source in one epoch, or an older
	// epoch wrote after a newer one.
	ErrTwoOwners = errors.New("two workers owned one source")
	// ErrAckLost: dmctl was told yes, and the cluster forgot.
	ErrAckLost = errors.New("an acknowledged operation was lost")
	// ErrFeedGap: a change stream has a hole, or two masters tell it differently.
	ErrFeedGap = errors.New("a change stream has a gap")
	// ErrUndecided: a checker gave up; the history is neither good nor bad.
	ErrUndecided = errors.New("the checker did not come to an end in time")
)

// shown is how many violations of one kind are spelled out: the first ones tell
// the story, the others follow from it.
const shown = 10

// violations collects what breaks one promise.
type violations struct {
	promise error
	first   []string
	n       int
}

func (v *violations) add(format string, args ...any) {
	if v.n++; v.n <= shown {
		v.first = append(v.first, fmt.Sprintf(format, args...))
	}
}

// err gives nil when there was no violation.
func (v *violations) err() error {
	if v.n == 0 {
		return nil
	}
	text := strings.Join(v.first, "\n  ")
	if v.n > shown {
		text += fmt.Sprintf("\n  and %d more", v.n-shown)
	}
	return fmt.Errorf("%w (%d times):\n  %s", v.promise, v.n, text)
}
