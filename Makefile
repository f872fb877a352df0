# Every target sets up what it needs; a second run is quick. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-rust test-python lint format bench bench-peers bench-gate bench-anomaly bench-queue bench-random soak clean

PYTHON ?= python3
ARGS ?=
# nautilus-trader 2 needs 3.12 at least; pyenv keeps such a one beside the chosen Python.
PEERS_PYTHON ?= $(shell for each in python3.12 python3.13 $(HOME)/.pyenv/versions/3.12.*/bin/python3.12; do \
	"$$each" -c '' 2>/dev/null && echo "$$each" && break; done)
SECONDS_OF_SOAK ?= 3600
UV_VERSION := 0.13.9
UV := .tools/bin/uv
# The compiled core is always built by the same command, so that it can be neither stale nor missing.
MATURIN := PATH=$(CURDIR)/.tools/bin:$$PATH VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/maturin develop --uv --release --locked --quiet
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := $(PYTHON)

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk -F':.*?## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

setup: $(UV) ## Virtual environment, locked dependencies, release build of the core
	@$(UV) sync --locked --no-install-project --inexact --compile-bytecode --quiet >&2
	@$(MATURIN) >&2  # what a target prints on stdout is its own result

demo: setup ## Run the demo; pass options with ARGS="--speed 20"
	@.venv/bin/openoutcry demo $(ARGS)

test: setup test-rust test-python ## Every test, Rust and Python

test-rust:
	cargo test --workspace --locked --quiet

test-python: setup
	.venv/bin/pytest $(ARGS)

lint: setup ## Formatters, linters, types, the import contract, the core's stub
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m mypy.stubtest openoutcry._core --mypy-config-file pyproject.toml

bench: setup ## Speed beside peers, in one run; refuses a debug build
	@$(UV) sync --locked --no-install-project --inexact --quiet --group bench --extra ray >&2
	.venv/bin/pytest benches/python --benchmark-enable --benchmark-only $(ARGS)
	.venv/bin/python -m benches.core
	.venv/bin/python -m benches.backtest

bench-peers: $(UV) ## Install the peers that `make bench` measures beside ours, in .peers
	@if [ -n "$(PEERS_PYTHON)" ] && "$(PEERS_PYTHON)" -c ''; then \
		$(UV) venv --quiet --allow-existing --python $(PEERS_PYTHON) .peers && \
		$(UV) pip sync --quiet --python .peers/bin/python benches/peers/requirements.txt; \
	else \
		echo "bench-peers skipped: no Python 3.12 here; name one by PEERS_PYTHON=/path/to/python3.12"; \
	fi

bench-gate: ## Instructions of the core's workloads against benches/baselines.json; ARGS=--update writes it
	@$(PYTHON) -m benches.gate $(ARGS)

bench-anomaly: setup ## Precision, recall and delay of the anomaly panel, from the recordings in ../shared/data
	@$(UV) sync --locked --no-install-project --inexact --quiet --group bench >&2
	.venv/bin/python -m benches.anomaly.judge $(ARGS)

bench-queue: setup ## Fill rates of the queue models beside orders by id, from the recording in ../shared/data
	.venv/bin/python -m benches.queue_models $(ARGS)

bench-random: setup ## What the statistics say of ten thousand strategies without skill, on candles in ../shared/data
	.venv/bin/python -m benches.random_strategies $(ARGS)

soak: setup ## An hour of actors that crash, hang, flood and are killed; SECONDS_OF_SOAK=600 for less
	OPENOUTCRY_SOAK_S=$(SECONDS_OF_SOAK) .venv/bin/pytest tests/actors/soak -s --timeout 0 $(ARGS)

format: setup ## Rewrite the sources in the project's format
	cargo fmt --all
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

clean: ## Remove what the other targets made
	rm -rf .venv .peers .tools target benches/results dist python/openoutcry/_core*.so
