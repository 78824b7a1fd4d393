"""`make comment`: compares the small result of a pull request with that of its base branch.

It recomputes the small result of `make verify QUICK=1` from the last commit, writes
comment/comment.md with a picture, and fails if a PSNR of denoised images has fallen by more than
the limit of `make verify`.
"""

import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from denoiser.base import files
from denoiser.base.errors import InputError
from pipeline.base.process import run_main
from tools.command import clone_head, output, read_committed
from tools.markdown import to_markdown
from tools.verify import LIMITS, QUICK_PARAMS, REFERENCE, Result, recompute

Metrics = Mapping[str, float | None]

COMMENT = Path("comment")
PICTURE = "first.png"

PAGE = """\
### The pipeline on digits, compared with `{base}`

{metrics}

{params}

{methods}

![The first validation images]({picture})
"""


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
    committed = Result.of_reference(read_committed(base, str(REFERENCE))).metrics
    heading, line, *changes = output("dvc", "params", "diff", base, "HEAD", "--md").splitlines()
    params = "\n".join([heading, line, *changes]) if any(changes) else "No parameter differs."
    with tempfile.TemporaryDirectory() as folder, files.atomic_write(COMMENT) as comment:
        clone = clone_head(Path(folder))
        recompute(clone, QUICK_PARAMS)
        metrics = compare(committed, Result.of_run(clone).metrics)
        methods = pd.read_csv(clone / "metrics/methods.csv", index_col="method")
        comment.mkdir()
        shutil.copy(clone / "metrics/plots" / PICTURE, comment)
        text = PAGE.format(
            base=base,
            metrics=to_markdown(metrics, 4),
            params=params,
            methods=to_markdown(methods, 4),
            picture=PICTURE,
        )
        (comment / "comment.md").write_text(text)
    print(f"\n{text}")
    if failures := psnr_losses(metrics):
        raise InputError(failures)


def compare(committed: Metrics, recomputed: Metrics) -> pd.DataFrame:
    """One row per metric: its committed value, its new value, and the change."""
    table = pd.DataFrame({"committed": committed, "here": recomputed}, dtype=float)
    table = table.rename_axis("metric")
    table["change"] = table["here"] - table["committed"]
    return table


def psnr_losses(table: pd.DataFrame) -> str:
    """The PSNRs of denoised images that fell by more than the limit, as text; '' if none did."""
    changes = table["change"].filter(regex=r"denoised\.psnr$")
    losses = changes[~(changes >= -LIMITS["psnr"])]  # includes a missing PSNR
    return "; ".join(f"{name} changed by {change:.2f} dB" for name, change in losses.items())


if __name__ == "__main__":
    sys.exit(run_main(main))
