#!/bin/sh
# Regenerates rpc/pb and rpc/clusterpb from their .proto files. Needs protoc
# (Debian: protobuf-compiler); the Go plugins come from go.mod's tools.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
go build -o "$bin/" google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc
gen() {
	protoc -I "$1" --plugin="$bin/protoc-gen-go" --plugin="$bin/protoc-gen-go-grpc" \
		--go_out="$1" --go_opt=paths=source_relative \
		--go-grpc_out="$1" --go-grpc_opt=paths=source_relative "$1"/*.proto
}
gen pb
gen clusterpb
