# raftdm: `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Debian packages that the servers, the comparisons and the tools come from.
PACKAGES := mariadb-server mariadb-client mydumper sysbench percona-toolkit
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# A test binary may start several servers: few of them at once. Tests build programs
# whose sources go does not see, so no result of an earlier run counts.
TEST_FLAGS ?= -p 2 -count=1 -timeout 40m

.PHONY: help deps build generate check test test-short test-race test-mysql jepsen demo bench bench-full bench-sync clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

deps: ## install what is missing (Debian packages) and build the TiDB of tests and demo
	@missing=""; for p in $(PACKAGES); do \
	  [ "$$(dpkg-query -W -f='$${Status}' $$p 2>/dev/null)" = "install ok installed" ] || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing:$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; fi
	@go run ./tools/tidbserver # into the user's cache: once, about 5 minutes

build: ## build dm-master, dm-worker and dmctl into bin/
	go build -ldflags "-X github.com/raftdm/raftdm/internal/version.branch=$$(git rev-parse --abbrev-ref HEAD 2>/dev/null || echo unknown)" \
	  -o bin/ ./cmd/dm-master ./cmd/dm-worker ./cmd/dmctl

generate: ## regenerate the protobuf code
	go generate ./...

check: ## formatting and vet; what CI looks at before the tests
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "not gofmt-ed:"; echo "$$bad"; exit 1; }
	go vet ./...

test: deps check ## every test: unit, property and end to end against real MariaDB and TiDB
	go test $(TEST_FLAGS) ./worker/syncer ./e2e ./... # the two that take longest first

test-short: check ## the tests that need no server
	go test -short ./...

test-race: deps ## every test under the race detector, at length
	go test -race -p 2 -count=1 -timeout 90m ./worker/syncer ./e2e ./...

test-mysql: deps ## the end-to-end tests with MySQL 9 (Debian sid in a chroot; needs root) as upstream
	@command -v debootstrap >/dev/null || { $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null; }
	$(SUDO) env "PATH=$$PATH" "HOME=$$HOME" go test -tags mysql -count=1 -timeout 25m -run MySQL ./e2e/... ./worker/syncer ./worker/dump ./worker/load ./internal/binjson ./internal/rowevent ./internal/schema

jepsen: deps ## faults against real processes: TIME=10m SEED= TARGET=tidb FAULTS=pause,cut RUN=TestExploratory (jepsen/README.md)
	JEPSEN_TIME=$(or $(TIME),10m) JEPSEN_SEED=$(SEED) JEPSEN_TARGET=$(TARGET) JEPSEN_FAULTS=$(FAULTS) \
	  go test -count=1 -timeout 0 -v -run '$(or $(RUN),.)' ./jepsen

demo: deps ## migrate a live MariaDB into TiDB before your eyes (KEEP=1 leaves it running)
	@go run ./tools/demo

bench: deps ## rows/s of dump, load and sync beside mydumper, myloader and a MariaDB replica
	@go run ./bench

bench-full: deps ## dump and load at length beside mydumper and myloader; ARGS="-full-mib 256 -threads 4 -tidb=false -profile DIR"
	@go run ./bench -full $(ARGS)

bench-sync: deps ## how fast a backlog of binlog is caught up; ARGS="-scale 0.1 -workloads insert,mixed -lanes 1,4,16 -profile DIR"
	@go run ./bench -sync $(ARGS)

clean: ## remove what was built here (the cache in the home directory stays)
	rm -rf bin
