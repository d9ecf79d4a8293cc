# `make help` lists the targets. Every target sets up .venv when pyproject.toml or requirements.lock changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BASE_PYTHON ?= python3
BUDGET ?= full
PYTEST_ARGS ?=
TABLE ?=
ROWS ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help demo test test-all test-cluster lint format types bench fuzz coverage figures results judge notebooks lock clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(READY): pyproject.toml requirements.lock
	@command -v $(BASE_PYTHON) > /dev/null \
	  || { echo "there is no $(BASE_PYTHON) here; name a Python 3.11 or newer with: make BASE_PYTHON=python3.12 ..."; exit 2; }
	@$(BASE_PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "diptych needs Python 3.11 or newer; name one with: make BASE_PYTHON=python3.12 ..."; exit 2; }
	$(BASE_PYTHON) -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: $(READY) ## train and evaluate a captioner and a text-to-image model, write outputs/demo/report.html (BUDGET=smoke: under a minute)
	$(VENV)/bin/diptych demo --budget $(BUDGET)

test: $(READY) ## run the tests but for the slow ones (13 minutes on two cores)
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile -m "not slow" $(PYTEST_ARGS)

test-all: $(READY) ## run every test, as continuous integration does (21 minutes on two cores)
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile $(PYTEST_ARGS)

test-cluster: $(READY) ## run sweeps on a real SLURM and a real Ray, both on this machine (needs root and slurm-wlm; ten minutes)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[slurm,ray]'
	DIPTYCH_TEST_CLUSTER=1 $(PYTHON) -m pytest tests/cluster $(PYTEST_ARGS)

lint: $(READY) types ## check style, format, types and import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

format: $(READY) ## fix style and format
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

types: $(READY) ## type-check src
	$(VENV)/bin/basedpyright

bench: $(READY) ## time diptych against plain loops, as ratios (about ten minutes on two quiet cores)
	$(PYTHON) -m benchmarks

fuzz: $(READY) ## try damaged files on every parser of files (FUZZ_SECONDS=60 each), put what breaks the law into outputs/fuzzing (25 minutes)
	$(PYTHON) -m benchmarks.fuzzing

coverage: $(READY) ## simulate how often intervals cover the true value, write docs/coverage.md (four minutes on one core)
	OMP_NUM_THREADS=1 $(PYTHON) benchmarks/interval_coverage.py > docs/coverage.md.part
	mv docs/coverage.md.part docs/coverage.md

figures: $(READY) ## write the demo's figures and picture for README.md, from the runs of make demo
	$(PYTHON) -m benchmarks.docs_pages.readme
	$(PYTHON) -m benchmarks.docs_pages.demo_picture

results: $(READY) ## train and measure what the results tables lack, write docs/results.md (hours; Ctrl-C and again: it goes on; ROWS="digits mnist/…" chooses)
	$(VENV)/bin/diptych results $(TABLE) $(ROWS) --train --write docs/results.md

judge: $(READY) ## calibrate the judge and write its tables into docs/judge.md (about an hour on two cores)
	rm -f outputs/judge.json && mkdir -p outputs
	$(PYTHON) -m benchmarks.judge_calibration --out outputs/judge.json
	cp outputs/judge.json src/diptych/world/judging/judge.json
	$(PYTHON) -m benchmarks.docs_pages.judge
	$(PYTHON) benchmarks/judge_by_eye.py --page

notebooks: $(READY) ## run the notebooks on a smoke budget
	$(PYTHON) notebooks/execute.py

lock: $(READY) ## rewrite requirements.lock from pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra notebooks --extra tensorboard \
	  --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean: ## remove .venv, caches and build products, but not outputs/
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
