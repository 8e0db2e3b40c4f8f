package syncer

import (
	"context"
	"errors"
	"fmt"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
)

// errAltered: the target would have stored something else than the row.
var errAltered = errors.New("the target would have altered the row")

// lenient executes statement i in a session that is not strict, and answers how
// many rows it met. Each error value of an ENUM gives one warning; any other
// means that the server cut a value to make it fit.
func (t *target) lenient(ctx context.Context, b *sqlBatch, i int) (int64, error) {
	s := &b.stmts[i]
	got, err := t.exec(ctx, modeText(s.mode)+";"+string(b.part(i)))
	if err != nil {
		return 0, err
	}
	if len(got) != 2 {
		return 0, fault.New(fault.Internal, fmt.Sprintf("the target answered %d statements of 2", len(got)))
	}
	if err := t.unaltered(ctx, s.invalid); err != nil {
		return 0, err
	}
	_, err = t.exec(ctx, modeText(rowsMode))
	return got[1], err
}

// unaltered looks at the warnings of the statement before, of which so many are
// expected.
func (t *target) unaltered(ctx context.Context, expected int) error {
	rows, err := t.conn.QueryContext(ctx, "SHOW WARNINGS")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			level, text string
			number      uint16
		)
		if err := rows.Scan(&level, &number, &text); err != nil {
			return err
		}
		if dbconn.AboutWords(number) {
			continue
		}
		if expected--; expected >= 0 && number == dbconn.WarnTruncated {
			continue
		}
		return &fault.Error{Kind: fault.Data, Side: fault.Downstream, Code: codeDML, Err: fmt.Errorf("%w: %d (%s)", errAltered, number, text),
			Hint: "give the column on the target the type that it has on the source, then resume-task"}
	}
	return rows.Err()
}
