package rpc

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Package expr brings a library with a logger of its own.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"))
}
