package checkpoint

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/status"
)

// Phase is which unit a subtask is in. A unit sets the next one in the same
// transaction that makes its own work complete.
type Phase struct {
	// Unit is the unit to run; UnitInvalid when none has run yet.
	Unit status.Unit
	// Finished says that Unit was the task's last one and is done.
	Finished bool
	// DumpID names the dump that is being or was loaded, "" without one.
	DumpID string
	// Snapshot is where in the binlog that dump was taken.
	Snapshot binlog.Location
	// Prepared is further back, where the syncer begins to read for the sake of XA
	// transactions that were prepared at the snapshot; zero when there were none.
	Prepared binlog.Location
	// Replay is set when the dump was read at several moments.
	Replay *Replay
}

// phaseMore is what the column snapshot holds beside the snapshot itself.
type phaseMore struct {
	Prepared *binlog.Location `json:"prepared,omitempty"`
	Replay   *Replay          `json:"replay,omitempty"`
}

// snapshot gives the text of the column.
func (p *Phase) snapshot() ([]byte, error) {
	text, err := json.Marshal(p.Snapshot)
	if err != nil || p.Prepared.IsZero() && p.Replay == nil {
		return text, err
	}
	with := phaseMore{Replay: p.Replay}
	if !p.Prepared.IsZero() {
		with.Prepared = &p.Prepared
	}
	more, err := json.Marshal(with)
	return append(append(text[:len(text)-1], ','), more[1:]...), err
}

// Phase reads where the subtask is.
func (m *Meta) Phase(ctx context.Context) (Phase, error) {
	const op = "read the subtask's phase"
	var (
		p        Phase
		unit     string
		snapshot []byte
	)
	q := "SELECT unit, finished, dump_id, snapshot FROM " + m.table(suffixSubtask) + " WHERE source = ?"
	if err := m.DB.QueryRowContext(ctx, q, m.Source).Scan(&unit, &p.Finished, &p.DumpID, &snapshot); err != nil {
		return Phase{}, m.wrap(op, err)
	}
	u, ok := unitOf(unit)
	if !ok {
		return Phase{}, m.corrupt(op, fmt.Errorf("unit %q is unknown", unit))
	}
	p.Unit = u
	if len(snapshot) > 0 {
		if err := json.Unmarshal(snapshot, &p.Snapshot); err != nil {
			return Phase{}, m.corrupt(op, fmt.Errorf("snapshot %q: %w", snapshot, err))
		}
		more := phaseMore{Prepared: &p.Prepared}
		if err := json.Unmarshal(snapshot, &more); err != nil {
			return Phase{}, m.corrupt(op, fmt.Errorf("snapshot %q: %w", snapshot, err))
		}
		p.Replay = more.Replay
	}
	return p, nil
}

// SetPhase records p, fenced. ex is the transaction that makes the previous
// unit's work complete.
func (m *Meta) SetPhase(ctx context.Context, ex Execer, p Phase) error {
	const op = "record the subtask's phase"
	snapshot, err := p.snapshot()
	if err != nil {
		return m.wrap(op, err)
	}
	unit := ""
	if p.Unit != status.UnitInvalid {
		unit = p.Unit.String()
	}
	res, err := ex.ExecContext(ctx, "UPDATE "+m.table(suffixSubtask)+
		" SET attempt = attempt + 1, unit = ?, finished = ?, dump_id = ?, snapshot = ? WHERE source = ?"+fence+"?",
		unit, p.Finished, p.DumpID, snapshot, m.Source, m.Epoch)
	return m.matched(op, res, err)
}

func unitOf(name string) (status.Unit, bool) {
	if name == "" {
		return status.UnitInvalid, true
	}
	for _, u := range []status.Unit{status.UnitDump, status.UnitLoad, status.UnitSync} {
		if u.String() == name {
			return u, true
		}
	}
	return status.UnitInvalid, false
}

// corrupt is an error about meta data that nobody of ours can have written.
func (m *Meta) corrupt(op string, err error) error {
	return &fault.Error{Op: m.op(op), Kind: fault.Corrupt, Side: fault.Downstream, Err: err,
		Msg:  "the meta tables of the task are damaged",
		Hint: "stop the task, clean its target tables and start it again with start-task --remove-meta"}
}

// Alone tells whether no other source of the task has a record in this target.
func (m *Meta) Alone(ctx context.Context) (bool, error) {
	var others int
	q := "SELECT COUNT(*) FROM " + m.table(suffixSubtask) + " WHERE source <> ?"
	err := m.DB.QueryRowContext(ctx, q, m.Source).Scan(&others)
	return others == 0, m.wrap("look for other sources of the task", err)
}
