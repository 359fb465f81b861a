# Signalbox: what a newcomer types. `make help` lists it. Everything lands in .venv, var/ and .env; `make clean` removes it.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The machine's Python for making .venv: 3.11 is what the locked requirements were resolved for.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python
WORLD ?= on
DAYS ?= 7
# uv knows pip's setting of a mirror under a name of its own.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.PHONY: help setup setup-dev demo test heavy unit up down status history break refused mend bench docs new-pipeline remove-pipeline lock lint format system-deps clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)$$/\1|\2/' | awk -F'|' '{printf "  make %-15s %s\n", $$1, $$2}'

setup: ## make .venv from the locked requirements (nothing to do the second time)
	@if [ -z "$(PYTHON)" ]; then echo "signalbox: Python 3.11 or newer is missing: install it (for Debian: apt-get install python3 python3-venv)." >&2; exit 1; fi
	@"$(PYTHON)" platform_local/bootstrap.py

setup-dev: ## the same with what tests and benchmarks need
	@if [ -z "$(PYTHON)" ]; then echo "signalbox: Python 3.11 or newer is missing: install it (for Debian: apt-get install python3 python3-venv)." >&2; exit 1; fi
	@"$(PYTHON)" platform_local/bootstrap.py --dev

demo: setup ## play one simulated metro day through the real DAGs, print what came out, stop everything
	@$(RUN) -m platform_local demo

up: setup ## start the local platform, with a simulated metro whose files come in real time (WORLD=off: without)
	@$(RUN) -m platform_local up --world "$(WORLD)"

down: setup ## end every process of the local platform
	@$(RUN) -m platform_local down

status: setup ## say which components run, and where
	@$(RUN) -m platform_local status

history: setup ## land the simulated metro's last DAYS=7 days; what is there stays
	@$(RUN) -m platform_local history --days "$(DAYS)"

break: setup ## plant data that breaks a rule: RULE=... (without: list the rules)
	@$(RUN) -m platform_local break "$(RULE)"

refused: setup ## show the rows that metro's last blocked stage refused
	@$(RUN) -m platform_local refused metro

mend: setup ## take the data away that `make break` planted: RULE=... (without: all of it)
	@$(RUN) -m platform_local mend "$(RULE)"

test: setup-dev system-deps ## set up and pass all tests
	@$(RUN) -m pytest

heavy: setup-dev system-deps ## pass the tests that take minutes each and that `make test` leaves out
	@$(RUN) -m pytest -m heavy

unit: setup-dev ## the tests of the files that take less than half a minute each (three minutes in all)
	@$(RUN) -m pytest -m "not long and not heavy"

bench: setup-dev ## measure the full-size night and live window, and each pipeline beside a reference engine
	@$(RUN) -m benchmarks

docs: setup ## write docs/PIPELINES.md and the suites anew from the contracts
	@$(RUN) -m expectations.suites
	@$(RUN) -m expectations.dictionary

# The slug comes by the environment, so that the shell reads it as nothing but a word.
export SLUG
new-pipeline: setup-dev ## SLUG=…: write the five places of a new pipeline, green at once (docs/add-a-pipeline.md)
	@$(RUN) -m scaffold add "$$SLUG"

remove-pipeline: setup-dev ## SLUG=…: remove them again
	@$(RUN) -m scaffold remove "$$SLUG"

lint: setup-dev ## ruff and mypy
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy

format: setup-dev ## let ruff put the code into shape
	@$(RUN) -m ruff format .
	@$(RUN) -m ruff check --fix .

lock: setup ## resolve requirements*.in into requirements*.txt
	@.venv/bin/uv pip compile --quiet requirements.in -o requirements.txt --python-version 3.11
	@.venv/bin/uv pip compile --quiet requirements-dev.in -o requirements-dev.txt --python-version 3.11

system-deps: ## as root on Debian: the browser and the compose checker that some tests use
	@platform_local/system_deps.sh

clean: ## end the platform and delete its data, its secrets and .venv
	@if [ -x $(RUN) ]; then $(RUN) -m platform_local clean; fi
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
