"""The stages of the pipeline, in the order of dvc.yaml; each runs alone, too."""

import os

# Noted before anything slow is imported: who started this stage (see stages/process.py).
PARENT = os.getppid()
