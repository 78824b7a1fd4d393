# `make help` lists the targets. All of them use .venv, which `make setup` makes.

PYTHON ?= python3
UV := uv==0.13.9
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help setup repro experiment results table report comment search tour verify reference chaos bench test format lock

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: .venv/pipeline  ## make .venv, with what the pipeline needs

repro: .venv/pipeline  ## run the pipeline; ends with the scores and where the pictures are
	@.venv/bin/python -m tools.repro

experiment: .venv/pipeline  ## run a preset, NAME=unet; scores in experiments/results
	@.venv/bin/python -m tools.experiment $(NAME)

results: .venv/pipeline  ## the scores of all presets in tables; draws experiments/images.png, size.png
	@.venv/bin/python -m tools.results

# Not the baselines' scores, nor the hashes of code and data. `step` is the epochs until now.
HIDE = ^(Created|Executor|epochs|best_epoch|loss|settings|data/|models/|metrics/|stages/|denoiser/|requirements)|.*mse$$|(val|test|accuracy)\.(?!denoised)

table: .venv/pipeline  ## the experiments: parameters in which they differ, and scores
	@dvc exp show --only-changed --md --drop '$(HIDE)'

report: .venv/pipeline  ## report.html: this result beside the committed one, or BASE=another
	@.venv/bin/python -m tools.report $(BASE)

comment: .venv/pipeline  ## comment/, for a pull request: the small result beside that of BASE
	@.venv/bin/python -m tools.comment $(BASE)

search: .venv/search  ## find good parameters by search.yaml, TRIALS=20; STORAGE=postgresql://…
	@.venv/bin/python -m tools.search $(or $(TRIALS),20) $(STORAGE)

tour: .venv/tests  ## run docs/experiments.md, half an hour, and write what it prints
	@.venv/bin/python -m tools.tour

verify: .venv/pipeline  ## recompute the committed result and compare; QUICK=1: a small one
	@.venv/bin/python -m tools.verify $(if $(QUICK),--quick)

reference: .venv/pipeline  ## make the small result of `make verify QUICK=1` anew
	@.venv/bin/python -m tools.verify --update

chaos: .venv/pipeline  ## cut runs off at random moments, KILLS=20 times, and compare
	@.venv/bin/python -m tools.chaos $(or $(KILLS),20)

bench: .venv/tests  ## measure against the guide's code, an hour and a half; ONLY=training: that alone
	@.venv/bin/python -m benchmarks $(ONLY)

test: .venv/tests  ## lint, check the types, run every test
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/pytest

format: .venv/tests  ## format the code, mend what the linter can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

LOCK = .venv/bin/uv pip compile --quiet --system-certs --upgrade \
	--universal --python-version 3.11 --fork-strategy fewest --no-annotate --no-header
lock: .venv/pipeline  ## pin the newest versions of everything
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-search.in -o requirements-search.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt
	$(LOCK) requirements-cuda.in -o requirements-cuda.txt

# Byte-compiled: the libraries take twice as long to start otherwise. With the system's
# certificates, as pip: there may be a proxy.
INSTALL = .venv/bin/uv pip install --quiet --system-certs --compile-bytecode \
	--python .venv/bin/python

.venv/pipeline: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'This needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.12 …'; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet $(UV)
	$(INSTALL) -r requirements.txt
	@touch $@

.venv/search: .venv/pipeline requirements-search.txt
	$(INSTALL) -r requirements-search.txt
	@touch $@

.venv/tests: .venv/search requirements-dev.txt
	$(INSTALL) -r requirements-dev.txt
	@touch $@
