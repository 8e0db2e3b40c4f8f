package tlsconf

import (
	"log/slog"
	"sync"
	"time"

	"github.com/raftdm/raftdm/internal/fault"
)

const (
	// tellAgain is how often the same is told about one machine.
	tellAgain = 10 * time.Minute
	// mostTold bounds the memory: beyond it everything is forgotten.
	mostTold = 1024
)

// teller logs about connections that failed, each thing once in a while, since
// clients try again several times a second.
type teller struct {
	log *slog.Logger

	mu   sync.Mutex // guards told
	told map[string]time.Time
}

func newTeller(l *slog.Logger) *teller { return &teller{log: l, told: map[string]time.Time{}} }

// once logs a sentence about a machine.
func (t *teller) once(host, sentence, hint string) {
	now := time.Now()
	t.mu.Lock()
	last, known := t.told[host+" "+sentence]
	due := !known || now.Sub(last) >= tellAgain
	if due {
		if len(t.told) >= mostTold {
			clear(t.told)
		}
		t.told[host+" "+sentence] = now
	}
	t.mu.Unlock()
	if due {
		t.log.Warn("a connection is refused: "+sentence, "from", host, "hint", hint)
	}
}

// refused logs why a connection failed.
func (t *teller) refused(host string, err error) { t.once(host, err.Error(), fault.HintOf(err)) }
