"""Runs a stage of dvc.yaml: `python -m stages NAME`."""

import importlib
import sys

from pipeline.base.process import run_stage

_, stage = sys.argv
run_stage(stage, lambda: importlib.import_module(f"stages.{stage}").main())
