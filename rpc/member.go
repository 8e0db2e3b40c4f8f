package rpc

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
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
	if err := m.read(ctx, func(*fsm.View) {}); err != nil {
		return nil, err // only the leader knows who leads and who is a member
	}
	all := !req.GetLeader() && !req.GetMaster() && !req.GetWorker()
	picked := func(name string) bool { return len(req.GetNames()) == 0 || slices.Contains(req.GetNames(), name) }
	out := &pb.ListMemberResponse{Result: true}
	if all || req.GetLeader() {
		out.Members = append(out.Members, &pb.Members{Member: &pb.Members_Leader{Leader: m.leader(picked)}})
	}
	if all || req.GetMaster() {
		out.Members = append(out.Members, &pb.Members{Member: &pb.Members_Master{Master: m.masters(ctx, picked)}})
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

func (m *Master) masters(ctx context.Context, picked func(string) bool) *pb.ListMasterMember {
	var list []Member
	for _, x := range m.cfg.Cluster.Members() {
		if picked(x.Name) {
			list = append(list, x)
		}
	}
	alive := m.alive(ctx, list)
	out := &pb.ListMasterMember{}
	for _, x := range list {
		info := &pb.MasterInfo{Name: x.Name, MemberID: x.ID, Alive: alive[x.Name], PeerURLs: []string{m.scheme() + x.Peer}}
		if x.Client != "" {
			info.ClientURLs = []string{m.scheme() + x.Client}
		}
		out.Masters = append(out.Masters, info)
	}
	slices.SortFunc(out.Masters, func(a, b *pb.MasterInfo) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out
}

// scheme is what URLs of masters begin with.
func (m *Master) scheme() string {
	if m.cfg.TLS != nil {
		return "https://"
	}
	return "http://"
}

// pingIn bounds asking a master whether it is there.
const pingIn = time.Second

// alive asks masters whether they are there, all at once.
func (m *Master) alive(ctx context.Context, list []Member) map[string]bool {
	ctx, cancel := context.WithTimeout(WithCluster(ctx, m.clusterID()), pingIn)
	defer cancel()
	var wg sync.WaitGroup
	answers := make([]bool, len(list))
	for i, x := range list {
		wg.Go(func() { answers[i] = x.Name == m.cfg.Name || m.ping(ctx, x) })
	}
	wg.Wait()
	out := map[string]bool{}
	for i, x := range list {
		out[x.Name] = answers[i]
	}
	return out
}

// ping tells whether a master answers under its name.
func (m *Master) ping(ctx context.Context, x Member) bool {
	if x.Client == "" {
		return false
	}
	conn, err := m.dial(x.Client)
	if err != nil {
		return false
	}
	defer conn.Close()
	resp, err := clusterpb.NewMembersClient(conn).Ping(ctx, &clusterpb.PingRequest{})
	return err == nil && resp.GetName() == x.Name
}

func (m *Master) workers(ctx context.Context, picked func(string) bool) (*pb.ListWorkerMember, error) {
	out := &pb.ListWorkerMember{}
	err := m.read(ctx, func(v *fsm.View) {
		served := map[fsm.WorkerName]fsm.Binding{}
		for _, b := range v.Bindings() {
			served[b.Worker] = b
		}
		for _, w := range v.Workers() {
			if picked(string(w.Name)) {
				b := served[w.Name]
				out.Workers = append(out.Workers, &pb.WorkerInfo{Name: string(w.Name), Addr: w.Addr,
					Stage: workerStage(w, b), Source: string(b.Source)})
			}
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
