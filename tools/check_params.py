"""Checks params.yaml whole: every section against the model of the stage that reads it."""

from stages import fetch, load, noise, params, plot, split, train
from stages.errors import StageError, run

SECTIONS: dict[str, type[params.Section]] = {
    "fetch": fetch.Fetch,
    "load": load.Load,
    "split": split.Split,
    "noise": noise.Noise,
    "model": train.Model,
    "train": train.Train,
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


if __name__ == "__main__":
    run(main)
