"""`make report`: writes report.html, a self-contained page about the result in the workspace.

It compares parameters, scores and validation losses with those of a commit or an experiment (HEAD,
or BASE=name), and shows the pictures of metrics/plots.
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
from pipeline.base import files
from pipeline.base.errors import InputError, run_main
from tools.command import output, read_committed
from tools.experiment import commit_of

REPORT = "report.html"
PLOTS = Path("metrics/plots")
LOSSES = "metrics/training/plots/metrics/val_loss.tsv"

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
<p>The result in the workspace, compared with $base.</p>
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
        raise InputError(f"{PLOTS} does not exist: run `dvc repro` first")
    commit = resolve(base)
    params, metrics = diff("params", base), diff("metrics", base)
    page = PAGE.substitute(
        base=f"{html.escape(base)} ({output('git', 'rev-parse', '--short', commit).strip()})",
        changed_scores=score_table(changed_rows(metrics, base), base),
        scores=score_table(metrics, base),
        changed_params=html_table(changed_rows(params, base)),
        params=html_table(params),
        images="\n".join(images(base, commit)),
    )
    with files.atomic_write(REPORT) as path:
        path.write_text(page)
    print(REPORT)


def resolve(base: str) -> str:
    """The commit of a Git revision or of a DVC experiment."""
    try:
        return output("git", "rev-parse", "--verify", f"{base}^{{commit}}").strip()
    except InputError:
        commit = commit_of(base)
        if not commit:
            raise InputError(f"BASE={base} is neither a commit nor an experiment") from None
        return commit


def diff(command: str, base: str) -> pd.DataFrame:
    """The output of `dvc metrics diff` or `dvc params diff`: one row per name, two columns."""
    rows: dict[str, list[Any]] = {}
    for file in json.loads(output("dvc", command, "diff", base, "--all", "--json")).values():
        rows |= {name: [row.get("old", ""), row.get("new", "")] for name, row in file.items()}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[base, "here"], dtype=object)
    return table.replace({None: "null"}).sort_index()


def changed_rows(table: pd.DataFrame, base: str) -> pd.DataFrame:
    """The rows whose two values differ."""
    return table[table["here"] != table[base]]


def score_table(metrics: pd.DataFrame, base: str) -> str:
    """The metrics and their changes, in HTML."""
    table: pd.DataFrame = metrics.apply(pd.to_numeric, errors="coerce")
    table["change"] = table["here"] - table[base]
    return html_table(table, float_format="{:.4f}".format, na_rep="")


def html_table(table: pd.DataFrame, **options: Any) -> str:
    return table.to_html(border=0, **options) if len(table) else "<p>No difference.</p>"


def images(base: str, commit: str) -> list[str]:
    """The validation losses of both results, and each picture of the workspace, in HTML."""
    texts = {base: read_committed(commit, LOSSES), "here": Path(LOSSES).read_text()}
    losses = {
        name: pd.read_csv(io.StringIO(text), sep="\t", index_col="step")["val_loss"]
        for name, text in texts.items()
    }
    with tempfile.NamedTemporaryFile() as file:
        charts = {"Validation loss by epoch": pd.DataFrame(losses)}
        pictures.save(pictures.curves(charts, ""), Path(file.name))
        chart = image("validation losses", file.read())
    paths = sorted(PLOTS.glob("*.png"))
    return [chart, *(image(path.stem, path.read_bytes()) for path in paths)]


def image(title: str, png: bytes) -> str:
    """An <img> that contains the picture."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img alt="{html.escape(title)}" src="{source}">'


if __name__ == "__main__":
    sys.exit(run_main(main))
