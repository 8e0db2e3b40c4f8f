package syncer

import (
	"fmt"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// savepoint is what an open transaction was when its session set one. A source
// takes what is rolled back to it out of its binlog itself, unless the transaction
// has changed tables without transactions, or made temporary ones: then it writes
// ROLLBACK TO behind the rows. Rows of tables without transactions are in
// transactions of their own, so all that is behind the savepoint never was.
type savepoint struct {
	name                    string
	held, events            int // rows and events that were not handed on
	rows, seen, size, again int64
	parts                   int
}

// save notes a savepoint. One of the same name is given up.
func (c *open) save(text string) {
	if c == nil {
		return
	}
	words := schema.ReadWords(text, "", true)
	if _, name := words.Savepoint(); name != "" {
		c.saves = append(c.saves, savepoint{name: name, held: len(c.t.Rows), events: len(c.events), rows: c.rows, seen: c.seen, size: c.size, again: c.again, parts: c.parts})
	}
}

// back drops the rows behind a savepoint. Those that were handed on, now or by an
// earlier run, cannot be taken back.
func (c *open) back(text string) error {
	words := schema.ReadWords(text, "", true)
	_, name := words.Savepoint()
	for i := len(c.saves) - 1; i >= 0 && name != ""; i-- {
		s := c.saves[i]
		if s.name != name {
			continue
		}
		if s.parts != c.parts || s.again != c.again {
			break
		}
		c.t.Rows, c.events = c.t.Rows[:s.held], c.events[:s.events]
		c.rows, c.seen, c.size = s.rows, s.seen, s.size
		c.saves = c.saves[:i+1]
		return nil
	}
	if c.seen == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Side: fault.Upstream,
		Msg:  fmt.Sprintf("not supported yet: the transaction at %s goes back to a savepoint after changing more rows of this task than are held back", c.t.Begin),
		Hint: "do not mix tables with and without transactions in one large transaction that uses savepoints"}
}
