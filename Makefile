# What people and continuous integration run. Needs make, cargo, a C compiler and apt; the rest is installed on demand.
# Everything that is started or installed for this checkout alone lies in .dev/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

TARGET := $(or $(CARGO_TARGET_DIR),target)
STACK := cargo run --quiet --package devstack --bin stack --
# Stopping must work while the sources do not compile.
BUILT_STACK = $(firstword $(wildcard $(TARGET)/debug/stack $(TARGET)/release/stack))

# Clippy in place of the compiler, for the crates of this workspace: the tests' own build lints them, and dependencies are not
# checked a second time for the lints alone (4 minutes of 16 on two cores). It is the same compiler with more lints; it leaves
# out optimisations that a debug build hardly has. Its arguments come as `cargo clippy` of the pinned toolchain passes them.
LINTED := RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__

# Another Debian tree that RabbitMQ and PostgreSQL of the tests come from; tests/newer-servers makes one.
export TESTKIT_SERVERS := $(abspath $(SERVERS))
# The RustSec advisory database, checked out beside this checkout.
ADVISORY_DB ?= ../advisory-db

.PHONY: help dev stop demo test chaos bench screenshots licences advisories fmt

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

dev: ## Start private RabbitMQ and PostgreSQL servers; their addresses are in .dev/env
	@$(STACK) up

stop: ## Stop everything that was started from this checkout, and nothing else
	@$(or $(BUILT_STACK),$(STACK)) down

demo: ## Show an event from publish to delivery, and stay until Ctrl-C (DEMO_EXIT=1: exit when verified)
	@cargo build --release --package fanout --package sender --package demo --bins
	@exec $(TARGET)/release/demo

# One build of the whole workspace: a part of it alone would need its dependencies with other features, built again.
test: ## Check format and lints, and run all tests with servers of their own (SERVERS=DIR: those of a Debian tree)
	cargo fmt --all --check
	$(LINTED) cargo build --workspace --all-targets
	@$(TARGET)/debug/stack install --browser
	@command -v python3 > /dev/null || apt-get install --yes --no-install-recommends python3
	tests/browser/fetch-axe
	deploy/check
	@trap '$(TARGET)/debug/stack down --tests' EXIT; $(TARGET)/debug/stack up --tests; $(LINTED) cargo test --workspace

# For root alone: mounts that nobody else sees, for a disk that can be filled; and a clock that can be put off.
IS_ROOT := $(filter 0,$(shell id -u))
OWN_MOUNTS := $(if $(IS_ROOT),unshare --mount --propagation private env CHAOS_OWN_MOUNTS=1)

chaos: ## Random faults against a whole installation under load (CHAOS_SEEDS=1-20 CHAOS_SECONDS=180 CHAOS_RATE=20 CHAOS_NODES=1 SERVERS=DIR)
	cargo build --workspace --all-targets
	@$(TARGET)/debug/stack install
	@$(if $(IS_ROOT),dpkg -s libfaketime > /dev/null 2>&1 || apt-get install --yes --no-install-recommends libfaketime)
	@CHAOS_SEEDS=$(or $(CHAOS_SEEDS),1-20) CHAOS_SECONDS=$(or $(CHAOS_SECONDS),180) CHAOS_RATE=$(CHAOS_RATE) CHAOS_NODES=$(CHAOS_NODES) \
		$(OWN_MOUNTS) cargo test --workspace --test chaos random:: -- --nocapture

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

# The database is read where it is, and nothing is fetched: what is checked is what was checked out. The tool looks for it
# under a name that it makes of the database's address, so its version is fixed.
advisories: .dev/tools/bin/cargo-deny ## Check all dependencies for known vulnerabilities (ADVISORY_DB=DIR)
	@git -C '$(ADVISORY_DB)' rev-parse --quiet --verify HEAD > /dev/null 2>&1 && [ -d '$(ADVISORY_DB)/crates' ] || { \
	    echo "make advisories: there is no advisory database in $(ADVISORY_DB)." >&2; \
	    echo "Check out the repository rustsec/advisory-db there (git clone), or say where it is: ADVISORY_DB=DIR" >&2; exit 1; }
	@git -C '$(ADVISORY_DB)' log -1 --format='the database is of %cs'
	@mkdir -p .dev/advisories
	@ln -sfn "$$(realpath '$(ADVISORY_DB)')" .dev/advisories/advisory-db-3157b0e258782691
	@{ cat deny.toml; printf '\n[advisories]\ndb-path = "%s"\n' "$$PWD/.dev/advisories"; } > .dev/advisories/deny.toml
	@cargo fetch --quiet --locked
	.dev/tools/bin/cargo-deny --offline --config .dev/advisories/deny.toml check advisories

.dev/tools/bin/cargo-deny:
	cargo install --locked --version 0.20.2 --root .dev/tools cargo-deny

fmt: ## Format all sources
	cargo fmt --all
