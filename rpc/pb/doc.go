// Package pb is DM's wire: the services and messages that an operator's dmctl
// and deployment tools already speak, number by number. It is generated from
// the .proto files beside this one (go generate ./rpc/...). Of our own there are
// only fields of an answer that a person reads, numbered from 1000 on, which
// DM's tools pass over; what raftdm's parts say to each other is in
// rpc/clusterpb. A test in rpc compares it with rpc/testdata/wire.txt.
package pb
