"""`make search`: searches for good parameters with Optuna; each trial is a DVC experiment.

search.yaml defines the search space. Several processes can share a search: on one machine, or on
many with a database that all of them can reach. If a process is interrupted, another one repeats
its trial.
"""

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import optuna
import psutil
from dvc.exceptions import DvcException
from dvc.utils.flatten import flatten
from dvc.utils.hydra import apply_overrides
from optuna.trial import BaseTrial, Trial, TrialState
from pydantic import Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from denoiser.base.errors import InputError
from pipeline.base import params
from pipeline.base.process import OWNER, run_main
from stages.check import find_mistakes
from tools.command import read_committed
from tools.experiment import arguments, check_repository, commit_of, expand, remove_experiment

FILE = "search.yaml"
LOSSES = "metrics/training/plots/metrics/val_loss.tsv"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
HEARTBEAT = 5  # seconds between two heartbeats of a running trial
GRACE_PERIOD = 20  # seconds without a heartbeat after which a trial counts as interrupted
WARMUP = 4  # epochs before a trial can be pruned
ATTEMPTS = 5  # to open the storage, one second apart


class Range(params.Section):
    """The numbers from `low` to `high`: integers if both are, else floats."""

    low: int | float
    high: int | float
    log: bool = False  # sample on a logarithmic scale


Choices = Annotated[list[Any], Field(min_length=1)]


class Search(params.Section):
    """The content of search.yaml."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
    base: list[str]
    space: Annotated[dict[str, Range | Choices], Field(min_length=1)]


def main() -> None:
    if not sys.argv[1].isdecimal():
        raise InputError(f"make search TRIALS={sys.argv[1]}: TRIALS must be an integer")
    trials = int(sys.argv[1])
    storage = sys.argv[2] if len(sys.argv) > 2 else "sqlite:///search.db"
    search = read()
    check_repository()
    # Ctrl-C ends the process like a kill. Otherwise, Optuna would record a failed trial.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    study = open_study(search, storage)
    if not study.get_trials(deepcopy=False) and commit_of(f"{search.study}-[0-9]*"):
        raise InputError(
            f"{FILE}: another search has created experiments named {search.study}-…: remove them "
            "with `dvc exp remove`, or give this study another name"
        )
    while (count := len(study.get_trials(deepcopy=False, states=FINISHED))) < trials:
        study.optimize(lambda trial: objective(trial, search), n_trials=1)
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise InputError("no experiment succeeded, see above")
    best = study.best_trial
    name = best.user_attrs["experiment"]
    print(f"\nbest of {count} trials: {name}, PSNR {best.value:.2f} dB")
    print("\n".join(f"  {parameter}={value}" for parameter, value in best.params.items()))
    print(f"to apply it: dvc exp apply {name}")


def read() -> Search:
    """Reads search.yaml. Raises InputError if it is invalid."""
    try:
        search = Search.model_validate(params.load_yaml(FILE))
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, line['loc']))}: {line['msg']}" for line in error.errors()]
        raise InputError(f"{FILE}: {'; '.join(lines)}") from error
    file = params.load_yaml(params.FILE)
    known = flatten({section: file.get(section, {}) for section in ("model", "train")})
    known.pop("train.loss", None)
    for name, values in search.space.items():
        if isinstance(values, Range) and (
            values.low > values.high or (values.log and values.low <= 0)
        ):
            raise InputError(
                f"{FILE}: space.{name}: low must not be above high, and with log it must be above 0"
            )
        if name not in known:
            raise InputError(
                f"{FILE}: '{name}' cannot be searched{params.suggest(name, known)}: scores are "
                "comparable only for parameters of the sections model and train, except train.loss"
            )
    check_values(search)
    return search


def check_values(search: Search) -> None:
    """Raises InputError if `base`, or a value of the space, is not valid in params.yaml."""
    changes: list[list[str]] = [[]]
    for name, values in search.space.items():
        candidates = values if isinstance(values, list) else [values.low, values.high]
        changes += [[f"{name}={to_text(value)}"] for value in candidates]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, params.FILE)
        for change in changes:
            shutil.copy(params.FILE, copy)
            try:
                apply_overrides(copy, expand(search.base) + change)
                mistakes = "; ".join(find_mistakes(params.load_yaml(str(copy))))
            except (DvcException, InputError) as error:
                mistakes = str(error)
            if mistakes:
                raise InputError(f"{FILE}: {change[0] if change else 'base'}: {mistakes}")


def open_study(search: Search, url: str) -> optuna.Study:
    """Opens or creates a study. Raises InputError if it exists with other parameters."""
    storage = open_storage(url)
    try:
        study = optuna.create_study(
            study_name=search.study,
            storage=storage,
            sampler=optuna.samplers.TPESampler(constant_liar=True),  # for concurrent trials
            pruner=optuna.pruners.MedianPruner(n_warmup_steps=WARMUP),
            direction="maximize",
            load_if_exists=True,
        )
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:  # read-only
        raise InputError(f"STORAGE: {error.__cause__ or error}") from error
    definition = search.model_dump(exclude={"study"}) | {"params": params.load_yaml(params.FILE)}
    if study.user_attrs.get("definition", definition) != definition:
        raise InputError(
            f"{FILE}: the study '{search.study}' was started with another base, space or "
            f"{params.FILE}, so its scores are not comparable: give this study another name"
        )
    study.set_user_attr("definition", definition)
    return study


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """Opens or creates the database. Raises InputError if it fails."""
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    attempts = ATTEMPTS
    while True:
        try:
            return optuna.storages.RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE_PERIOD,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
            )
        except (SQLAlchemyError, ImportError) as error:
            # A process that starts at the same time may be creating the tables.
            attempts -= 1
            if not attempts:
                raise InputError(f"STORAGE: {error}") from error
            time.sleep(1)


def objective(trial: Trial, search: Search) -> float:
    """Runs a trial; returns the PSNR (dB) of the denoised validation images.

    Raises TrialPruned if the trial is worse than the median of the others, or fails. A pruned
    experiment must fail, because DVC would record its outputs so far as its result.
    """
    # A trial that repeats an interrupted one keeps its name.
    name = trial.user_attrs.get("experiment", f"{search.study}-{trial.number}")
    trial.set_user_attr("experiment", name)
    changes = [f"{key}={suggest(trial, key, values)}" for key, values in search.space.items()]
    remove_experiment(name)
    command = ["dvc", *arguments(name, expand(search.base) + changes)]
    # The stages of the experiment end if this process is killed.
    dvc = psutil.Popen(command, env=os.environ | {OWNER: str(os.getpid())})
    reported = 0
    while dvc.poll() is None:
        time.sleep(1)
        stage, losses = progress(dvc)
        for epoch in range(reported, len(losses)):
            trial.report(-losses[epoch], epoch)
        reported = max(reported, len(losses))
        if stage and reported and trial.should_prune():
            with contextlib.suppress(psutil.NoSuchProcess):
                stage.kill()
            if dvc.wait():
                raise optuna.TrialPruned(f"{name}: pruned after {reported} epochs")
    if dvc.returncode:
        raise optuna.TrialPruned(f"{name} failed, see above")
    evaluation = read_committed(commit_of(name), "metrics/evaluation.json")
    psnr: float = json.loads(evaluation)["val"]["denoised"]["psnr"]
    return psnr


def progress(dvc: psutil.Process) -> tuple[psutil.Process | None, list[float]]:
    """The process of the stage `train`, if DVC runs it, and the val_loss of each finished epoch."""
    try:
        stages = [child for child in dvc.children() if child.cmdline()[-2:] == ["stages", "train"]]
        lines = Path(stages[0].cwd(), LOSSES).read_text().split("\n")
    except (IndexError, psutil.NoSuchProcess, FileNotFoundError):
        return None, []
    return stages[0], [float(line.split("\t")[1]) for line in lines[1:-1]]  # complete lines


def suggest(trial: BaseTrial, name: str, values: Range | list[Any]) -> Any:
    """Suggests a value of a parameter, in the form that `-S` expects."""
    if isinstance(values, list):
        return trial.suggest_categorical(name, list(map(to_text, values)))
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def to_text(value: Any) -> str:
    """A value in the form that `-S` expects."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


if __name__ == "__main__":
    sys.exit(run_main(main))
