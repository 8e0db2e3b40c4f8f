package rpc_test

import (
	"strings"
	"testing"

	"github.com/raftdm/raftdm/fsm"
	"github.com/raftdm/raftdm/rpc/pb"
	"github.com/raftdm/raftdm/rpc/rpctest"
)

// A worker that holds a source and says nothing is named, and how long that can
// last: there is nothing else an operator could look at.
func TestQueryStatusNamesASilentWorker(t *testing.T) {
	s := rpctest.Open(t)
	for _, c := range []fsm.Command{fsm.PutSource{ID: "source-1"}, fsm.RegisterWorker{Name: "w1", Addr: "w1:1"},
		fsm.OpenSession{Worker: "w1", TTLSeconds: 77}, fsm.BindSource{Source: "source-1", Worker: "w1"}} {
		s.Must(t, c)
	}
	_, c := client(t, rpctest.Start(t, s, rpctest.Options{}))
	st, err := c.QueryStatus(t.Context(), &pb.QueryStatusListRequest{})
	if err != nil || len(st.GetSources()) != 1 {
		t.Fatalf("%v, %v", st, err)
	}
	src := st.GetSources()[0]
	if msg := src.GetMsg(); src.GetResult() || !strings.Contains(msg, "worker w1 ") || !strings.Contains(msg, "lease of 77 s") {
		t.Errorf("got %v", src)
	}
}
