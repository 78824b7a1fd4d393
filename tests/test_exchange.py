"""What others get, through git, a folder and S3: the real `dvc push`, `dvc exp push` and so on."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import Clone


@pytest.fixture(scope="module")
def others(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of a git remote, to which somebody else has pushed an experiment `five`."""
    folder = tmp_path_factory.mktemp("exchange")
    own = Clone.after_repro(folder / "own", digits)
    own.run("dvc", "remote", "add", "--default", "shared", str(folder / "store"))
    own.run("git", "commit", "-qam", "a remote")
    own.run("git", "init", "-q", "--bare", str(folder / "remote.git"))
    own.run("git", "remote", "add", "origin", str(folder / "remote.git"))
    own.run("git", "push", "-q", "origin", "HEAD:main")
    own.run("dvc", "exp", "run", "--temp", "--name", "five", "-S", "plot.images=5")
    own.run("dvc", "exp", "push", "origin", "five")

    other = Clone(folder / "other")
    own.run("git", "clone", "-q", "-b", "main", str(folder / "remote.git"), str(other.folder))
    return other


def test_an_experiment_that_was_pushed_is_pulled_and_applied(others: Clone, digits: Clone) -> None:
    assert "five" in others.run("dvc", "exp", "list", "origin")
    assert "five" not in others.run("dvc", "exp", "list")
    others.run("dvc", "exp", "pull", "origin", "five")
    others.run("dvc", "exp", "apply", "five")
    diff = json.loads(others.run("dvc", "params", "diff", "--json"))
    assert diff == {"params.yaml": {"plot.images": {"old": 10, "new": 5, "diff": -5}}}
    for name in ("data/denoised/x_test.npy", "data/noisy/x_train.npy"):
        ours, theirs = (np.load(clone.folder / name) for clone in (others, digits))
        np.testing.assert_array_equal(ours, theirs)
    assert "Running stage" not in others.run("dvc", "repro")


def test_an_experiment_becomes_a_branch(others: Clone) -> None:
    others.run("dvc", "exp", "pull", "origin", "five")
    others.run("dvc", "exp", "branch", "five", "with-five")
    assert "images: 5" in others.run("git", "show", "with-five:params.yaml")
    changed = others.run("git", "diff", "--name-only", "HEAD", "with-five").split()
    assert {Path(name).parts[0] for name in changed} == {"dvc.lock", "metrics", "params.yaml"}


KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that speaks S3, with a bucket `images`."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="images")
    yield address
    server.stop()


def test_data_and_models_travel_through_s3(others: Clone, s3: str, tmp_path: Path) -> None:
    others.run("dvc", "pull")
    others.run("dvc", "remote", "add", "--default", "s3", "s3://images/dvc")
    others.run("dvc", "remote", "modify", "s3", "endpointurl", s3)
    others.run("git", "commit", "-qam", "a remote on S3")
    assert "files pushed" in others.run("dvc", "push", env=KEYS)

    fresh = Clone(tmp_path / "fresh")
    others.run("git", "clone", "-q", str(others.folder), str(fresh.folder))
    fresh.run("dvc", "pull", env=KEYS)
    for name in ("models/autoencoder.keras", "data/denoised/x_test.npy"):
        ours, theirs = ((clone.folder / name).read_bytes() for clone in (others, fresh))
        assert ours == theirs
    assert "Running stage" not in fresh.run("dvc", "repro")
