"""`dvc`, for a process that starts it: ends with that one, as stages end with their DVC."""

import sys
import threading

from stages.process import end_with_parent

if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    from dvc.cli import main

    sys.exit(main(sys.argv[1:]))
