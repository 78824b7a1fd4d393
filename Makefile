# `make help` lists the targets. They use the virtual environment .venv, which `make setup` creates.

# A shell for every command: make 3.81 of macOS starts a command without shell characters itself, and then
# ignores the PATH below.
SHELL := /bin/bash
PYTHON ?= python3
GPU ?= $(if $(shell command -v nvidia-smi),1,0)
UV := uv==0.13.9
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: .FORCE help setup repro train experiment seeds photographs results table notebook guide update \
	verify bench test format lock

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/pipeline  ## create .venv with the packages of the pipeline; GPU=1 or 0: with CUDA or without

repro: .venv/pipeline  ## run the pipeline and print its scores beside the committed ones
	@git rev-parse HEAD > /dev/null 2>&1 || { echo 'This folder has no history: clone the repository with git.'; exit 1; }
	@dvc repro
	@dvc metrics diff --all --targets metrics/evaluation.json
	@echo 'Figures: metrics/plots. Charts: dvc plots show'

train: .venv/pipeline  ## train on your pictures, PICTURES=folder, or on pairs, with NOISY=folder
	@python -m tools.train_pictures "$(PICTURES)" "$(NOISY)"

experiment: .venv/pipeline  ## run a preset, NAME=unet, and store its scores in presets/
	@python -m tools.experiment $(NAME)

seeds: .venv/pipeline  ## train a preset with five seeds, NAME=small, and store its scores in presets/
	@python -m tools.seeds $(NAME)

photographs: .venv/tests  ## score photo and photo-gaussian on the photographs in data/photos
	@python -m tools.photographs

results: .venv/pipeline  ## update the tables and figures of README.md and docs/
	@python -m tools.results

# Hides code, data, MSE, and the metrics of the training, of the baselines and of the noisy images.
HIDE = ^(Created|Executor|epochs|best_epoch|loss|settings|data/|models/|metrics/|stages|denoiser|training|pipeline|requirements)|.*mse$$|(val|test|accuracy)\.(?!denoised)

table: .venv/pipeline  ## list the experiments: scores, and parameters that differ
	@dvc exp show --only-changed --md --drop '$(HIDE)'

notebook: .venv/notebook  ## open guide.ipynb, the guide step by step, in Jupyter
	@jupyter lab guide.ipynb

guide: .venv/notebook  ## run guide.ipynb and store its outputs
	@jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False guide.ipynb

update: .venv/pipeline  ## after a committed change of code: update all committed results
	@dvc repro
	@python -m tools.experiment default
	@python -m tools.verify --update
	@python -m tools.results

verify: .venv/pipeline  ## recompute the committed result and compare; QUICK=1: a small result
	@python -m tools.verify $(if $(QUICK),--quick)

bench: .venv/tests  ## run the benchmarks, 15 minutes; ONLY=training_step: one of them
	@python -m benchmarks $(ONLY)

test: .venv/tests  ## lint, check types, run the tests; ALL=1: the slow ones too
	ruff check
	ruff format --check
	mypy
	pytest $(if $(ALL),-m "")

format: .venv/tests  ## format the code and fix what the linter can fix
	ruff check --fix
	ruff format

LOCK = uv pip compile --quiet --system-certs --upgrade \
	--universal --python-version 3.11 --fork-strategy fewest --no-annotate --no-header
lock: .venv/pipeline  ## pin the newest versions of all packages
	$(LOCK) requirements/pipeline.in -o requirements.txt
	$(LOCK) requirements/notebook.in -o requirements/notebook.txt
	$(LOCK) requirements/dev.in -o requirements/dev.txt
	$(LOCK) requirements/cuda.in -o requirements/cuda.txt

# The packages are byte-compiled, because they take twice as long to import otherwise. Like pip, uv uses the
# certificates of the system, which a proxy may require.
INSTALL = uv pip install --quiet --system-certs --compile-bytecode --python .venv/bin/python

# Python runs this line when it starts: .venv/bin/dvc finds the `python` of the stages, and PYTHONSAFEPATH, which
# would hide the modules of the current folder, has no effect.
WITHOUT_ACTIVATION = 'import os, sys; os.environ["PATH"] = f"{sys.prefix}/bin:" + os.environ.get("PATH", ""); sys.flags.safe_path and sys.path.insert(0, os.getcwd())'

# The stamp holds the value of GPU: another value installs the packages anew.
.venv/pipeline: requirements.txt $(if $(filter-out $(GPU),$(shell cat .venv/pipeline 2> /dev/null)),.FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo 'Python 3.11, 3.12 or 3.13 is required: make PYTHON=python3.12 …'; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet $(UV)
	$(INSTALL) -r $(if $(filter 1,$(GPU)),requirements/cuda.txt,requirements.txt)
	@echo $(WITHOUT_ACTIVATION) > "$$(echo .venv/lib/python3*/site-packages)/path.pth"
	@echo $(GPU) > $@

.venv/notebook: .venv/pipeline requirements/notebook.txt
	$(INSTALL) -r requirements/notebook.txt
	@touch $@

.venv/tests: .venv/notebook requirements/dev.txt
	$(INSTALL) -r requirements/dev.txt
	@touch $@
