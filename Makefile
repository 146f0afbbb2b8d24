# Everything from a bare clone with Python 3.11. Each target makes the environment it needs.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
HOME_DIR ?= data
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-header --no-annotate --no-emit-index-url --no-emit-find-links
export DAGSTER_TELEMETRY_ENABLED := false
export DO_NOT_TRACK := 1

.PHONY: run test lint bench docs lock dev clean help
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: $(VENV)/.run ## sample exports if landing is empty, then everything to published marts
	@if [ -z "$$(find $(HOME_DIR)/landing -type f 2>/dev/null | head -n 1)" ] \
		&& [ ! -e $(HOME_DIR)/published/current ]; then \
		echo "landing is empty: making sample exports of a made-up company"; \
		$(BIN)/crm-warehouse sample --out $(HOME_DIR)/landing; \
	fi
	@$(BIN)/crm-warehouse run --home $(HOME_DIR)

# In the order of the folders: files of whole runs come first, the many short unit tests fill the end.
test: $(VENV)/.dev ## the whole test suite
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## ruff, mypy, SQL and YAML linters, Dagster's own check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt_project/models dbt_project/tests
	$(BIN)/yamllint --strict .
	$(BIN)/dg check defs

bench: $(VENV)/.dev ## the measurements of the README, each in one run against named alternatives
	$(BIN)/python -m tests.benchmarks.pipeline
	$(BIN)/python -m tests.benchmarks.value_models
	$(BIN)/python -m tests.benchmarks.event_log

docs: $(VENV)/.dev ## files made from others: sources, reference pages, data dictionary
	$(BIN)/crm-warehouse docs

lock: ## renew the locked packages after a change of pyproject.toml
	$(LOCK) --extra chinese --output-file requirements.lock
	$(LOCK) --extra chinese --extra dev --constraint requirements.lock --output-file requirements-dev.lock

dev: $(VENV)/.dev ## development environment with pre-commit hooks
	$(BIN)/pre-commit install

clean: ## remove the environment and everything that runs have made, exports included
	rm -rf $(VENV) $(HOME_DIR) dbt_project/target

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@test -e $(VENV)/.dev || { \
		echo "installing the locked packages (about a minute)"; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing the locked packages for development (about a minute)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.run
