// Package pb is DM's wire: the services and messages that an operator's dmctl
// and deployment tools already speak, number by number. It is generated from
// the .proto files beside this one (go generate ./rpc/...) and nothing of our
// own is ever added to it; what raftdm's parts say to each other is in
// rpc/clusterpb. A test in rpc compares it with rpc/testdata/wire.txt.
package pb
