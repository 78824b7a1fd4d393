"""How long each stage takes to start, next to the heaviest library that it needs."""

import functools

from benchmarks.measure import Row, alternately, clone, run
from tools.params_file import set_params

QUIET = "import os; os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'; "
KERAS = f"{QUIET}import keras"
START = f"{QUIET}from stages import backend; backend.import_keras('tensorflow')"
SKLEARN = "from sklearn.model_selection import train_test_split"
SKIMAGE = "from skimage.metrics import structural_similarity"
STAGES = {  # what it imports once it has read its parameters; of that, the heaviest
    "check": ("", "import pydantic"),
    "fetch": ("import pyarrow.csv", "import pyarrow.csv"),
    "load": ("import denoiser.image_csv", "import numpy"),
    "split": (SKLEARN, SKLEARN),
    "noise": ("import denoiser.noise", "import numpy"),
    "train": (f"{START}; import dvclive, denoiser.models, denoiser.training", KERAS),
    "predict": (START, KERAS),
    "evaluate": (f"import denoiser.scores; {SKIMAGE}", SKIMAGE),
    "plot": ("import pandas, denoiser.pictures", "import matplotlib.pyplot"),
}


def rows() -> list[Row]:
    result = []
    with clone("plot", train={"epochs": 1}) as folder:

        def start(code: str) -> float:
            return run("python", "-c", code, folder=folder).seconds

        for stage, (needs, heaviest) in STAGES.items():
            took = alternately(
                {
                    stage: functools.partial(start, f"import stages.{stage}; {needs}"),
                    "library": functools.partial(start, heaviest),
                }
            )
            library = heaviest.split("import ")[-1]
            result.append(
                Row(f"start of `{stage}`", "s", took[stage], limit=took["library"], note=library)
            )

        images = iter(range(1, 100))

        def repro_plot() -> float:
            set_params(folder, plot={"images": next(images)})
            return run("dvc", "repro", folder=folder).seconds

        took = alternately(
            {
                "dvc": lambda: run("dvc", "--version", folder=folder).seconds,
                "check": lambda: run("python", "-m", "stages.check", folder=folder).seconds,
                "plot": lambda: run("python", "-m", "stages.plot", folder=folder).seconds,
                "repro_plot": repro_plot,
                "repro": lambda: run("dvc", "repro", folder=folder).seconds,
            }
        )
    return [
        *result,
        Row(
            "`dvc repro`, nothing to do",
            "s",
            took["repro"],
            limit=took["dvc"],
            note="limit: `dvc --version`",
        ),
        Row(
            "`dvc repro`, another `plot.images`",
            "s",
            took["repro_plot"],
            peers={"`check` alone": took["check"], "`plot` alone": took["plot"]},
        ),
    ]
