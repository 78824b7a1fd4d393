"""Validates all of params.yaml, so that a mistake is reported before any other stage runs."""

from pathlib import Path

from pipeline.base import files, params
from pipeline.base.errors import InputError
from pipeline.base.process import run_stage
from pipeline.schema.baselines_params import Baselines
from pipeline.schema.classifier_params import Classifier
from pipeline.schema.fetch_params import Fetch
from pipeline.schema.load_params import Load
from pipeline.schema.model_params import Model
from pipeline.schema.noise_params import Noise
from pipeline.schema.plot_params import Plot
from pipeline.schema.robustness_params import Robustness
from pipeline.schema.split_params import Split
from pipeline.schema.train_params import Train

SECTIONS: dict[str, type[params.Section]] = {
    "fetch": Fetch,
    "load": Load,
    "split": Split,
    "noise": Noise,
    "baselines": Baselines,
    "model": Model,
    "train": Train,
    "robustness": Robustness,
    "classifier": Classifier,
    "plot": Plot,
}


def main() -> None:
    content = params.load_yaml(params.FILE)
    mistakes = [
        f"{params.FILE}: '{name}' is not a section{params.suggest(name, SECTIONS)}"
        for name in content
        if name not in SECTIONS
    ]
    for name, model in SECTIONS.items():
        try:
            params.validate(content, name, model)
        except InputError as error:
            mistakes.append(str(error))
    if not mistakes and content["fetch"]["source"] == "none":
        mistakes = [
            f"{params.FILE}: load.{key} is {content['load'][key]}, but with fetch.source 'none' "
            "that file stays empty: set it to the path of a CSV"
            for key in ("train_csv", "test_csv")
            if Path(content["load"][key]).parent == Path("data/raw")
        ]
    if mistakes:
        raise InputError("; ".join(mistakes))
    # The stages fetch and load depend on this file. Its content never changes, so they run after
    # this stage, but not because of it.
    with files.atomic_write("data/checked") as path:
        path.write_text(f"{params.FILE} is valid\n")


if __name__ == "__main__":
    run_stage(main)
