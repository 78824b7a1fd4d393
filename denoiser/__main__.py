"""`python -m denoiser` is the command `denoise`."""

import sys

from denoiser.command import main

sys.exit(main())
