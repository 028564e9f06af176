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
TORCH ?= torch==2.13.0
PETASTORM := .venv-petastorm
EMULATORS := .venv-emulators/.ready
CLOUD := .venv-cloud/.ready

.PHONY: help install demo dev test trials pages brokers warehouses soak training petastorm lint \
	bench bench-live bench-history bench-reading bench-broker bench-bigquery lock clean

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
		$(TRIALS)/test_backfill.py $(TRIALS)/test_warehouse.py

pages: $(READY) ## Open the pages in a real Chromium (skipped where there is none).
	@$(BIN)/python -m pytest -rs $(TRIALS)/test_pages.py

$(EMULATORS): $(TRIALS)/emulators.txt
	@test -x .venv-emulators/bin/python || $(PYTHON) -m venv .venv-emulators
	@echo "Installing emulators of BigQuery and S3 into .venv-emulators ..."
	@.venv-emulators/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $(EMULATORS)

# dagster-gcp needs pandas, which would cost every process of .venv a second: an environment beside.
$(CLOUD): requirements.lock pyproject.toml
	@test -x .venv-cloud/bin/python || $(PYTHON) -m venv .venv-cloud
	@echo "Installing the clients of BigQuery, Cloud Storage, Pub/Sub and S3 into .venv-cloud ..."
	@.venv-cloud/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@.venv-cloud/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation \
		-c requirements.lock -e '.[gcp,s3]'
	@touch $(CLOUD)

warehouses: KILLS = 5
warehouses: $(READY) $(CLOUD) $(EMULATORS) ## Load, stream and put a real day into emulators of BigQuery and S3.
	@.venv-cloud/bin/python -m pytest -s -rs --kills $(KILLS) \
		$(TRIALS)/test_bigquery.py $(TRIALS)/test_objects.py \
		crypto_assets_tests/sinks crypto_assets_tests/defs/test_sending.py \
		-k 'bigquery or objects or pubsub or sending'

soak: $(READY) ## Record under load while everything goes wrong (MINUTES=10).
	@$(BIN)/python -m pytest -s --minutes $(MINUTES) $(TRIALS)/test_soak.py

training: $(READY) ## Install torch (TORCH=) if missing; test the batches and run the example.
	@$(BIN)/python -c 'import torch' 2>/dev/null || { echo "Installing $(TORCH) into .venv ..."; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock $(TORCH); }
	@$(BIN)/python -m pytest -s crypto_assets_tests/training \
		$(TRIALS)/test_workers.py $(TRIALS)/test_example.py

$(PETASTORM)/.ready:
	@test -x $(PETASTORM)/bin/python || $(PYTHON) -m venv $(PETASTORM)
	@echo "Installing Petastorm into $(PETASTORM) ..."
	@$(PETASTORM)/bin/python -m pip install --quiet --disable-pip-version-check petastorm==0.13.1 \
		pyarrow==14.0.2 'numpy<2' 'pandas<2.3' 'pyspark<3.6' 'setuptools<70'
	@touch $@

petastorm: $(READY) $(PETASTORM)/.ready ## Show that Petastorm, in its own environment, sees every column.
	@$(BIN)/python -m pytest -s $(TRIALS)/test_petastorm.py

brokers: KILLS = 50
brokers: $(READY) ## Kill publishers, consumers and nats-server (KILLS=50); needs nats-server.
	@$(BIN)/python -m pytest -s --kills $(KILLS) $(TRIALS)/test_broker.py

lint: $(READY) ## Check style, types and the floors.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --verbose | tail -n 20

bench: $(READY) ## Measure the speed of every stage beside its alternatives.
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.indicators

bench-live: $(READY) ## Measure the collector beside other recorders, and how fresh SQL is.
	@$(BIN)/python -m bench.live
	@$(BIN)/python -m bench.freshness
	@$(BIN)/python -m bench.growth

bench-history: $(READY) ## Measure downloads of published days beside other projects' ways.
	@$(BIN)/python -m bench.history

bench-reading: $(READY) ## Measure readers and loaders beside pyarrow, DuckDB, polars and Petastorm.
	@$(BIN)/python -m bench.reading

bench-broker: $(READY) ## Measure publishing and consuming beside other ways (needs nats-server).
	@$(BIN)/python -m bench.broker

bench-bigquery: $(READY) $(CLOUD) $(EMULATORS) ## Measure loads into an emulator of BigQuery beside other ways.
	@.venv-cloud/bin/python -m bench.bigquery

lock: $(READY) ## Resolve the dependencies anew (needs uv).
	@uv pip compile --quiet --universal --python-version 3.11 --extra dev --no-annotate --no-header \
		-o requirements.lock pyproject.toml

clean: ## Remove the virtual environment and all caches; leaves the lake alone.
	@rm -rf .venv $(PETASTORM) .venv-emulators .venv-cloud *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
