"""Stage 0: checks params.yaml whole, so that no stage's mistake shows after another's work."""

from stages import (
    baselines,
    classifier,
    fetch,
    files,
    load,
    noise_params,
    params,
    plot,
    robustness,
    split,
    train,
)
from stages.errors import StageError
from stages.process import run

SECTIONS: dict[str, type[params.Section]] = {
    "fetch": fetch.Fetch,
    "load": load.Load,
    "split": split.Split,
    "noise": noise_params.Noise,
    "baselines": baselines.Baselines,
    "model": train.Model,
    "train": train.Train,
    "robustness": robustness.Robustness,
    "classifier": classifier.Classifier,
    "plot": plot.Plot,
}


def main() -> None:
    """Raises StageError with everything that is wrong."""
    file = params.load()
    wrong = [
        f"{params.FILE}: '{name}' is not a section{params.nearest(name, SECTIONS)}"
        for name in file
        if name not in SECTIONS
    ]
    for name, model in SECTIONS.items():
        try:
            params.check(file, name, model)
        except StageError as error:
            wrong.append(str(error))
    if wrong:
        raise StageError("; ".join(wrong))
    # The first stages depend on this file. It is always the same: they run after this one, but
    # never because of it.
    with files.replacing("data/checked") as path:
        path.write_text(f"{params.FILE} is right\n")


if __name__ == "__main__":
    run(main)
