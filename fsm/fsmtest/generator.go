package fsmtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// Generator makes random commands about few names, so that they meet. The
// same seed gives the same commands.
type Generator struct {
	rng      *rand.Rand
	n        int
	recent   []fsm.RequestID
	sessions []fsm.SessionID
}

// NewGenerator starts a sequence.
func NewGenerator(seed uint64) *Generator {
	return &Generator{rng: rand.New(rand.NewPCG(seed, 1))}
}

// Entry gives the next entry of a log: mostly commands, sometimes repeated
// requests, sometimes bytes that are no command, sometimes none.
func (g *Generator) Entry(index fsm.Index) (fsm.Entry, error) {
	g.n++
	switch g.rng.IntN(40) {
	case 0:
		return fsm.Entry{Index: index}, nil
	case 1:
		return fsm.Entry{Index: index, Data: []byte(`{"kind":"Put`)}, nil
	}
	c := g.Command()
	if _, ok := c.(fsm.OpenSession); ok {
		g.sessions = append(g.sessions, fsm.SessionID(index))
	}
	data, err := fsm.Encode(g.meta(), c)
	return fsm.Entry{Index: index, Data: data}, err
}

func (g *Generator) meta() fsm.Meta {
	// Clocks differ, and now and then one has none or comes from far behind.
	m := fsm.Meta{Actor: "generator", UnixMilli: int64(g.n * g.rng.IntN(4))}
	switch p := g.rng.IntN(10); {
	case p < 2 && len(g.recent) > 0:
		m.RequestID = g.recent[g.rng.IntN(len(g.recent))]
	case p < 6:
		m.RequestID = fsm.RequestID(fmt.Sprintf("r%d", g.n))
		g.recent = append(g.recent, m.RequestID)
	}
	return m
}

// Command gives a random command.
func (g *Generator) Command() fsm.Command {
	switch g.rng.IntN(36) {
	case 0:
		return fsm.SetClusterID{ID: g.pick("c", 2), Epochs: fsm.Epoch(g.rng.IntN(2) * 1000)}
	case 1, 2:
		return fsm.RegisterWorker{Name: g.worker(), Addr: g.pick("host", 2) + ":1"}
	case 3:
		return fsm.RemoveWorker{Name: g.worker()}
	case 4, 5, 6:
		return fsm.OpenSession{Worker: g.worker(), TTLSeconds: int64(g.rng.IntN(4))}
	case 7:
		return fsm.ExpireSession{Worker: g.worker(), Session: g.session()}
	case 8, 9, 10:
		return fsm.PutSource{ID: g.source(), Config: fmt.Sprintf("password: secret%d", g.n)}
	case 11:
		return fsm.RemoveSource{ID: g.source()}
	case 12, 13, 14:
		return fsm.BindSource{Source: g.source(), Worker: g.worker()}
	case 15:
		return fsm.UnbindSource{Source: g.source(), Epoch: fsm.Epoch(g.rng.IntN(2) * g.rng.IntN(g.n+1))}
	case 16, 17:
		return fsm.StartTask{Name: g.task(), Sources: g.configs()}
	case 18:
		return fsm.StopTask{Name: g.task(), Sources: g.some()}
	case 19, 20, 21:
		return fsm.PutSubtask{Task: g.task(), Source: g.source()}
	case 22, 23:
		return fsm.TransferSource{Source: g.source(), Worker: g.worker()}
	case 24, 25:
		return fsm.HoldLoadFiles{Task: g.task(), Source: g.source(), Worker: g.worker()}
	case 26:
		return fsm.DropLoadFiles{Task: g.task(), Source: g.source(), Worker: g.worker()}
	case 27, 28:
		return fsm.PutMember{Name: g.master(), Peer: g.pick("m", 4) + ":8291", Client: g.pick("m", 4) + ":8261", Instance: g.pick("i", 2)}
	case 29:
		return fsm.RemoveMember{Name: g.master()}
	case 30, 31:
		return fsm.UpdateTask{Name: g.task(), Sources: g.configs()}
	case 32:
		return fsm.UpdateSource{ID: g.source(), Config: fmt.Sprintf("password: secret%d", g.n)}
	case 33:
		if g.rng.IntN(5) == 0 {
			return fsm.Note{Task: g.task()}
		}
		return fsm.Note{Action: g.pick("action", 2), Task: g.task(), Sources: g.some(), Refused: g.rng.IntN(2) == 0, Msg: g.pick("why", 3)}
	default:
		return fsm.SetStage{Task: g.task(), Sources: g.some(), Stage: status.Stage(2 + g.rng.IntN(3))}
	}
}

func (g *Generator) pick(prefix string, n int) string {
	return fmt.Sprintf("%s%d", prefix, g.rng.IntN(n))
}

func (g *Generator) worker() fsm.WorkerName { return fsm.WorkerName(g.pick("w", 4)) }
func (g *Generator) source() fsm.SourceID   { return fsm.SourceID(g.pick("s", 4)) }
func (g *Generator) master() fsm.MasterName { return fsm.MasterName(g.pick("m", 3)) }
func (g *Generator) task() fsm.TaskName     { return fsm.TaskName(g.pick("t", 3)) }

func (g *Generator) session() fsm.SessionID {
	if len(g.sessions) == 0 {
		return 0
	}
	recent := g.sessions[max(0, len(g.sessions)-4):]
	return recent[g.rng.IntN(len(recent))]
}

func (g *Generator) some() []fsm.SourceID {
	var out []fsm.SourceID
	for range g.rng.IntN(3) {
		out = append(out, g.source())
	}
	return out
}

func (g *Generator) configs() map[fsm.SourceID]string {
	out := map[fsm.SourceID]string{}
	for range g.rng.IntN(3) {
		s := g.source()
		out[s] = fmt.Sprintf("task %d on %s, password: secret", g.n, s)
	}
	return out
}
