package rpc

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
)

// TestPlain: the log says what happened in nobody's framework's words.
func TestPlain(t *testing.T) {
	for want, err := range map[string]error{
		"dial tcp 127.0.0.1:1: connect: connection refused": grpcstatus.Error(codes.Unavailable,
			`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`),
		"no master leads at the moment": grpcstatus.Error(codes.Unavailable, "no master leads at the moment"),
		"a \"quoted\" word":             grpcstatus.Error(codes.Internal, `a "quoted" word`),
		"ours":                          errors.New("ours"),
	} {
		if got := plain(err).Error(); got != want {
			t.Errorf("%v: %q", err, got)
		}
	}
}
