// Package clusterpb is what raftdm's parts say to each other, beside DM's own
// wire: Sessions is the stream that holds a worker's lease and carries its
// assignment and reports, Members is how masters join and find each other,
// Changes is the stream of what the cluster agreed on. It is generated from the
// .proto files beside this one (go generate ./rpc/...); rpc serves it, and
// clients of it are rpc.Session and the masters themselves.
package clusterpb
