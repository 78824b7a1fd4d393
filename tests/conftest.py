"""What several test modules share: a folder to run stages in, and a clone to run DVC in."""

import contextlib
import fcntl
import functools
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pandas as pd
import pytest
import yaml

from stages import load, noise, split
from tools import params_file

ROOT = Path(__file__).parent.parent

hypothesis.settings.register_profile("here", deadline=None)  # the machine may be busy
hypothesis.settings.load_profile("here")

SetParams = Callable[..., None]

SHORT = {"epochs": 15}  # of a run on digits: enough to cut it off several times


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest modules first: no process is to be left with one of them at the end.

    The second of them needs no `digits`, which a process makes for the first meanwhile.
    """
    longest = ["test_search", "test_fashion_mnist", "test_queue", "test_interruptions"]
    places = {name: place for place, name in enumerate(longest)}
    items.sort(key=lambda item: places.get(item.path.stem, len(longest)))


def committed(name: str) -> str:
    """A file as it was committed: one's own run of the pipeline changes the scores here."""
    show = ["git", "show", f"HEAD:{name}"]
    return subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the project's params.yaml, as the current one."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def set_params(workspace: Path) -> SetParams:
    """Changes params.yaml in the workspace: `set_params(train={"epochs": 1})`."""
    return functools.partial(params_file.set_params, workspace)


def write_csv(path: Path, rows: int, side: int = 3, seed: int = 0) -> pd.DataFrame:
    """A CSV of random images, and the same as a table."""
    rng = np.random.default_rng(seed)
    names = ["label", *(f"pixel{number}" for number in range(1, side**2 + 1))]
    table = pd.DataFrame(rng.integers(0, 256, (rows, len(names)), np.uint8), columns=names)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return table


@pytest.fixture
def images(workspace: Path) -> Path:
    """A workspace in which `load` has run, on 50 and 20 images of 12x12."""
    write_csv(Path("data/raw/train.csv"), 50, 12, seed=1)
    write_csv(Path("data/raw/test.csv"), 20, 12, seed=2)
    load.main()
    return workspace


@pytest.fixture
def noisy(images: Path) -> Path:
    """The same, in which `split` and `noise` have run, too."""
    split.main()
    noise.main()
    return images


class Clone:
    """A folder with a fresh clone of the project, to run commands in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.output, self.lock = folder, "", ""
        self.env = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "GIT_AUTHOR_NAME": "test",
            "GIT_AUTHOR_EMAIL": "test@example.org",
            "GIT_COMMITTER_NAME": "test",
            "GIT_COMMITTER_EMAIL": "test@example.org",
        }

    @classmethod
    def of_head(cls, folder: Path) -> "Clone":
        """The last commit."""
        subprocess.run(["git", "clone", "--quiet", ROOT, folder], check=True)
        return cls(folder)

    @classmethod
    def of_workspace(cls, folder: Path) -> "Clone":
        """With whatever is changed here and not ignored, committed."""
        clone = cls(folder)
        folder.mkdir(exist_ok=True)
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, names.stdout.split("\0")):
            if (ROOT / name).exists():  # not one deleted here
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a clone"]):
            clone.run("git", *command)
        return clone

    @classmethod
    def after_repro(cls, folder: Path, digits: "Clone") -> "Clone":
        """The workspace as after `dvc repro` on digits, committed; with the cache of `digits`.

        Where dvc.lock has data/raw as a folder that is not in the cache, as in a fresh clone, DVC
        fails when it serves `load` from its run cache.
        """
        clone = cls.of_workspace(folder)
        clone.set_params(**digits.read_params())
        shutil.copy(digits.folder / "dvc.lock", folder)
        clone.run("dvc", "config", "--local", "cache.dir", str(digits.folder / ".dvc/cache"))
        clone.run("git", "commit", "-qam", "digits")
        return clone

    def set_params(self, **sections: dict[str, Any]) -> None:
        """Changes params.yaml in there."""
        params_file.set_params(self.folder, **sections)

    def experiment(self, name: str) -> str:
        """The git reference of an experiment in there."""
        return self.run(
            "git", "for-each-ref", "--format=%(refname)", f"refs/exps/**/{name}"
        ).strip()

    def read_params(self) -> dict[str, dict[str, Any]]:
        """Its parameters."""
        params: dict[str, dict[str, Any]] = yaml.safe_load(
            (self.folder / "params.yaml").read_text()
        )
        return params

    def read_json(self, name: str) -> Any:
        """What a JSON file in there holds."""
        return json.loads((self.folder / name).read_text())

    def run(self, *command: str, env: dict[str, str] | None = None) -> str:
        """Runs a command in there, which has to succeed; returns what it printed."""
        # Not through a pipe: it would stay open for as long as a queue that the command starts.
        with tempfile.TemporaryFile("w+") as printed:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=self.env | (env or {}),
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
            printed.seek(0)
            text = printed.read()
        assert done.returncode == 0, text
        return text

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Starts a command in there, as the leader of a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Clone:
    """A clone in which `make repro` has run for 15 epochs, with no network and no apt-get.

    The test process that asks first makes it, for all of them; so no test may change it.
    """
    shared = tmp_path_factory.getbasetemp().parent / f"digits-{testrun_uid}"
    with open(f"{shared}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            clone = Clone.of_workspace(tmp_path_factory.mktemp("digits"))
            clone.set_params(fetch={"source": "fashion-mnist"}, train=SHORT)
            env = offline(tmp_path_factory.mktemp("home"))
            clone.output = clone.run("python", "-m", "tools.repro", env=env)
            clone.lock = (clone.folder / "dvc.lock").read_text()
            shared.write_bytes(pickle.dumps(clone))
    found: Clone = pickle.loads(shared.read_bytes())
    return found


def offline(home: Path) -> dict[str, str]:
    """The environment of a machine with no network and no apt-get, whose user's home this is."""
    tools = home / "bin"
    tools.mkdir()
    for tool in ("git", "sh"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    nowhere = "http://127.0.0.1:9"  # the port `discard`, where nobody answers
    return {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{tools}",
        "http_proxy": nowhere,
        "https_proxy": nowhere,
    }


def run_stage(name: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs `python -m stages.name` in the current folder, with the project's code."""
    return subprocess.run(
        [sys.executable, "-m", f"stages.{name}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | (env or {}),
        capture_output=True,
        text=True,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a stage ended with; TensorFlow's banner aside."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


# What holds for this process holds for all that it starts. Popen's preexec_fn would do, too, but
# Python warns of it where there are threads: the new process may hang before it has begun.


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Keeps what is started meanwhile to one core, where the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def no_larger_file_than(size: int) -> Iterator[None]:
    """A disk, for what is started meanwhile, on which no file can grow beyond this many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
