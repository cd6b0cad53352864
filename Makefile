# What people and continuous integration run. Needs make, cargo, a C compiler and apt; the rest is installed on demand.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

STACK = cargo run --quiet --package testkit --bin stack --

.PHONY: help dev stop

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: ## Start private RabbitMQ and PostgreSQL servers; their addresses are in .dev/env
	@$(STACK) install
	@$(STACK) up

stop: ## Stop everything that was started from this checkout, and nothing else
	@$(STACK) down
