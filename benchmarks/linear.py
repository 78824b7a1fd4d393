"""Ridge regression: `denoiser.classical.Linear` against scikit-learn with all images in memory."""

from functools import partial

from benchmarks.measure import Row, clone, ratio, run, run_alternately

IMPORTS = (
    "from benchmarks.trainers import CLEAN, NOISY; from threadpoolctl import threadpool_limits; "
)
LIMIT = "threadpool_limits(1); "  # as in stages/baselines.py
CODE = {
    "scikit-learn": "import numpy; from sklearn.linear_model import Ridge; "
    f"{LIMIT}Ridge(0.1).fit(numpy.load(NOISY), numpy.load(CLEAN))",
    "here": "from denoiser.classical import Linear; from pipeline.base.files import NpyReader; "
    f"{LIMIT}pairs = zip(*(NpyReader(path).blocks(500) for path in (NOISY, CLEAN))); "
    "Linear(pairs, 784).ridge(0.1)",
}


def rows() -> list[Row]:
    with clone("add_noise") as folder:
        seconds, peaks = run_alternately(
            {
                name: partial(run, "python", "-c", IMPORTS + code, folder=folder)
                for name, code in CODE.items()
            }
        )
    work = "ridge regression on 48,000 images"
    result = []
    for label, unit, values in (work, "s", seconds), (f"peak memory of {work}", "MB", peaks):
        here, peer = values["here"], values["scikit-learn"]
        note = f"{ratio(here, peer):.2f} of scikit-learn's"
        result.append(Row(label, unit, here, peers={"scikit-learn": peer}, note=note))
    return result
