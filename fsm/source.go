package fsm

// Bucket layout
//
//	sources   <source>  {"config":"…yaml…","created":…}

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// PutSource adds a source. An id in use is refused (46007). Value: none.
type PutSource struct {
	ID     SourceID
	Config string
}

// RemoveSource forgets a source and takes it from its worker. It is refused
// while a task has the source (46010); so no load files can be left. Value: none.
type RemoveSource struct {
	ID SourceID
}

type sourceRecord struct {
	Config  string `json:"config"`
	Created Index  `json:"created"`
}

func (c PutSource) apply(t *txn) (any, error) {
	if err := checkName("source id", string(c.ID)); err != nil {
		return nil, err
	}
	if _, ok := t.Source(c.ID); ok {
		return nil, refuse(fault.Exists, codeSourceExists, fmt.Sprintf("source %s exists already", c.ID),
			"operate-source show lists the sources")
	}
	t.changed(Touch{Noun: NounSource, Source: c.ID})
	return nil, t.putJSON(bucketSources, []byte(c.ID), sourceRecord{Config: c.Config, Created: t.index})
}

func (c RemoveSource) apply(t *txn) (any, error) {
	if _, ok := t.Source(c.ID); !ok {
		return nil, noSource(c.ID)
	}
	var using []string
	for _, task := range t.Tasks() {
		if _, ok := task.Sources[c.ID]; ok {
			using = append(using, string(task.Name))
		}
	}
	if len(using) > 0 {
		return nil, refuse(fault.Conflict, codeSourceHasTasks,
			fmt.Sprintf("source %s still has the tasks [%s]", c.ID, strings.Join(using, " ")),
			"stop-task them first")
	}
	if b, bound := t.Binding(c.ID); bound {
		if err := t.delBinding(b); err != nil {
			return nil, err
		}
	}
	t.changed(Touch{Noun: NounSource, Source: c.ID, Deleted: true})
	return nil, t.del(bucketSources, []byte(c.ID))
}

// Source gives one source.
func (v *View) Source(id SourceID) (Source, bool) {
	var r sourceRecord
	if !v.getJSON(bucketSources, []byte(id), &r) {
		return Source{}, false
	}
	return Source{ID: id, Config: r.Config, Created: r.Created}, true
}

// Sources gives all sources, by id.
func (v *View) Sources() []Source {
	var out []Source
	for k, raw := range v.scan(bucketSources, nil) {
		var r sourceRecord
		if v.unmarshal(bucketSources, k, raw, &r) {
			out = append(out, Source{ID: SourceID(k), Config: r.Config, Created: r.Created})
		}
	}
	return out
}

func noSource(id SourceID) error {
	return refuse(fault.NotFound, codeNoSource, fmt.Sprintf("source %s does not exist", id),
		"create it with operate-source create, or see operate-source show")
}
