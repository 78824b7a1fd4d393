"""`make repro`: the whole pipeline, its scores, and where its pictures are.

Where Fashion-MNIST cannot be had from anywhere, it runs on scikit-learn's digits instead.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

from stages import fashion_mnist, params
from stages.errors import run
from tools.params_file import set_params


def main() -> None:
    fetched = subprocess.run(["dvc", "repro", "fetch"], stderr=subprocess.PIPE, text=True)
    print(fetched.stderr, end="", file=sys.stderr, flush=True)
    if fashion_mnist.NOWHERE in fetched.stderr:
        set_params(Path(), fetch={"source": "digits"})
        print(
            f"\nFashion-MNIST is not to be had, see above. Set fetch.source to 'digits' in "
            f"{params.FILE} and went on with those; once you are connected, set it back to "
            "'fashion-mnist' and run `make repro` again.\n",
            flush=True,
        )
    elif fetched.returncode:
        sys.exit(fetched.returncode)
    if code := subprocess.run(["dvc", "repro"]).returncode:
        sys.exit(code)
    print(f"\n{scores()}\n\nThe pictures:")
    print("\n".join(f"  {path}" for path in sorted(Path("metrics/plots").glob("*.png"))))


def scores() -> str:
    """metrics/evaluation.json as a table: one row a split and kind, one column a metric."""
    evaluation = json.loads(Path("metrics/evaluation.json").read_text())
    rows = {
        (split, kind): metrics
        for split, kinds in evaluation.items()
        for kind, metrics in kinds.items()
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename(columns={"mse": "MSE", "psnr": "PSNR (dB)", "ssim": "SSIM"}).to_string(
        float_format="{:.4f}".format
    )


if __name__ == "__main__":
    sys.exit(run(main))
