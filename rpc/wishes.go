package rpc

import (
	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/status"
)

// wishes is what query-status needs to know of all sources and subtasks at one
// index. Reading it means decoding every configuration, which is most of the
// work of a query and the same until something changes: it is kept.
type wishes struct {
	index   fsm.Index
	sources []fsm.SourceID
	of      map[fsm.SourceID][]wish // by task
}

// wish is what is wanted of one subtask.
type wish struct {
	task  string
	stage status.Stage
}

// wishesAt gives them as of a view.
func (m *Master) wishesAt(v *fsm.View) *wishes {
	m.mu.Lock()
	w := m.wishes
	m.mu.Unlock()
	if w != nil && w.index == v.Index() {
		return w
	}
	w = &wishes{index: v.Index(), of: map[fsm.SourceID][]wish{}}
	for _, src := range v.Sources() {
		w.sources = append(w.sources, src.ID)
		for _, sub := range v.SubtasksOf(src.ID) {
			w.of[src.ID] = append(w.of[src.ID], wish{task: string(sub.Task), stage: sub.Stage})
		}
	}
	if v.Err() != nil {
		return w // it is incomplete; the view's reader gets the error
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wishes = w
	return w
}
