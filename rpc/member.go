package rpc

import (
	"cmp"
	"context"
	"slices"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
)

// The stages of a worker as list-member and the worker_state metric name them.
const (
	stageOffline = "offline"
	stageFree    = "free"
	stageBound   = "bound"
)

// ListMember lists the leader, the masters and the workers, or those asked for.
func (m *Master) ListMember(ctx context.Context, req *pb.ListMemberRequest) (*pb.ListMemberResponse, error) {
	all := !req.GetLeader() && !req.GetMaster() && !req.GetWorker()
	picked := func(name string) bool { return len(req.GetNames()) == 0 || slices.Contains(req.GetNames(), name) }
	out := &pb.ListMemberResponse{Result: true}
	if all || req.GetLeader() {
		out.Members = append(out.Members, &pb.Members{Member: &pb.Members_Leader{Leader: m.leader(picked)}})
	}
	if all || req.GetMaster() {
		out.Members = append(out.Members, &pb.Members{Member: &pb.Members_Master{Master: m.masters(picked)}})
	}
	if all || req.GetWorker() {
		workers, err := m.workers(ctx, picked)
		if err != nil {
			return nil, err
		}
		out.Members = append(out.Members, &pb.Members{Member: &pb.Members_Worker{Worker: workers}})
	}
	return out, nil
}

func (m *Master) leader(picked func(string) bool) *pb.ListLeaderMember {
	name, addr := m.cfg.Cluster.Leader()
	switch {
	case name == "":
		return &pb.ListLeaderMember{Msg: "no master leads at the moment"}
	case !picked(name):
		return &pb.ListLeaderMember{}
	default:
		return &pb.ListLeaderMember{Name: name, Addr: addr}
	}
}

func (m *Master) masters(picked func(string) bool) *pb.ListMasterMember {
	out := &pb.ListMasterMember{}
	for _, x := range m.cfg.Cluster.Members() {
		if picked(x.Name) {
			out.Masters = append(out.Masters, &pb.MasterInfo{Name: x.Name, MemberID: x.ID, Alive: x.Alive,
				PeerURLs: x.PeerURLs, ClientURLs: x.ClientURLs})
		}
	}
	slices.SortFunc(out.Masters, func(a, b *pb.MasterInfo) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out
}

func (m *Master) workers(ctx context.Context, picked func(string) bool) (*pb.ListWorkerMember, error) {
	out := &pb.ListWorkerMember{}
	err := m.read(ctx, func(v *fsm.View) {
		for _, w := range v.Workers() {
			if !picked(string(w.Name)) {
				continue
			}
			b, _ := v.BindingOf(w.Name)
			out.Workers = append(out.Workers, &pb.WorkerInfo{Name: string(w.Name), Addr: w.Addr,
				Stage: workerStage(w, b), Source: string(b.Source)})
		}
	})
	return out, err
}

func workerStage(w fsm.Worker, b fsm.Binding) string {
	switch {
	case w.Session == 0:
		return stageOffline
	case b.Source == "":
		return stageFree
	default:
		return stageBound
	}
}

// RegisterWorker makes a worker known by name and address.
func (m *Master) RegisterWorker(ctx context.Context, req *pb.RegisterWorkerRequest) (*pb.RegisterWorkerResponse, error) {
	c := fsm.RegisterWorker{Name: fsm.WorkerName(req.GetName()), Addr: req.GetAddress()}
	if _, err := m.propose(ctx, m.meta(ctx, "register"), c); err != nil {
		return nil, err
	}
	return &pb.RegisterWorkerResponse{Result: true}, nil
}

// GetMasterCfg gives this master's configuration.
func (m *Master) GetMasterCfg(context.Context, *pb.GetMasterCfgRequest) (*pb.GetMasterCfgResponse, error) {
	if m.cfg.ConfigText == "" {
		return nil, fault.New(fault.Unsupported, "not supported yet: GetMasterCfg")
	}
	return &pb.GetMasterCfgResponse{Cfg: m.cfg.ConfigText}, nil
}
