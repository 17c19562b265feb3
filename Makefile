# make help says what there is. GNU make; everything real is in .ci/ and in Go.

BASE     ?=
AGENTS   ?= claude,codex
EXECUTOR ?= podman
STORE    ?=
NETWORK  ?=
PKG      ?= ./...
COUNT    ?= 1

SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c

# Go is often unpacked there without being on PATH.
export PATH := $(PATH):/usr/local/go/bin

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := go tool -modfile=tools/go.mod
# Packages that touch no engine: the race detector runs on these.
PURE    := ./pkg/graph/... ./pkg/layers/... ./pkg/llb/... ./pkg/exec
TEST    := TEROK_REQUIRE_ENGINE=1 go test -shuffle=on -timeout 60m -p 2

.DEFAULT_GOAL := help
.PHONY: help quickstart build test test-long check format bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "variables: BASE=$(BASE) AGENTS=$(AGENTS) EXECUTOR=$(EXECUTOR) NETWORK=$(NETWORK) PKG=$(PKG) COUNT=$(COUNT)"

quickstart: ## set the machine up, build the program, plan and apply L0 + L1
	.ci/setup $(if $(filter buildkit,$(EXECUTOR)),buildkit,run)
	@$(MAKE) --no-print-directory build
	@BASE='$(BASE)' AGENTS='$(AGENTS)' EXECUTOR='$(EXECUTOR)' STORE='$(STORE)' NETWORK='$(NETWORK)' .ci/quickstart

# The tag leaves out what only writes manuals: every plan begins with a start.
build: ## bin/terok-agent
	CGO_ENABLED=0 go build -tags urfave_cli_no_docs -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/terok-agent ./cmd/terok-agent

test: ## unit, script and real-engine tests (PKG=./pkg/graph/... for some)
	.ci/setup test
	.ci/docker
	.ci/base debian:12
	$(TEST) $(PKG)

test-long: ## the same and what takes longer
	.ci/setup long
	.ci/docker
	.ci/base debian:12
	TEROK_LONG=1 $(TEST) $(PKG)

check: ## format, vet, lint, races, go.mod, shell scripts
	.ci/setup check
	@echo 'gofumpt -l .'; out=$$($(TOOL) gofumpt -l $$(git ls-files --cached --others --exclude-standard '*.go')) && \
		if [ -n "$$out" ]; then echo "not formatted (make format):" $$out; exit 1; fi
	go vet ./...
	$(TOOL) golangci-lint run
	go mod tidy -diff
	CGO_ENABLED=1 go test -race -short -timeout 20m -p 2 $$(go list $(PURE))
	shellcheck .ci/*

format: ## rewrite the Go files as check wants them
	$(TOOL) golangci-lint fmt

bench: ## benchmarks, compared with bin/bench.old.txt if that is there
	@mkdir -p bin
	go test -run '^$$' -bench . -benchmem -count $(COUNT) -timeout 60m -p 1 $(PKG) | tee bin/bench.txt
	@if [ -e bin/bench.old.txt ]; then $(TOOL) benchstat bin/bench.old.txt bin/bench.txt; fi

clean: ## remove bin/ (images and caches stay)
	rm -rf bin
