# What people and continuous integration run. Needs make, cargo, a C compiler and apt; the rest is installed on demand.
# Everything that is started or installed for this checkout alone lies in .dev/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
STACK := cargo run --quiet --package testkit --bin stack --
# Stopping must work while the sources do not compile.
BUILT_STACK = $(firstword $(wildcard $(TARGET)/debug/stack $(TARGET)/release/stack))

.PHONY: help dev stop demo test bench screenshots licences fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

dev: ## Start private RabbitMQ and PostgreSQL servers; their addresses are in .dev/env
	@$(STACK) up

stop: ## Stop everything that was started from this checkout, and nothing else
	@$(or $(BUILT_STACK),$(STACK)) down

demo: ## Show an event's whole way, and stay until Ctrl-C (DEMO_EXIT=1: end when it is proven)
	@cargo build --release --package fanout --package sender --package testkit --bins
	@exec $(TARGET)/release/demo

# One build of the whole workspace: a part of it alone would need its dependencies with other features, built again.
test: ## Check format and lints, and run all tests with servers of their own
	cargo fmt --all --check
	cargo build --workspace --all-targets
	@$(TARGET)/debug/stack install --browser
	@command -v python3 > /dev/null || apt-get install --yes --no-install-recommends python3
	tests/browser/fetch-axe
	deploy/check
	cargo clippy --workspace --all-targets -- -D warnings
	@trap '$(TARGET)/debug/stack down --tests' EXIT; $(TARGET)/debug/stack up --tests; cargo test --workspace

bench: ## Compare the product with the bare crates, as ratios, and time its core (BENCH_ROUNDS, BENCH_ONLY, …)
	cargo build --release --workspace --bins
	@$(TARGET)/release/stack install
	$(TARGET)/release/bench
	cargo bench --package domain -- --quick

screenshots: ## Take the pictures of the console in docs/img (DIR=…: of every page, into that directory)
	cargo build --workspace --bins --examples
	@$(TARGET)/debug/stack install --browser
	@$(TARGET)/debug/examples/screenshots $(DIR)

licences: .dev/tools/bin/cargo-deny ## Check licences, banned crates and sources of all dependencies
	.dev/tools/bin/cargo-deny deny check licenses bans sources

.dev/tools/bin/cargo-deny:
	cargo install --locked --root .dev/tools cargo-deny

fmt: ## Format all sources
	cargo fmt --all
