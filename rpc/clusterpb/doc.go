// Package clusterpb is what raftdm's workers and masters say to each other: one
// stream that holds the worker's lease, carries its assignment and its reports.
// It is generated from session.proto (go generate ./rpc/...). rpc's
// session_server.go and session.go are its only users.
package clusterpb
