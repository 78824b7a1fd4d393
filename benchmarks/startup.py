"""The time until a stage starts its work, against the import of its slowest library."""

from functools import partial

from benchmarks.measure import ALL_STAGES, Row, alternately, clone, run
from tools.params_file import set_params

SSIM = "from skimage.metrics import structural_similarity"  # skimage imports it on first use
START = "from pipeline.keras_runtime import backend; backend.start()"
LIBRARIES = {  # the slowest import of each stage
    "check": "import pydantic",
    "fetch": "import pyarrow.csv",
    "load": "import numpy",
    "split": "from sklearn.model_selection import train_test_split",
    "add_noise": "import numpy",
    "train": "import keras",
    "predict": "import keras",
    "evaluate": SSIM,
    "plot": "import matplotlib.pyplot",
}
DEFERRED = {  # imports inside `main`
    "train": f"{START}; import denoiser.models, denoiser.training, dvclive",
    "predict": START,
    "evaluate": SSIM,
}


def rows() -> list[Row]:
    result = []
    with clone(*ALL_STAGES, train={"epochs": 1}) as folder:

        def seconds(*command: str) -> float:
            return run(*command, folder=folder).seconds

        for stage, library in LIBRARIES.items():
            start = f"import stages.{stage}; {DEFERRED.get(stage, '')}"
            python = partial(seconds, "python", "-c")
            times = alternately(
                {stage: partial(python, start), "library": partial(python, library)}
            )
            work, note = f"start of `{stage}`", f"limit: `{library}`"
            result.append(Row(work, "s", times[stage], limit=times["library"], note=note))

        images = iter(range(1, 100))

        def repro_plot() -> float:
            set_params(folder, plot={"images": next(images)})
            return seconds("dvc", "repro")

        times = alternately(
            {
                "dvc": lambda: seconds("dvc", "--version"),
                "check": lambda: seconds("python", "-m", "stages.check"),
                "plot": lambda: seconds("python", "-m", "stages.plot"),
                "repro_plot": repro_plot,
                "repro": lambda: seconds("dvc", "repro"),
            }
        )
    note = "limit: `dvc --version`"
    alone = {f"`{stage}` alone": times[stage] for stage in ("check", "plot")}
    return [
        *result,
        Row("`dvc repro` without changes", "s", times["repro"], limit=times["dvc"], note=note),
        Row("`dvc repro` after a change of `plot.images`", "s", times["repro_plot"], peers=alone),
    ]
