"""Sharing data and experiments through git, a folder and S3, with real `dvc push` and so on."""

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import Clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def receiver(digits: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of a git repository to which another user has pushed the experiment `five`."""
    folder = tmp_path_factory.mktemp("exchange")
    sender = Clone.with_cache_of(folder / "sender", digits)
    sender.run("dvc", "repro")
    sender.run("dvc", "remote", "add", "--default", "shared", str(folder / "store"))
    sender.run("git", "commit", "-qam", "A DVC remote")
    sender.run("git", "init", "-q", "--bare", str(folder / "remote.git"))
    sender.run("git", "remote", "add", "origin", str(folder / "remote.git"))
    sender.run("git", "push", "-q", "origin", "HEAD:main")
    sender.run("dvc", "exp", "run", "--temp", "--name", "five", "-S", "plot.images=5")
    sender.run("dvc", "exp", "push", "origin", "five")

    receiver = Clone(folder / "receiver")
    remote = str(folder / "remote.git")
    sender.run("git", "clone", "-q", "-b", "main", remote, str(receiver.folder))
    return receiver


def test_a_pushed_experiment_can_be_pulled_and_applied(receiver: Clone, digits: Clone) -> None:
    assert "five" in receiver.run("dvc", "exp", "list", "origin")
    assert "five" not in receiver.run("dvc", "exp", "list")
    receiver.run("dvc", "exp", "pull", "origin", "five")
    receiver.run("dvc", "exp", "apply", "five")
    diff = json.loads(receiver.run("dvc", "params", "diff", "--json"))
    assert diff == {"params.yaml": {"plot.images": {"old": 2, "new": 5, "diff": 3}}}
    for name in ("data/denoised/x_test.npy", "data/noisy/x_train.npy"):
        received, sent = (np.load(clone.folder / name) for clone in (receiver, digits))
        np.testing.assert_array_equal(received, sent)
    assert "Running stage" not in receiver.run("dvc", "repro")


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server with a bucket `images`."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="images")
    yield address
    server.stop()


def test_data_and_models_can_be_shared_through_s3(receiver: Clone, s3: str, tmp_path: Path) -> None:
    receiver.run("dvc", "pull")
    receiver.run("dvc", "remote", "add", "--default", "s3", "s3://images/dvc")
    receiver.run("dvc", "remote", "modify", "s3", "endpointurl", s3)
    receiver.run("git", "commit", "-qam", "A DVC remote on S3")
    assert "files pushed" in receiver.run("dvc", "push", env=KEYS)

    fresh = Clone(tmp_path / "fresh")
    receiver.run("git", "clone", "-q", str(receiver.folder), str(fresh.folder))
    fresh.run("dvc", "pull", env=KEYS)
    for name in ("models/autoencoder.keras", "data/denoised/x_test.npy"):
        sent, received = ((clone.folder / name).read_bytes() for clone in (receiver, fresh))
        assert sent == received
    assert "Running stage" not in fresh.run("dvc", "repro")
