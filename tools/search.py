"""`make search`: looks for good parameters with Optuna; each finished trial is a DVC experiment.

`search.yaml` says what is varied. Any number of these may search together: on one machine, or, with
a database that all of them reach, on many. The trial of one that is cut off is taken up again by
the next that begins a trial.
"""

import json
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import optuna
import psutil
import yaml
from optuna.trial import BaseTrial, Trial, TrialState
from pydantic import Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from stages import params
from stages.errors import StageError, run
from stages.tensorboard import flat
from tools.command import output
from tools.experiment import arguments, commit_of, forget, resolve
from tools.tied_dvc import end_stage, stage_of

FILE = "search.yaml"
CURVE = "metrics/training/plots/metrics/val_loss.tsv"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
# Seconds between a trial's signs of life; and without one, until it counts as cut off.
HEARTBEAT, GRACE = 5, 20
WARMUP = 4  # epochs in which no trial is hopeless
TRIES = 5  # to open the storage, a second apart


class Range(params.Section):
    """All numbers from `low` to `high`: whole ones, if both are; on a logarithmic scale or not."""

    low: int | float
    high: int | float
    log: bool = False


Choices = Annotated[list[Any], Field(min_length=1)]


class Search(params.Section):
    """What search.yaml holds."""

    study: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]
    base: list[str]
    space: Annotated[dict[str, Range | Choices], Field(min_length=1)]


def main() -> None:
    if not sys.argv[1].isdecimal():
        raise StageError(f"make search TRIALS={sys.argv[1]}: TRIALS is a whole number")
    wanted = int(sys.argv[1])
    storage = sys.argv[2] if len(sys.argv) > 2 else "sqlite:///search.db"
    search = read()
    # Ctrl-C cuts a trial off as anything else does. Optuna would take it for one that failed.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    study = open_study(search, storage)
    if not study.get_trials(deepcopy=False) and commit_of(f"{search.study}-[0-9]*"):
        raise StageError(
            f"{FILE}: there are experiments {search.study}-… of another search: `dvc exp remove` "
            "them, or give this study another name"
        )
    while (count := len(study.get_trials(deepcopy=False, states=FINISHED))) < wanted:
        study.optimize(lambda trial: objective(trial, search), n_trials=1)
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        raise StageError("no experiment ended well, see above")
    best = study.best_trial
    name = best.user_attrs["experiment"]
    print(f"\nthe best of {count}: {name}, PSNR {best.value:.2f} dB")
    print("\n".join(f"  {parameter}={value}" for parameter, value in best.params.items()))
    print(f"to have it here: dvc exp apply {name}")


def read() -> Search:
    """search.yaml. Raises StageError with what is wrong in it."""
    try:
        search = Search.model_validate(yaml.load(Path(FILE).read_text(), params.Loader))
    except yaml.YAMLError as error:
        raise StageError(f"{FILE} is not YAML: {error}") from error
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise StageError(f"{FILE}: {'; '.join(lines)}") from error
    file = params.load()
    known = flat({section: file.get(section, {}) for section in ("model", "train")})
    known.pop("train.loss", None)
    for name in search.space:
        if name not in known:
            raise StageError(
                f"{FILE}: '{name}' cannot be searched{params.nearest(name, known)}: scores compare "
                "where only the sections model and train differ, and not in the loss"
            )
    return search


def open_study(search: Search, url: str) -> optuna.Study:
    """The study of this name, as others left it, or a new one. Raises StageError."""
    storage = open_storage(url)
    study = optuna.create_study(
        study_name=search.study,
        storage=storage,
        sampler=optuna.samplers.TPESampler(constant_liar=True),  # for many at a time
        # Below the median of the others; the first epochs say little.
        pruner=optuna.pruners.MedianPruner(n_warmup_steps=WARMUP),
        direction="maximize",
        load_if_exists=True,
    )
    asked = search.model_dump(exclude={"study"})
    if study.user_attrs.get("asked", asked) != asked:
        raise StageError(
            f"{FILE}: the study '{search.study}' was begun with another base or space; "
            "give this one another name"
        )
    study.set_user_attr("asked", asked)
    return study


def open_storage(url: str) -> optuna.storages.RDBStorage:
    """The database, new or not. Raises StageError if there is none to be had."""
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    tries = TRIES
    while True:
        try:
            return optuna.storages.RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
                heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(),
            )
        except (SQLAlchemyError, ImportError) as error:
            # Of two that begin in the same moment, one finds the other's tables half made.
            tries -= 1
            if not tries:
                raise StageError(f"STORAGE: {error}") from error
            time.sleep(1)


def objective(trial: Trial, search: Search) -> float:
    """The PSNR (dB) of the denoised validation images. Raises TrialPruned if it is hopeless.

    The experiment of a hopeless trial has to fail: DVC would take what it has for its result.
    """
    # One that was cut off is run again under its name.
    name = trial.user_attrs.get("experiment", f"{search.study}-{trial.number}")
    trial.set_user_attr("experiment", name)
    changes = [f"{key}={suggest(trial, key, values)}" for key, values in search.space.items()]
    forget(name)
    command = ["-m", "tools.tied_dvc", *arguments(name, resolve(search.base) + changes)]
    dvc = psutil.Popen([sys.executable, *command])
    reported = 0
    while dvc.poll() is None:
        time.sleep(1)
        stage = stage_of(dvc, "train")
        losses = val_losses(stage) if stage else []
        for epoch in range(reported, len(losses)):
            trial.report(-losses[epoch], epoch)
        reported = max(reported, len(losses))
        if stage and reported and trial.should_prune():
            end_stage(dvc)
            if dvc.wait():
                raise optuna.TrialPruned(f"{name}: hopeless after {reported} epochs")
    if dvc.returncode:
        raise optuna.TrialPruned(f"{name} failed, see above")
    evaluation = output("git", "show", f"{commit_of(name)}:metrics/evaluation.json")
    psnr: float = json.loads(evaluation)["val"]["denoised"]["psnr"]
    return psnr


def suggest(trial: BaseTrial, name: str, values: Range | list[Any]) -> Any:
    """A value for this parameter, as `-S` takes it."""
    if isinstance(values, list):
        choices = [
            each if isinstance(each, str) else json.dumps(each, separators=(",", ":"))
            for each in values
        ]
        return trial.suggest_categorical(name, choices)
    if isinstance(values.low, int) and isinstance(values.high, int):
        return trial.suggest_int(name, values.low, values.high, log=values.log)
    return trial.suggest_float(name, values.low, values.high, log=values.log)


def val_losses(stage: psutil.Process) -> list[float]:
    """Those of each epoch until now, in the folder in which DVC runs the stage."""
    try:
        text = Path(stage.cwd(), CURVE).read_text()
    except (psutil.NoSuchProcess, FileNotFoundError):
        return []
    _header, *lines, _unfinished = text.split("\n") if "\n" in text else ("", "")
    return [float(line.split("\t")[1]) for line in lines]


if __name__ == "__main__":
    sys.exit(run(main))
