"""The time until a stage starts its work, against the import of its slowest library."""

from functools import partial

from benchmarks.measure import ALL_STAGES, alternately, clone, run
from tools.measurements import Row

START = "from training import backend; backend.start('tensorflow', 'auto'); "
SSIM = "from skimage.metrics import structural_similarity"
# Of each stage: the imports inside its `main`, and the import of its slowest library.
IMPORTS = {
    "check": ("", "import pydantic"),
    "split": ("", "from sklearn.model_selection import train_test_split"),
    "train": (f"{START}import training.fit, dvclive", "import keras"),
    "export": (f"{START}import tf2onnx", "import tensorflow, tf2onnx"),
    "predict": (START, "import keras"),
    "evaluate": (SSIM, SSIM),
    "plot": ("", "import matplotlib.pyplot"),
}


def rows() -> list[Row]:
    result = []
    with clone(*ALL_STAGES, changes=["train.epochs=1"]) as folder:

        def seconds(*command: str) -> float:
            return run(*command, folder=folder).seconds

        for stage, (deferred, library) in IMPORTS.items():
            code = {"here": f"import stages.{stage}; {deferred}", "library": library}
            times = alternately(
                {name: partial(seconds, "python", "-c", text) for name, text in code.items()}
            )
            work, note = f"start of `{stage}`", f"limit: `{library}`"
            result.append(Row(work, "s", times["here"], limit=times["library"], note=note))
    return result
