"""`make report`: report.html, one page that needs nothing else, of the workspace's result.

Parameters and scores stand beside those of a commit (HEAD, or BASE=name), with the curves of both
and the pictures.
"""

import base64
import html
import io
import json
import sys
import tempfile
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from denoiser import pictures
from stages import files
from stages.errors import StageError, run
from tools.command import output

REPORT = "report.html"
PLOTS = Path("metrics/plots")
CURVE = "metrics/training/plots/metrics/val_loss.tsv"

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Denoising autoencoder: report</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse }
th, td { padding: .1rem .8rem; text-align: right; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left }
tr { border-bottom: 1px solid #ddd }
img { max-width: 100%; margin: 1rem 0 }
</style>
<h1>Denoising autoencoder</h1>
<p>This result beside that of $base.</p>
<h2>Scores</h2>
$changed_scores
<details><summary>All scores</summary>
$scores
</details>
<h2>Parameters</h2>
$changed_params
<details><summary>All parameters</summary>
$params
</details>
<h2>Pictures</h2>
$images
</html>
""")


def main() -> None:
    base = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
    if not PLOTS.is_dir():
        raise StageError(f"there is no {PLOTS}: run `dvc repro` first")
    params, metrics = compared("params", base), compared("metrics", base)
    page = PAGE.substitute(
        base=f"{html.escape(base)} ({output('git', 'rev-parse', '--short', base).strip()})",
        changed_scores=scores(changed(metrics, base), base),
        scores=scores(metrics, base),
        changed_params=written(changed(params, base)),
        params=written(params),
        images="\n".join(images(base)),
    )
    with files.replacing(REPORT) as path:
        path.write_text(page)
    print(REPORT)


def compared(what: str, base: str) -> pd.DataFrame:
    """What `dvc metrics diff` or `dvc params diff` says: one row a name, `base` and `here`."""
    found: dict[str, dict[str, Any]] = {}
    for each in json.loads(output("dvc", what, "diff", base, "--all", "--json")).values():
        found |= each
    rows = {name: [each.get("old", ""), each.get("new", "")] for name, each in found.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[base, "here"], dtype=object)
    return table.replace({None: "null"}).sort_index()


def changed(table: pd.DataFrame, base: str) -> pd.DataFrame:
    """The rows in which the two differ."""
    return table[table["here"] != table[base]]


def scores(metrics: pd.DataFrame, base: str) -> str:
    """A table of each metric, and how much it changed."""
    table: pd.DataFrame = metrics.apply(pd.to_numeric, errors="coerce")
    table["change"] = table["here"] - table[base]
    return written(table, float_format="{:.4f}".format, na_rep="")


def written(table: pd.DataFrame, **options: Any) -> str:
    """A table for the page."""
    return table.to_html(border=0, **options) if len(table) else "<p>The same.</p>"


def images(base: str) -> list[str]:
    """The losses of both in one chart, and every picture of the pipeline."""
    history = {base: output("git", "show", f"{base}:{CURVE}"), "here": Path(CURVE).read_text()}
    curves = {
        f"validation, {name}": pd.read_csv(io.StringIO(text), sep="\t", index_col="step")[
            "val_loss"
        ]
        for name, text in history.items()
    }
    with tempfile.NamedTemporaryFile() as chart:
        pictures.save(pictures.losses(curves), Path(chart.name))
        losses = image("validation losses", chart.read())
    names = sorted(path for path in PLOTS.glob("*.png") if path.stem != "losses")
    return [losses, *(image(path.stem.replace("_", " "), path.read_bytes()) for path in names)]


def image(title: str, png: bytes) -> str:
    """A picture that the page holds itself."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img alt="{html.escape(title)}" src="{source}">'


if __name__ == "__main__":
    sys.exit(run(main))
