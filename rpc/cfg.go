package rpc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/clusterpb"
	"github.com/raftdm/raftdm/rpc/pb"
)

// askConfigIn bounds asking another component for its configuration.
const askConfigIn = 3 * time.Second

// GetCfg shows a configuration: of a task or source as it is agreed on, of a
// master or worker as it runs.
func (m *Master) GetCfg(ctx context.Context, req *pb.GetCfgRequest) (*pb.GetCfgResponse, error) {
	name := req.GetName()
	var text string
	var err error
	switch req.GetType() {
	case pb.CfgType_TaskType:
		text, err = m.taskConfig(ctx, name)
	case pb.CfgType_SourceType:
		text, err = m.sourceConfig(ctx, name)
	case pb.CfgType_MasterType:
		text, err = m.masterConfig(ctx, name)
	case pb.CfgType_WorkerType:
		text, err = m.workerConfig(ctx, name)
	case pb.CfgType_TaskTemplateType:
		err = fault.New(fault.Unsupported, "not supported yet: task templates")
	default:
		err = fault.New(fault.Invalid, fmt.Sprintf("invalid config op '%s'", req.GetType()))
	}
	if err != nil {
		return nil, err
	}
	return &pb.GetCfgResponse{Result: true, Cfg: text}, nil
}

// taskConfig shows a task, with remarks where its sources were started with
// files that do not fit into one.
func (m *Master) taskConfig(ctx context.Context, name string) (string, error) {
	var task fsm.Task
	var known bool
	if err := m.read(ctx, func(v *fsm.View) { task, known = v.Task(fsm.TaskName(name)) }); err != nil {
		return "", err
	}
	if !known {
		return "", fault.New(fault.NotFound, "task not found")
	}
	form, differ, err := m.cfg.Key.TaskForm(taskTexts(task), config.Masked)
	if err != nil {
		return "", err
	}
	if len(differ) > 0 {
		form = "# The sources were started with different files. This is the first one's; the others differ in: " + strings.Join(differ, ", ") + "\n" + form
	}
	return form, nil
}

func taskTexts(task fsm.Task) map[string]string {
	out := map[string]string{}
	for id, text := range task.Sources {
		out[string(id)] = text
	}
	return out
}

func (m *Master) sourceConfig(ctx context.Context, name string) (string, error) {
	var src fsm.Source
	var known bool
	if err := m.read(ctx, func(v *fsm.View) { src, known = v.Source(fsm.SourceID(name)) }); err != nil {
		return "", err
	}
	if !known {
		return "", fault.New(fault.NotFound, "source not found")
	}
	return m.cfg.Key.SourceForm(src.Config, config.Masked)
}

func (m *Master) masterConfig(ctx context.Context, name string) (string, error) {
	if err := m.read(ctx, func(*fsm.View) {}); err != nil {
		return "", err // only the leader knows who is a member
	}
	if name == m.cfg.Name {
		return m.cfg.ConfigText, nil
	}
	for _, x := range m.cfg.Cluster.Members() {
		if x.Name != name {
			continue
		}
		if x.Client == "" {
			return "", fault.New(fault.Unavailable, "master "+name+" has not told its address yet")
		}
		conn, err := m.dial(x.Client)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		ctx, cancel := context.WithTimeout(WithCluster(ctx, m.clusterID()), askConfigIn)
		defer cancel()
		resp, err := pb.NewMasterClient(conn).GetMasterCfg(ctx, &pb.GetMasterCfgRequest{})
		return resp.GetCfg(), unanswered(codeGRPCRequest, "master", name, x.Client, err)
	}
	return "", fault.New(fault.NotFound, "master not found")
}

func (m *Master) workerConfig(ctx context.Context, name string) (string, error) {
	var w fsm.Worker
	var known bool
	if err := m.read(ctx, func(v *fsm.View) { w, known = v.Worker(fsm.WorkerName(name)) }); err != nil {
		return "", err
	}
	if !known {
		return "", fault.New(fault.NotFound, "worker not found")
	}
	conn, err := m.dial(w.Addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, askConfigIn)
	defer cancel()
	resp, err := pb.NewWorkerClient(conn).GetWorkerCfg(ctx, &pb.GetWorkerCfgRequest{})
	return resp.GetCfg(), unanswered(codeWorkerConfig, "worker", name, w.Addr, err)
}

func unanswered(code int, what, name, addr string, err error) error {
	if err == nil {
		return nil
	}
	return &fault.Error{Kind: fault.Unavailable, Code: code, Err: plain(err),
		Msg:  fmt.Sprintf("%s %s does not answer at %s", what, name, addr),
		Hint: "list-member shows whether it is online; start it, or ask for another one"}
}

// Encrypt makes a ciphertext for a source or task file with the masters' key.
func (m *Master) Encrypt(_ context.Context, req *pb.EncryptRequest) (*pb.EncryptResponse, error) {
	text, err := m.cfg.Key.Encrypt(req.GetPlaintext())
	if err != nil {
		return nil, err
	}
	return &pb.EncryptResponse{Result: true, Ciphertext: text}, nil
}

// Export gives every source and task as a file that can be read back.
func (o *operatorServer) Export(ctx context.Context, _ *clusterpb.ExportRequest) (*clusterpb.ExportResponse, error) {
	out := &clusterpb.ExportResponse{Result: true, Sources: map[string]string{}, Tasks: map[string]string{}}
	var sources []fsm.Source
	var tasks []fsm.Task
	if err := o.m.read(ctx, func(v *fsm.View) { sources, tasks = v.Sources(), v.Tasks() }); err != nil {
		return nil, err
	}
	for _, src := range sources {
		form, err := o.m.cfg.Key.SourceForm(src.Config, config.Sealed)
		if err != nil {
			return nil, fault.Wrap("export source "+string(src.ID), err)
		}
		out.Sources[string(src.ID)] = form
	}
	for _, task := range tasks {
		form, differ, err := o.m.cfg.Key.TaskForm(taskTexts(task), config.Sealed)
		if err != nil {
			return nil, fault.Wrap("export task "+string(task.Name), err)
		}
		if len(differ) > 0 {
			return nil, &fault.Error{Kind: fault.Conflict,
				Msg: fmt.Sprintf("the sources of task %s were started with files that differ in %s, which no single file can say",
					task.Name, strings.Join(differ, ", ")),
				Hint: "pause-task it and bring them together with `config task update`, or stop-task it before the export"}
		}
		out.Tasks[string(task.Name)] = form
	}
	o.m.note(ctx, "export", fsm.Note{Action: "config export"})
	return out, nil
}

// WithConfig makes a worker show its configuration, TOML without secrets.
func (w *Worker) WithConfig(text string) *Worker {
	w.config = text
	return w
}

// GetWorkerCfg gives this worker's configuration.
func (w *Worker) GetWorkerCfg(context.Context, *pb.GetWorkerCfgRequest) (*pb.GetWorkerCfgResponse, error) {
	if w.config == "" {
		return nil, fault.New(fault.Unsupported, "not supported yet: GetWorkerCfg")
	}
	return &pb.GetWorkerCfgResponse{Cfg: w.config}, nil
}
