"""`make comment`: for a pull request, the small result here beside that of the branch it goes to.

It recomputes the small result, that of `make verify QUICK=1`, from the last commit, and writes
`comment/comment.md` and the pictures that it shows. It fails where the PSNR has fallen.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

from stages import files
from stages.errors import StageError, run
from tools.command import output
from tools.results import markdown
from tools.verify import EVALUATION, LIMITS, QUICK, QUICK_PARAMS, read_metrics, recompute

COMMENT = Path("comment")
PICTURES = ("first", "losses", "psnr_by_method")

PAGE = """\
### The pipeline on digits, beside `{base}`

{scores}

{params}

{pictures}
"""


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
    committed = read_metrics(output("git", "show", f"{base}:{QUICK / EVALUATION}"))
    heading, line, *changed = output("dvc", "params", "diff", base, "HEAD", "--md").splitlines()
    with tempfile.TemporaryDirectory() as folder, files.replacing(COMMENT) as made:
        clone = Path(folder)
        subprocess.run(["git", "clone", "--quiet", ".", clone], check=True)
        recompute(clone, QUICK_PARAMS)
        table = compare(committed, read_metrics((clone / EVALUATION).read_text()))
        made.mkdir()
        for name in PICTURES:
            shutil.copy(clone / f"metrics/plots/{name}.png", made)
        text = PAGE.format(
            base=base,
            scores=markdown(table, (".4f",) * 3),
            params="\n".join([heading, line, *changed])
            if any(changed)
            else "No parameter differs.",
            pictures="\n".join(f"![{name}]({name}.png)" for name in PICTURES),
        )
        (made / "comment.md").write_text(text)
    print(f"\n{text}")
    if low := fallen(table):
        raise StageError(low)


def compare(committed: pd.Series, here: pd.Series) -> pd.DataFrame:
    """One row a metric: what it was, what it is, and the difference."""
    table = pd.DataFrame({"committed": committed, "here": here}).rename_axis("metric")
    table["change"] = table["here"] - table["committed"]
    return table


def fallen(table: pd.DataFrame) -> str:
    """Which PSNR of the denoised images has fallen by more than its limit, in words; or nothing."""
    changes = table["change"].filter(regex=r"denoised\.psnr$")
    low = changes[~(changes >= -LIMITS["psnr"])]  # also one that is missing
    return "; ".join(f"{name} changed by {change:.2f} dB" for name, change in low.items())


if __name__ == "__main__":
    sys.exit(run(main))
