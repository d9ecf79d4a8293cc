# `make help` lists what can be made. Every target sets up .venv by itself when pyproject.toml or the lock changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BASE_PYTHON ?= python3
BUDGET ?= full
PYTEST_ARGS ?=
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: help demo test test-cluster lint format types bench coverage figures judge notebooks lock clean

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

demo: $(READY) ## train a generator and a captioner, close the loop, write outputs/demo/report.html (BUDGET=smoke: under a minute)
	$(VENV)/bin/diptych demo --budget $(BUDGET)

test: $(READY) ## run every test (about ten minutes on two cores)
	$(PYTHON) -m pytest --numprocesses auto --dist loadfile $(PYTEST_ARGS)

test-cluster: $(READY) ## sweeps on a real SLURM and a real Ray, both on this machine (needs root and slurm-wlm; ten minutes)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[slurm,ray]'
	DIPTYCH_TEST_CLUSTER=1 $(PYTHON) -m pytest tests/cluster $(PYTEST_ARGS)

lint: $(READY) types ## style, format, types and import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

format: $(READY) ## put the code into its one format
	$(VENV)/bin/ruff check --fix-only .
	$(VENV)/bin/ruff format .

types: $(READY) ## type-check src
	$(VENV)/bin/basedpyright

bench: $(READY) ## timed comparisons with plain loops, as ratios (about ten minutes on two quiet cores)
	$(PYTHON) -m benchmarks

coverage: $(READY) ## simulate how often intervals hold the truth, and write docs/coverage.md (four minutes on one core)
	OMP_NUM_THREADS=1 $(PYTHON) benchmarks/interval_coverage.py > docs/coverage.md.part
	mv docs/coverage.md.part docs/coverage.md

figures: $(READY) ## write the demo's figures into README.md, from the runs of make demo
	$(PYTHON) -m benchmarks.docs_pages.readme

judge: $(READY) ## calibrate the judge anew and write its tables into docs/judge.md (about an hour on two cores)
	rm -f outputs/judge.json && mkdir -p outputs
	$(PYTHON) -m benchmarks.judge_calibration --out outputs/judge.json
	cp outputs/judge.json src/diptych/world/judging/judge.json
	$(PYTHON) -m benchmarks.docs_pages.judge
	$(PYTHON) benchmarks/judge_by_eye.py --page

notebooks: $(READY) ## execute the notebooks on a smoke budget
	$(PYTHON) notebooks/execute.py

lock: $(READY) ## write requirements.lock anew from pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra notebooks --extra tensorboard \
	  --no-header --no-annotate --output-file requirements.lock pyproject.toml

clean: ## remove .venv, caches and build products (outputs/ stays)
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
