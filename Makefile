# Every target sets up what it needs: a virtual environment with the pinned dependencies.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
TRIALS := crypto_assets_tests/trials
MINUTES ?= 10
KILLS ?= 200
READY := .venv/.ready
EMULATORS := .venv-emulators/.ready

.PHONY: help install demo dev test trials warehouses soak lint bench bench-live bench-history \
	bench-bigquery lock clean

help: ## Show what can be done.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "Python 3.11 to 3.13 is needed; name one with make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the pinned dependencies into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

install: $(READY) ## Create .venv and install the pinned dependencies.

demo: $(READY) ## Build a real exchange day, damage a copy, heal it, show the proof.
	@$(BIN)/crypto-assets demo

dev: $(READY) ## Open the Dagster UI on http://127.0.0.1:3000.
	@$(BIN)/crypto-assets dev

test: $(READY) ## Run the tests; needs no service and no network.
	@$(BIN)/python -m pytest -n 3 --dist worksteal

trials: $(READY) ## Kill processes (KILLS=200), replay captures, backfill through Dagster.
	@$(BIN)/python -m pytest -s --kills $(KILLS) \
		$(TRIALS)/test_proof.py $(TRIALS)/test_kills.py $(TRIALS)/test_replay.py \
		$(TRIALS)/test_backfill.py

$(EMULATORS): $(TRIALS)/emulators.txt
	@test -x .venv-emulators/bin/python || $(BIN)/python -m venv .venv-emulators
	@echo "Installing emulators of BigQuery and S3 into .venv-emulators ..."
	@.venv-emulators/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $(EMULATORS)

warehouses: $(READY) $(EMULATORS) ## Load, stream and put a real day into emulators of BigQuery and S3.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		-c requirements.lock -e '.[gcp,s3]'
	@$(BIN)/python -m pytest -s --kills $(KILLS) $(TRIALS)/test_bigquery.py $(TRIALS)/test_objects.py

soak: $(READY) ## Record under load while everything goes wrong (MINUTES=10).
	@$(BIN)/python -m pytest -s --minutes $(MINUTES) $(TRIALS)/test_soak.py

lint: $(READY) ## Check style, types and the floors.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --verbose | tail -n 20

bench: $(READY) ## Measure the speed of every stage beside its alternatives.
	@$(BIN)/python -m bench

bench-live: $(READY) ## Measure the collector beside other recorders, and how fresh SQL is.
	@$(BIN)/python -m bench.live
	@$(BIN)/python -m bench.freshness
	@$(BIN)/python -m bench.growth

bench-history: $(READY) ## Measure downloads of published days beside other projects' ways.
	@$(BIN)/python -m bench.history

bench-bigquery: $(READY) $(EMULATORS) ## Measure loads into an emulator of BigQuery beside other ways.
	@$(BIN)/python -m bench.bigquery

lock: $(READY) ## Resolve the dependencies anew (needs uv).
	@uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate --no-header \
		-o requirements.lock pyproject.toml

clean: ## Remove the virtual environment and all caches; leaves the lake alone.
	@rm -rf .venv .venv-emulators *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
