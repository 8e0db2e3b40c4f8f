package checkpoint

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/schema"
)

// Intent is the last DDL statement that the syncer set out to execute. It is
// written before the statement and marked Done after it, so that after a crash
// the one open question, whether it ran, can be put to the target.
type Intent struct {
	// Txn is the id of the source transaction, Nth which of its statements, and
	// Index which of those that the source's was cut into, the ones that filters
	// leave out included.
	Txn   string `json:"txn"`
	Nth   int    `json:"nth,omitempty"`
	Index int    `json:"index"`
	// Start is where that transaction begins in the binlog, Event where the
	// source's statement does.
	Start binlog.Position `json:"start"`
	Event binlog.Position `json:"event"`
	// Statement is the text that is sent to the target.
	Statement string `json:"statement"`
	// Table is the table whose structure tells whether the statement ran; its
	// Table field is "" for a statement about a whole schema.
	Table schema.Name `json:"table"`
	// Target is where the task's routes have that table on the target; zero in a
	// record of an earlier version.
	Target schema.Name `json:"target,omitzero"`
	// Before is that structure, normalised, before the statement; "" when the
	// table or schema did not exist.
	Before string `json:"before"`
	Done   bool   `json:"done"`
	// Refused is set when the target has answered that it does not execute the
	// statement: then a changed structure does not mean that it ran.
	Refused bool `json:"refused,omitempty"`
	// ByHand is set when that structure has changed since a refusal: an operator
	// has been at work, and "exists already" may be the answer to what they did.
	ByHand bool `json:"by_hand,omitempty"`
	// Operator is the id of the operator that the statement was made by, "" for none.
	Operator string `json:"operator,omitempty"`
	// Followed counts the statements, of those that the source's was cut into, that
	// the recorded structures are behind.
	Followed int `json:"followed,omitempty"`
	// Ran counts the statements that the source's was cut into and that the target has
	// executed, whatever an operator wanted then.
	Ran int `json:"ran,omitempty"`
	// Final is set when all that was made of the source's statement is done. The
	// watermark may have been recorded anew as it was before.
	Final bool `json:"final,omitempty"`
}

// DDL reads the last intent; ok is false when there was none yet.
func (m *Meta) DDL(ctx context.Context) (in Intent, ok bool, err error) {
	return m.intent(ctx, m.DB, "")
}

func (m *Meta) intent(ctx context.Context, on queryer, lock string) (in Intent, ok bool, err error) {
	const op = "read the DDL record"
	var text []byte
	err = on.QueryRowContext(ctx, "SELECT intent FROM "+m.table(suffixDDL)+" WHERE source = ?"+lock, m.Source).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return Intent{}, false, nil
	}
	if err != nil {
		return Intent{}, false, m.wrap(op, err)
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return Intent{}, false, m.corrupt(op, fmt.Errorf("%q: %w", text, err))
	}
	return in, true, nil
}

// SaveDDL records in. It is not fenced by itself: ex must be a transaction
// that also calls SaveLane.
func (m *Meta) SaveDDL(ctx context.Context, ex Execer, in Intent) error {
	const op = "record the DDL"
	text, err := json.Marshal(in)
	if err != nil {
		return m.wrap(op, err)
	}
	_, err = ex.ExecContext(ctx, "INSERT INTO "+m.table(suffixDDL)+" (source, epoch, intent) VALUES (?, ?, ?)"+
		" ON DUPLICATE KEY UPDATE epoch = VALUES(epoch), intent = VALUES(intent)", m.Source, m.Epoch, string(text))
	return m.wrap(op, err)
}
