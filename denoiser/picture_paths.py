"""The input and output paths of the command line."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from denoiser import extra_formats
from denoiser.base.errors import InputError
from denoiser.extra_formats import EXTRAS
from denoiser.picture_files import list_files
from denoiser.picture_output import FORMATS, Format, format_of

SUFFIX = "-denoised"  # is appended to the name of the input if there is no output
# Why a path is left out.
RESULTS = "as results of earlier runs (pass another output with -o to denoise them)"
SUFFIXES = "because of their suffixes"


class Job(NamedTuple):
    """The paths of a picture and of its denoised copy."""

    source: str
    target: str

    @property
    def format(self) -> Format:
        """The format of the denoised copy."""
        return format_of(self.target)


def find_jobs(
    images: Sequence[str], output: str | None, overwrite: bool
) -> tuple[list[Job], dict[str, list[str]]]:
    """The pictures to denoise, and the paths that are left out, by their reason.

    The help of the command line describes the arguments. For several images, the output is a
    folder, and a missing picture is no error here. Raises InputError if a path is missing or
    unsuitable, if two outputs would have one path, or, unless `overwrite`, if an output would
    replace an input.
    """
    several = len(images) > 1
    if "-" in images:
        if several:
            raise InputError("- is standard input: pass it alone, or ./- for a file of this name")
        if output:
            check_file(output)
        return [Job("-", output or "-")], {}
    if not several and not Path(images[0]).exists():
        raise InputError(f"{images[0]}: there is no such file or folder")
    to_folder = several or Path(images[0]).is_dir() or bool(output and Path(output).is_dir())
    if output:
        (check_folder if to_folder else check_file)(output)
    jobs, others = list[Job](), list[str]()
    for image in images:
        name = Path(os.path.abspath(image)).name
        target = output or beside(image)
        if output and to_folder and not Path(image).is_dir():
            target = str(Path(output, with_known_suffix(name)))
        elif output and several:
            target = str(Path(output, name))
        pairs = [(image, target)]
        if Path(image).is_dir():
            names, more = pictures_below(image, target)
            others += [str(Path(image, name)) for name in more]
            pairs = [
                (str(Path(image, name)), str(Path(target, with_known_suffix(name))))
                for name in names
            ]
        jobs += [Job(*pair) for pair in pairs]
    known = [*FORMATS, *EXTRAS]
    suffixes = {Path(image).suffix for image in images}.union(known, map(str.upper, known))
    results = {job.source for job in jobs if not output and is_result(Path(job.source), suffixes)}
    jobs = distinct([job for job in jobs if job.source not in results], results)
    if not overwrite:
        check_inputs(jobs)
    left_out = {RESULTS: sorted(results)}
    for path in others:
        package = extra_formats.missing_package(path)
        reason = f"because the package {package} is not installed" if package else SUFFIXES
        left_out.setdefault(reason, []).append(path)
    return jobs, left_out


def is_result(path: Path, suffixes: Collection[str]) -> bool:
    """Whether a picture, or a folder above it, is the output beside an input that still exists.

    The input of a picture has one of the suffixes.
    """
    for place in (path, *path.parents):
        name, _, suffix = place.name.rpartition(SUFFIX)
        if name and not suffix and place.with_name(name).is_dir():
            return True
        if name and suffix.lower() in FORMATS:
            inputs = (place.with_name(name + other) for other in {suffix, *suffixes})
            if any(map(Path.is_file, inputs)):
                return True
    return False


def distinct(jobs: Sequence[Job], results: set[str]) -> list[Job]:
    """The jobs, each once; an input that is the output of another one is added to `results`.

    Raises InputError if two inputs have the same output.
    """
    groups = dict[str, dict[str, Job]]()  # the jobs of each output, by their input
    for job in jobs:
        group = groups.setdefault(os.path.abspath(job.target), {})
        group.setdefault(os.path.abspath(job.source), job)
    for target, group in groups.items():
        if len(group) > 1 and target in group:
            results.add(group.pop(target).source)
        job, *more = group.values()
        if more:
            raise InputError(
                f"{job.source} and {more[0].source} would both become {job.target}: denoise them "
                "separately"
            )
    return [job for group in groups.values() for job in group.values()]


def beside(image: str) -> str:
    """The path of the output beside a file or folder."""
    path = Path(os.path.abspath(image)) if Path(image).name in ("", "..") else Path(image)
    if not path.name:
        raise InputError(f"{image} has no name: pass an output")
    if path.is_dir():
        return str(path.with_name(path.name + SUFFIX))
    name = Path(with_known_suffix(path.name))
    return str(path.with_name(name.stem + SUFFIX + name.suffix))


def with_known_suffix(name: str) -> str:
    """The path of a picture; a suffix whose format cannot be written is replaced."""
    suffix = Path(name).suffix.lower()
    if suffix in FORMATS:
        return name
    return str(Path(name).with_suffix(EXTRAS[suffix].output if suffix in EXTRAS else ".png"))


def check_inputs(jobs: Sequence[Job]) -> None:
    """Raises InputError if an output replaces an input."""
    inputs = {identity(job.source) for job in jobs} - {None}
    for job in jobs:
        if identity(job.target) in inputs:
            raise InputError(
                f"{job.target} is also an input: choose another output, or pass --overwrite"
            )


def pictures_below(folder: str, output: str) -> tuple[list[str], list[str]]:
    """The relative paths of the pictures in a folder, and of the other files.

    If the output folder is inside of the folder, its files are in neither list.
    """
    source, target = Path(os.path.realpath(folder)), Path(os.path.realpath(output))
    files = [
        name
        for name in list_files(folder, follow=True)
        if target not in (source / name).parents or target in (source, *source.parents)
    ]
    known = [name for name in files if Path(name).suffix.lower() in {*FORMATS, *EXTRAS}]
    names = [name for name in known if not extra_formats.missing_package(name)]
    if not names:
        for name in known:
            extra_formats.load(EXTRAS[Path(name).suffix.lower()], f"{folder}/{name}")
        raise InputError(
            f"{folder}: the folder has no file whose name ends with {', '.join(FORMATS)}"
        )
    return names, sorted({*files} - {*names})


def check_file(output: str) -> None:
    """Raises InputError if `output` cannot be the path of a picture, or -."""
    if output == "-":
        return
    format_of(output)
    if not Path(output).parent.is_dir():
        raise InputError(f"{output}: the folder does not exist; create it first")


def check_folder(output: str) -> None:
    """Raises InputError if `output` cannot be a folder."""
    if output == "-" or (Path(output).exists() and not Path(output).is_dir()):
        raise InputError(f"{output}: if the input is a folder, the output must be a folder")


def identity(path: str) -> tuple[int, int] | None:
    """Equal for two paths of the same file; None for a missing file and for -."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return None if path == "-" else (status.st_dev, status.st_ino)
