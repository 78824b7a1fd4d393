"""`python -m denoiser` is the command `denoise`."""

import sys

from denoiser.cli import main

sys.exit(main())
