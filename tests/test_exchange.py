"""Sharing data and experiments through git, a folder and S3, with real `dvc push` and so on."""

import json
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import Clone

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.mark.slow
def test_experiments_and_data_can_be_shared(
    digits: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = Clone.with_cache_of(tmp_path / "sender", digits)
    receiver, fresh = Clone(tmp_path / "receiver"), Clone(tmp_path / "fresh")
    remote = str(tmp_path / "remote.git")
    sender.run("dvc", "repro")
    sender.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "store"))
    sender.run("git", "commit", "-qam", "A DVC remote")
    sender.run("git", "init", "-q", "--bare", remote)
    sender.run("git", "remote", "add", "origin", remote)
    sender.run("git", "push", "-q", "origin", "HEAD:main")
    sender.run("dvc", "exp", "run", "--temp", "--name", "five", "-S", "plot.images=5")
    sender.run("dvc", "exp", "push", "origin", "five")

    sender.run("git", "clone", "-q", "-b", "main", remote, str(receiver.folder))
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

    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket="images")
    receiver.run("dvc", "remote", "add", "--default", "s3", "s3://images/dvc")
    receiver.run("dvc", "remote", "modify", "s3", "endpointurl", address)
    receiver.run("git", "commit", "-qam", "A DVC remote on S3")
    assert "files pushed" in receiver.run("dvc", "push", env=KEYS)
    receiver.run("git", "clone", "-q", str(receiver.folder), str(fresh.folder))
    fresh.run("dvc", "pull", env=KEYS)
    for name in ("models/autoencoder.keras", "data/denoised/x_test.npy"):
        assert (fresh.folder / name).read_bytes() == (receiver.folder / name).read_bytes()
    assert "Running stage" not in fresh.run("dvc", "repro")
    server.stop()
