"""Compares files with the hashes in dvc.lock.

DVC does not hash the files of its cache again, so it restores a file that was damaged there.
"""

import hashlib
import json
import re
import shlex
import subprocess
from pathlib import Path

import yaml

from denoiser.base.errors import InputError
from pipeline.base import params

FILE = "dvc.lock"


def check_inputs(stage: str) -> None:
    """Raises InputError if a file or folder that the stage reads differs from its hash.

    Only outputs of other stages have a hash in dvc.lock.
    """
    recorded, values = hashes(), params.load_yaml(params.FILE)

    def insert(name: re.Match[str]) -> str:
        """The value of a variable of dvc.yaml; '' for `text`."""
        section, _, key = name[1].partition(".")
        return str(values[section][key]) if key else ""

    for dependency in params.load_yaml("dvc.yaml")["stages"][stage]["deps"]:
        path = re.sub(r"\$\{(.*?)\}", insert, dependency)
        if path in recorded and digest(Path(path)) != recorded[path]:
            raise InputError(f"{path} was changed after `dvc repro` wrote it: {remedy(path)}")


def hashes() -> dict[str, str]:
    """The hash of each output in dvc.lock, which may be missing."""
    if not Path(FILE).exists():
        return {}
    with open(FILE, encoding="utf-8") as file:
        stages = yaml.load(file, yaml.CSafeLoader)["stages"].values()  # six times as fast
    return {out["path"]: out["md5"] for stage in stages for out in stage.get("outs", [])}


def digest(path: Path) -> str:
    """The MD5 hash by which DVC identifies a file or folder."""
    if not path.is_dir():
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listing = json.dumps([{"md5": digest(path / name), "relpath": name} for name in names])
    return f"{hashlib.md5(listing.encode()).hexdigest()}.dir"


def remedy(path: str) -> str:
    """The commands that remove a damaged file from the folder and from DVC's cache."""
    recorded = hashes()
    for output in map(str, (path, *Path(path).parents)):
        if output in recorded:
            break
    else:
        return f"to write it again, run: rm {shlex.quote(path)}; dvc repro"
    command = ["dvc", "cache", "dir"]
    cache = Path(subprocess.run(command, capture_output=True, text=True).stdout.strip())

    def cached(md5: str) -> Path:
        return cache / "files/md5" / md5[:2] / md5[2:]

    damaged = [(Path(output), recorded[output])]
    if (listing := cached(recorded[output])).suffix == ".dir" and listing.is_file():
        entries = {Path(output, e["relpath"]): e["md5"] for e in json.loads(listing.read_text())}
        damaged = [(f, md5) for f, md5 in entries.items() if not f.is_file() or digest(f) != md5]
    files = [str(file) for name, md5 in damaged for file in (name, cached(md5))]
    return f"to compute it again, run: rm -rf {shlex.join(files)}; dvc repro"
