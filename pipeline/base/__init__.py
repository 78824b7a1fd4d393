"""The modules that every stage uses: errors, files, params and process.

A stage depends on this package as a whole, so the package imports all of its modules.
"""

import os

PARENT = os.getppid()  # read before the slow imports: the process that started this one

from pipeline.base import errors, files, params, process  # noqa: E402

__all__ = ["PARENT", "errors", "files", "params", "process"]
