package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
)

// Sentences of DM that tools and people look for.
const (
	msgNoFreeWorker  = "source is added but there is no free worker to bound"
	msgNeverBound    = "source is stopped and hasn't bound to worker before being stopped"
	msgUpdateSources = "Update worker config is not supported by dm-ha now"
)

// partPut and partStop, with the id of a source behind them, tell the commands of
// one request apart.
const partPut, partStop, partUndo = "put/", "stop/", "undo/"

// bindWithin is how long a new source is waited for to find its worker.
const bindWithin = 10 * time.Second

// OperateSource creates, shows or stops sources.
func (m *Master) OperateSource(ctx context.Context, req *pb.OperateSourceRequest) (*pb.OperateSourceResponse, error) {
	switch req.GetOp() {
	case pb.SourceOp_StartSource:
		return m.createSources(ctx, req)
	case pb.SourceOp_StopSource:
		return m.stopSources(ctx, req)
	case pb.SourceOp_ShowSource:
		return m.showSources(ctx, req)
	case pb.SourceOp_UpdateSource:
		return &pb.OperateSourceResponse{Msg: msgUpdateSources}, nil
	default:
		return nil, fault.New(fault.Invalid, "operate-source knows create, update, stop and show, not operation "+req.GetOp().String())
	}
}

// createSources adds all sources of the request or none of them.
func (m *Master) createSources(ctx context.Context, req *pb.OperateSourceRequest) (*pb.OperateSourceResponse, error) {
	if req.GetWorkerName() != "" {
		return nil, fault.New(fault.Unsupported, "not supported yet: operate-source create for a named worker")
	}
	sources, warnings, err := m.decodeSources(ctx, req.GetConfig())
	if err != nil {
		return nil, err
	}
	for i, src := range sources {
		again, err := m.repeated(ctx, partPut+src.SourceID)
		if err != nil {
			return nil, err
		}
		if again {
			continue
		}
		if sources[i], err = m.cfg.Checker.CheckSource(ctx, src); err != nil {
			return nil, err // names the source
		}
	}
	if err := m.putSources(ctx, sources); err != nil {
		return nil, err
	}
	out := &pb.OperateSourceResponse{Result: true, Msg: strings.Join(warnings, "; ")}
	deadline := time.Now().Add(bindWithin)
	for _, src := range sources {
		id := fsm.SourceID(src.SourceID)
		worker, err := m.awaitBinding(ctx, id, time.Until(deadline))
		if err != nil {
			return nil, err
		}
		line := sourceLine(id, worker, msgNoFreeWorker)
		heard := false
		if err := m.stillLeads(); err != nil {
			return nil, err // what it knows of bindings may be old
		}
		if worker != "" {
			if heard, err = m.awaitReport(ctx, id, time.Until(deadline)); err != nil {
				return nil, err
			}
		}
		if worker != "" && !heard {
			line.Result = false
			line.Msg = Message(&fault.Error{Kind: fault.Unavailable, Code: codeNoExpected,
				Msg: fmt.Sprintf("the source is added, but worker %s has not begun with it yet", worker), Hint: "query-status shows how it goes on"})
		}
		out.Sources = append(out.Sources, line)
	}
	return out, nil
}

// decodeSources reads the files of one request, which must not repeat an id.
func (m *Master) decodeSources(ctx context.Context, texts []string) ([]config.Source, []string, error) {
	if len(texts) == 0 {
		return nil, nil, fault.New(fault.Invalid, "no source file is given")
	}
	var sources []config.Source
	var warnings []string
	seen := map[string]bool{}
	for i, text := range texts {
		file := "source file"
		if len(texts) > 1 {
			file = fmt.Sprintf("source file %d", i+1)
		}
		src, warns, err := m.cfg.Key.DecodeSource(fileName(ctx, i, file), []byte(text))
		if err != nil {
			return nil, nil, err
		}
		config.FillSecurity(&src.From.Security, securityFiles(ctx))
		if seen[src.SourceID] {
			return nil, nil, fault.New(fault.Invalid, fmt.Sprintf("source-id %s is given by two files", src.SourceID))
		}
		seen[src.SourceID] = true
		sources, warnings = append(sources, src), append(warnings, warns...)
	}
	return sources, warnings, nil
}

// putSources adds the sources; when one is refused, those added before it by
// this request are taken back.
func (m *Master) putSources(ctx context.Context, sources []config.Source) error {
	for i, src := range sources {
		_, err := m.propose(ctx, m.meta(ctx, partPut+src.SourceID), fsm.PutSource{ID: fsm.SourceID(src.SourceID), Config: m.cfg.Key.EncodeSource(src)})
		if err == nil {
			continue
		}
		if fault.Is(err, fault.NotLeader) || fault.Is(err, fault.Unavailable) {
			return err // no refusal: the next leader goes on, or nobody knows what became of it
		}
		for _, added := range sources[:i] {
			undo := fsm.RemoveSource{ID: fsm.SourceID(added.SourceID)}
			if _, uerr := m.propose(ctx, m.meta(ctx, partUndo+added.SourceID), undo); uerr != nil {
				if fault.Is(uerr, fault.NotLeader) {
					return uerr
				}
				return &fault.Error{Kind: fault.KindOf(err), Err: err,
					Hint: fmt.Sprintf("source %s was added by the same request and could not be taken back (%v): operate-source stop it", added.SourceID, uerr)}
			}
		}
		return err
	}
	return nil
}

// awaitBinding waits until a source has a worker; it gives up at once when no
// worker is free, and after the time given.
func (m *Master) awaitBinding(ctx context.Context, id fsm.SourceID, within time.Duration) (fsm.WorkerName, error) {
	var worker fsm.WorkerName
	err := m.await(ctx, within, func(v *fsm.View) bool {
		b, bound := v.Binding(id)
		worker = b.Worker
		return bound || !anyFree(v)
	})
	return worker, err
}

// awaitReport waits until the worker that serves a source has said so, so that
// the next query-status has something to show; false when it did not in time.
func (m *Master) awaitReport(ctx context.Context, id fsm.SourceID, within time.Duration) (bool, error) {
	wctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	look := time.NewTicker(time.Second) // whether this master still leads
	defer look.Stop()
	for {
		news := m.reports.news()
		var heard bool
		err := m.cfg.Reader.View(func(v *fsm.View) error {
			if b, ok := v.Binding(id); ok {
				w, _ := v.Worker(b.Worker)
				_, heard = m.reports.of(w, b)
			}
			return nil
		})
		if heard || err != nil {
			return heard, err
		}
		if err := m.stillLeads(); err != nil {
			return false, err
		}
		select {
		case <-news:
		case <-look.C:
		case <-wctx.Done():
			return false, ctx.Err()
		}
	}
}

func anyFree(v *fsm.View) bool {
	for _, w := range v.Workers() {
		if _, bound := v.BindingOf(w.Name); w.Session != 0 && !bound {
			return true
		}
	}
	return false
}

// stopSources removes sources one after the other and stops at the first refusal.
func (m *Master) stopSources(ctx context.Context, req *pb.OperateSourceRequest) (*pb.OperateSourceResponse, error) {
	ids, err := m.namedSources(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.New(fault.Invalid, "no source to stop is given")
	}
	out := &pb.OperateSourceResponse{Result: true}
	for _, id := range ids {
		var had fsm.Binding
		meta, never := m.meta(ctx, partStop+string(id)), msgNeverBound
		if err := m.read(ctx, func(v *fsm.View) {
			had, _ = v.Binding(id)
			if v.Executed(meta.RequestID) {
				never = "" // who served it is not known any more
			}
		}); err != nil {
			return nil, err
		}
		if _, err := m.propose(ctx, meta, fsm.RemoveSource{ID: id}); err != nil {
			if fault.Is(err, fault.NotLeader) {
				return nil, err // the next leader goes on with it
			}
			out.Result, out.Msg = false, Message(err)
			return out, nil
		}
		out.Sources = append(out.Sources, sourceLine(id, had.Worker, never))
	}
	return out, nil
}

// showSources lists the sources named, or all.
func (m *Master) showSources(ctx context.Context, req *pb.OperateSourceRequest) (*pb.OperateSourceResponse, error) {
	ids, err := m.namedSources(ctx, req)
	if err != nil {
		return nil, err
	}
	out := &pb.OperateSourceResponse{Result: true}
	var missing []string
	err = m.read(ctx, func(v *fsm.View) {
		if len(ids) == 0 {
			for _, s := range v.Sources() {
				ids = append(ids, s.ID)
			}
		}
		for _, id := range ids {
			if _, ok := v.Source(id); !ok {
				missing = append(missing, string(id))
			}
			b, _ := v.Binding(id)
			out.Sources = append(out.Sources, sourceLine(id, b.Worker, msgNoFreeWorker))
		}
	})
	if len(missing) > 0 {
		return nil, unknownSources(missing)
	}
	return out, err
}

func unknownSources(ids []string) error {
	return fault.New(fault.NotFound, fmt.Sprintf("sources [%s] haven't been added", strings.Join(ids, " ")))
}

// namedSources gives the ids that a request names, by themselves or by files,
// each once.
func (m *Master) namedSources(ctx context.Context, req *pb.OperateSourceRequest) ([]fsm.SourceID, error) {
	var ids []fsm.SourceID
	add := func(id string) {
		if !slices.Contains(ids, fsm.SourceID(id)) {
			ids = append(ids, fsm.SourceID(id))
		}
	}
	for _, id := range req.GetSourceID() {
		add(id)
	}
	if len(req.GetConfig()) == 0 {
		return ids, nil
	}
	sources, _, err := m.decodeSources(ctx, req.GetConfig())
	for _, src := range sources {
		add(src.SourceID)
	}
	return ids, err
}

func sourceLine(id fsm.SourceID, w fsm.WorkerName, unbound string) *pb.CommonWorkerResponse {
	out := &pb.CommonWorkerResponse{Result: true, Source: string(id), Worker: string(w)}
	if w == "" {
		out.Msg = unbound
	}
	return out
}
