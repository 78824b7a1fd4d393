"""Fixtures and helpers of several test modules: folders to run stages in, clones to run DVC in."""

import contextlib
import fcntl
import functools
import json
import os
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

from pipeline.base import params
from tools.command import set_params as change_params
from training.base.backend import import_keras

import_keras("tensorflow")  # as the stages do, in half of the time
ROOT = Path(__file__).parent.parent
# A hook of Git sets them, and they would direct Git in a clone to the project's repository.
GIT_VARIABLES = subprocess.check_output(["git", "rev-parse", "--local-env-vars"], text=True).split()

hypothesis.settings.register_profile("project", deadline=None)  # the machine may be busy
hypothesis.settings.load_profile("project")

SetParams = Callable[..., None]

# Less work for stages that few tests need.
FAST: dict[str, dict[str, Any]] = {
    "baselines": {"methods": ["mean", "pca", "ridge"]},
    "robustness": {"images": 10, "amounts": {"uniform": [0.5]}},
    "classifier": {"epochs": 1},
    "plot": {"images": 2},
}

# Modules test_NAME with a fixture for all their tests, which one worker runs; and long modules.
TOGETHER = "committed dvc_yaml page queue".split()
LONG = "page committed stages guide photographs loops".split()


@pytest.hookimpl(wrapper=True)  # before that of pytest-xdist, which reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Runs long tests first, so that no worker ends with one of them.

    One worker starts with a test that creates `digits`; meanwhile, the others do not need it.
    """

    def place(item: pytest.Item) -> int:
        if "digits" in getattr(item, "fixturenames", ()):
            return 2
        return 0 if item.get_closest_marker("slow") else 1 if item.path.stem[5:] in LONG else 3

    items.sort(key=place)
    first = next((item for item in items if place(item) == 2), None)
    items.sort(key=lambda item: item is not first)
    for item in items:
        if (name := item.path.stem[5:]) in TOGETHER:
            item.add_marker(pytest.mark.xdist_group(name))
    yield


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the project's params.yaml, as the current folder."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def set_params(workspace: Path) -> SetParams:
    """Changes params.yaml in the workspace: `set_params(train={"epochs": 1})`."""
    return functools.partial(change_params, workspace)


def write_csv(path: Path, rows: int, side: int = 3, seed: int = 0) -> pd.DataFrame:
    """Writes a CSV of random images and returns it as a table."""
    rng = np.random.default_rng(seed)
    names = ["label", *(f"pixel{number}" for number in range(1, side**2 + 1))]
    table = pd.DataFrame(rng.integers(0, 256, (rows, len(names)), np.uint8), columns=names)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)
    return table


@pytest.fixture
def noisy(workspace: Path) -> Path:
    """A workspace after `load`, `split` and `add_noise`: 50 training and 20 test images, 12x12."""
    from stages import add_noise, load, split

    write_csv(Path("data/raw/train.csv"), 50, 12, seed=1)
    write_csv(Path("data/raw/test.csv"), 20, 12, seed=2)
    for stage in (load, split, add_noise):
        stage.main()
    return workspace


class Clone:
    """A folder with a copy of the project, to run commands in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {name: os.environ[name] for name in os.environ.keys() - GIT_VARIABLES}
        self.env["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        for role in ("AUTHOR", "COMMITTER"):
            self.env |= {f"GIT_{role}_NAME": "test", f"GIT_{role}_EMAIL": "test@example.org"}

    @classmethod
    def of_workspace(cls, folder: Path, **sections: dict[str, Any]) -> "Clone":
        """A fresh clone of the working tree, as if it were committed, with changed parameters."""
        clone = cls(folder)
        folder.mkdir(exist_ok=True)
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.check_output(listing, cwd=ROOT, text=True)
        for name in filter(None, names.split("\0")):
            if (ROOT / name).exists():  # not deleted in the working tree
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        clone.set_params(**sections)
        clone.run("git", "init", "-q")
        clone.commit("a clone")
        return clone

    @classmethod
    def with_cache_of(cls, folder: Path, digits: "Clone") -> "Clone":
        """A fresh clone with the parameters of `digits` that shares its DVC cache."""
        clone = cls.of_workspace(folder, **digits.read_params())
        clone.run("dvc", "config", "--local", "cache.dir", str(digits.folder / ".dvc/cache"))
        return clone

    def set_params(self, **sections: dict[str, Any]) -> None:
        change_params(self.folder, **sections)

    def keep_stages(self, *names: str) -> None:
        """Removes all other stages, and the charts, from dvc.yaml."""
        path = self.folder / "dvc.yaml"
        pipeline = yaml.safe_load(path.read_text())
        stages = {name: pipeline["stages"][name] for name in names}
        path.write_text(yaml.safe_dump({"vars": pipeline["vars"], "stages": stages}))

    def read_lock(self) -> str:
        return (self.folder / "dvc.lock").read_text()

    def read_params(self) -> dict[str, dict[str, Any]]:
        return params.load_yaml(str(self.folder / "params.yaml"))

    def read_json(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text())

    def run(self, *command: str, env: dict[str, str] | None = None, fails: bool = False) -> str:
        """Runs a command, which must succeed unless it `fails`, and returns its output."""
        # Not through a pipe, which would stay open as long as a queue that the command starts.
        with tempfile.TemporaryFile("w+") as output:
            env = self.env | (env or {})
            done = subprocess.run(command, cwd=self.folder, env=env, stdout=output, stderr=output)
            output.seek(0)
            text = output.read()
        assert (done.returncode != 0) == fails, text
        return text

    def fail(self, *command: str, env: dict[str, str] | None = None) -> str:
        """Runs a command, which must fail without a traceback, and returns its output."""
        text = self.run(*command, env=env, fails=True)
        assert "Traceback" not in text
        return text

    def commit(self, message: str) -> None:
        """Commits all files that Git does not ignore."""
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", message)

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Starts a command as the leader of a new process group."""
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


def wait_for(process: "subprocess.Popen[str]", start: str) -> str:
    """Waits for a line that starts so, and returns the output until then."""
    output = ""
    assert process.stdout is not None
    for line in process.stdout:
        output += line
        if line.startswith(start):
            return output
    raise AssertionError(output)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Clone:
    """A clone after `dvc repro` on 1000 digits, for 15 epochs, without a network and apt-get.

    The test worker that needs it first creates it for all workers, so no test may change it.
    """
    shared = tmp_path_factory.getbasetemp().parent / f"digits-{testrun_uid}"
    with open(f"{shared}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.exists():
            # Enough epochs to interrupt training several times.
            sections = FAST | {"fetch": {"source": "digits"}, "train": {"epochs": 15}}
            sections |= {"load": {"limit": 1000}}  # 800 and 200, which two devices can share
            clone = Clone.of_workspace(tmp_path_factory.mktemp("digits"), **sections)
            clone.run("dvc", "repro", env=offline(clone.folder / ".dvc/tmp/home"))
            shared.write_text(str(clone.folder))
    return Clone(Path(shared.read_text()))


def offline(home: Path) -> dict[str, str]:
    """The environment of a user with this home, on a machine without a network and apt-get."""
    tools = home / "bin"
    tools.mkdir(parents=True)
    for tool in ("env", "git", "sh"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    proxy = "http://127.0.0.1:9"  # the port `discard`, where nothing answers
    path = f"{Path(sys.executable).parent}:{tools}"
    return {"HOME": str(home), "PATH": path, "http_proxy": proxy, "https_proxy": proxy}


def run_python(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Runs Python in the current folder, with the project's code."""
    env = os.environ | {"PYTHONPATH": str(ROOT)} | (env or {})
    return subprocess.run([sys.executable, *words], env=env, capture_output=True, text=True)


def run_stage(name: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return run_python("-m", "stages", name, env=env)


def run_stages(*names: str, env: dict[str, str] | None = None) -> str:
    """Runs stages, which must succeed, and returns their output."""
    runs = [run_stage(name, env) for name in names]
    assert not any(done.returncode for done in runs), [done.stderr for done in runs]
    return "".join(done.stdout for done in runs)


def error_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line on standard error of a program that must have failed without a traceback."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


# These limits hold for this process and for all processes that it starts. Popen's preexec_fn would
# limit only the latter, but it may hang if there are other threads.


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """Restricts processes started in the block to one core, where the system supports that."""
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
def max_file_size(size: int) -> Iterator[None]:
    """Simulates a full disk: no file can grow beyond this many bytes in the block."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
