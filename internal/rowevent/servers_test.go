package rowevent_test

import (
	"os"
	"testing"

	"github.com/raftdm/raftdm/internal/testbed"
)

var servers testbed.Shared

func TestMain(m *testing.M) { os.Exit(servers.Main(m)) }
