"""training/base/cluster.py: two machines that train together, here two processes in two clones."""

import os
import re
import signal
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import Clone, wait_for

LOSSES = "metrics/training/plots/metrics/loss.tsv"


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def losses(clone: Clone) -> np.ndarray:
    return pd.read_csv(clone.folder / LOSSES, sep="\t")["loss"].to_numpy()


@pytest.mark.slow
def test_two_machines_train_like_one_and_can_resume(digits: Clone, tmp_path: Path) -> None:
    first, second = (Clone.with_cache_of(tmp_path / name, digits) for name in ("first", "second"))
    for clone in (first, second):
        clone.set_params(train={"epochs": 10, "patience": None}, runtime={"backend": "jax"})
        clone.set_params(model={"encoder": [128, 32], "decoder": [128]})  # so small that it is fast
        clone.run("dvc", "repro", "add_noise")
    first.run("python", "-m", "stages", "train")
    alone = losses(first)
    model = (first.folder / "models/autoencoder.keras").read_bytes()
    first.run("git", "checkout", "metrics")
    (first.folder / "models/autoencoder.keras").unlink()
    second.set_params(train={"learning_rate": 0.002})
    expected = "this machine has other data, parameters, code or packages than the first"
    assert expected in together(first, second, until="other data")[1]
    second.set_params(train=first.read_params()["train"])
    first_output, _ = together(first, second, until="epoch   1/", kill=True)
    assert "training on 2 x CPU with jax" in first_output
    assert re.search("^train: a machine has ended .*resumes", first_output, re.M), first_output
    assert (first.folder / "models/checkpoint.npz").exists()
    for output in together(first, second):
        assert "resuming after epoch" in output
    np.testing.assert_allclose(losses(first), alone, rtol=1e-5)  # different rounding
    assert len(model) == (first.folder / "models/autoencoder.keras").stat().st_size
    assert not list((second.folder / "models").glob("[!.]*"))
    assert second.run("git", "status", "--short", "metrics") == ""


def together(first: Clone, second: Clone, until: str = "", kill: bool = False) -> tuple[str, str]:
    """The outputs of both machines; with `kill`, the second one is killed after a line."""
    variables = {
        "KERAS_DISTRIBUTION_JOB_ADDRESSES": f"127.0.0.1:{free_port()}",
        "KERAS_DISTRIBUTION_NUM_PROCESSES": "2",
    }
    for number, clone in enumerate((first, second)):
        clone.env |= variables | {"KERAS_DISTRIBUTION_PROCESS_ID": str(number)}
    stage = "python -m stages train".split()
    processes = first.start(*stage if until else "dvc repro train".split()), second.start(*stage)
    output = wait_for(processes[0], until) if kill else ""
    if kill:
        os.killpg(processes[1].pid, signal.SIGKILL)
    outputs = [process.communicate()[0] for process in processes]
    failed = [process.returncode != 0 for process in processes]
    assert failed == [bool(until)] * 2, output + "\n".join(outputs)
    return output + outputs[0], outputs[1]
