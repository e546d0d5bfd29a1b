# The commands of the project. `make run` and `make test` set up everything that they need.
SHELL      := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON     ?= python3
VENV       := .venv
BIN        := $(VENV)/bin
STAMP      := $(VENV)/.installed
PARSED     := $(VENV)/.parsed

.DEFAULT_GOAL := help
.PHONY: help setup run up test slow lint format bench lock clean

help: ## Show the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) $(PARSED) ## Install the pinned packages into .venv

$(STAMP): requirements/bootstrap.txt requirements/lock.txt requirements/compose.txt pyproject.toml scripts/setup scripts/link_project.py
	@scripts/setup $(PYTHON) $(VENV)
	@touch $@

$(PARSED): $(STAMP) scripts/parse $(shell find dbt_project -name '*.sql' -o -name '*.yml' -o -name '*.csv' -o -name '*.md')
	@scripts/parse $(BIN)
	@touch $@

run: setup ## The main job: sandbox, Airflow, every DAG, to printed results
	@$(BIN)/python -m partner_warehouse.sandbox.main_job

up: setup ## The same, left running with Airflow's pages open
	@$(BIN)/python -m partner_warehouse.sandbox.main_job --keep

test: setup lint ## Everything that CI runs
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20 --durations-min 10

slow: setup ## The tests that take long: two hundred kills, the whole sample company, a real Superset
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m slow

lint: setup ## ruff, mypy --strict, sqlfluff, dbt-bouncer
	@scripts/lint $(BIN)

format: setup ## Rewrite Python and SQL in the house style
	@$(BIN)/ruff check --fix --quiet . && $(BIN)/ruff format --quiet .
	@$(BIN)/sqlfluff fix --quiet dbt_project/models dbt_project/tests

bench: setup ## The benchmarks, as a table and as JSON
	@$(BIN)/python -m partner_warehouse.bench

lock: setup ## Resolve the pinned packages again (needs the registry)
	@scripts/lock $(BIN)

clean: ## Remove what was installed, built and landed
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache dbt_project/target dbt_project/logs
