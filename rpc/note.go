package rpc

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

const (
	// noteWithin bounds writing a note: an answer must not wait long for it.
	noteWithin = 2 * time.Second
	// noteAgain is for how long an equal refusal is not noted again, so that a
	// script that tries for ever does not push everything else out of the log.
	noteAgain = time.Minute
	// longestWhy bounds the text of a note: a failed pre-check has pages.
	longestWhy = 512
	// mostNoted bounds what is remembered for noteAgain.
	mostNoted = 1000
)

// noteRequests writes down, for the audit trail, what operators asked for and
// were refused, and what they did to workers. Everything else that is carried
// out is a change of the state and recorded as such; whatever nobody can be sure
// of is not noted.
func (m *Master) noteRequests(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	resp, err := next(ctx, req)
	note, ok := noteOf(ctx, req)
	if !ok {
		return resp, err
	}
	note.Msg = refusalText(resp, err)
	note.Refused = note.Msg != ""
	if note.Refused || err == nil && leavesNoTrace(req) {
		m.note(ctx, "note", note)
	}
	return resp, err
}

// leavesNoTrace tells whether a request that is carried out changes only what
// workers have in memory or on the target.
func leavesNoTrace(req any) bool {
	switch req.(type) {
	case *pb.HandleErrorRequest, *pb.OperateSchemaRequest:
		return true
	default:
		return false
	}
}

// refusalText gives the reason of a refusal in a line, "" when it was none.
func refusalText(resp any, err error) string {
	var text string
	var f *fault.Error
	switch {
	case err != nil && (errors.Is(err, errMaybe) || errors.Is(err, context.Canceled)):
		return ""
	case fault.Is(err, fault.NotLeader), fault.Is(err, fault.Cancelled):
		return ""
	case fault.Is(err, fault.Unavailable) && errors.As(err, &f) && f.Side == fault.Self:
		return "" // a component did not answer
	case err != nil:
		text = Message(err)
	default:
		body, ok := resp.(proto.Message)
		if !ok {
			return ""
		}
		m := body.ProtoReflect()
		result, msg := m.Descriptor().Fields().ByName("result"), m.Descriptor().Fields().ByName("msg")
		if result == nil || msg == nil || m.Get(result).Bool() {
			return ""
		}
		if text = m.Get(msg).String(); text == "" {
			text = "refused"
		}
	}
	return firstLine(text)
}

// firstLine gives what of a reason goes into the log.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return clip(strings.ToValidUTF8(line, "?"), longestWhy)
}

// clip cuts a text that is too long for the log.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// noteOf says in dmctl's words what a request asks for; false for one that
// changes nothing.
func noteOf(ctx context.Context, req any) (fsm.Note, bool) {
	switch r := req.(type) {
	case *pb.StartTaskRequest:
		return fsm.Note{Action: "start-task", Task: taskIn(r.GetTask()), Sources: sourceIDs(r.GetSources())}, true
	case *pb.UpdateTaskRequest:
		return fsm.Note{Action: "config task update", Task: taskIn(r.GetTask()), Sources: sourceIDs(r.GetSources())}, true
	case *pb.OperateTaskRequest:
		action := strings.ToLower(r.GetOp().String()) + "-task"
		return fsm.Note{Action: action, Task: clipTask(r.GetName()), Sources: sourceIDs(r.GetSources())}, true
	case *pb.OperateSourceRequest:
		word := map[pb.SourceOp]string{pb.SourceOp_StartSource: "create", pb.SourceOp_UpdateSource: "update", pb.SourceOp_StopSource: "stop"}[r.GetOp()]
		return fsm.Note{Action: "operate-source " + word, Sources: sourceIDs(append(sourcesIn(r.GetConfig()...), r.GetSourceID()...))}, word != ""
	case *clusterpb.UpdateSourceRequest:
		return fsm.Note{Action: "config source update", Sources: sourceIDs(sourcesIn(r.GetConfig()))}, true
	case *pb.TransferSourceRequest:
		return fsm.Note{Action: "transfer-source", Sources: sourceIDs([]string{r.GetSource()}), Member: clip(r.GetWorker(), maxHeader)}, true
	case *pb.OfflineMemberRequest:
		return fsm.Note{Action: "offline-member", Member: clip(r.GetName(), maxHeader)}, true
	case *pb.HandleErrorRequest:
		action := "binlog " + strings.ToLower(r.GetOp().String())
		return fsm.Note{Action: action, Task: clipTask(r.GetTask()), Sources: sourceIDs(r.GetSources())}, r.GetOp() != pb.ErrorOp_List
	case *pb.OperateSchemaRequest:
		word := map[pb.SchemaOp]string{pb.SchemaOp_SetSchema: "update", pb.SchemaOp_RemoveSchema: "delete"}[r.GetOp()]
		return fsm.Note{Action: "binlog-schema " + word, Task: clipTask(r.GetTask()), Sources: sourceIDs(r.GetSources())}, word != ""
	}
	return fsm.Note{}, false
}

// taskIn gives the name in a task file, "" when it cannot be read.
func taskIn(text string) fsm.TaskName {
	name, err := config.TaskName("", []byte(text))
	if err != nil {
		return ""
	}
	return clipTask(name)
}

func clipTask(name string) fsm.TaskName { return fsm.TaskName(clip(name, maxHeader)) }

// sourcesIn gives the ids in source files, as far as they can be read.
func sourcesIn(texts ...string) []string {
	var out []string
	for _, text := range texts {
		if src, _, err := config.Blind().DecodeSource("", []byte(text)); err == nil {
			out = append(out, src.SourceID)
		}
	}
	return out
}

// sourceIDs gives the sources that a note names, not too many.
func sourceIDs(ids []string) []fsm.SourceID {
	const most = 100
	var out []fsm.SourceID
	for _, id := range ids[:min(len(ids), most)] {
		out = append(out, fsm.SourceID(clip(id, maxHeader)))
	}
	return out
}

// note writes a line of the audit trail. That it cannot be written is no reason
// to answer something else.
func (m *Master) note(ctx context.Context, part string, n fsm.Note) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteWithin)
	defer cancel()
	if err := m.writeNote(ctx, part, n); err != nil {
		m.cfg.Log.Warn("the history lacks an entry", "action", n.Action, "task", string(n.Task), "err", err)
	}
}

// writeNote is note without patience.
func (m *Master) writeNote(ctx context.Context, part string, n fsm.Note) error {
	meta, now := m.meta(ctx, part), time.Now()
	key := meta.Actor + "\x00" + n.Action + "\x00" + string(n.Task) + "\x00" + n.Msg
	if n.Refused && !m.worthNoting(key, now) {
		return nil
	}
	meta.UnixMilli = now.UnixMilli()
	res, err := m.cfg.Proposer.Propose(ctx, meta, n)
	if err == nil && res.Err != nil {
		err = res.Err
	}
	if err != nil && n.Refused {
		m.notNoted(key)
	}
	return err
}

// worthNoting tells whether an equal refusal was noted a moment ago.
func (m *Master) worthNoting(key string, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if last, ok := m.noted[key]; ok && now.Sub(last) < noteAgain {
		return false
	}
	if m.noted == nil || len(m.noted) >= mostNoted {
		m.noted = map[string]time.Time{}
	}
	m.noted[key] = now
	return true
}

// notNoted takes back what worthNoting has remembered.
func (m *Master) notNoted(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.noted, key)
}
