"""The input and output paths of the command line."""

import os
import tempfile
from pathlib import Path
from typing import NamedTuple

from denoiser.errors import InputError
from denoiser.picture_files import list_files
from denoiser.picture_output import FORMATS, format_of


class Job(NamedTuple):
    """The paths of a picture, of its denoised copy, and of its clean original or None."""

    source: str
    target: str
    clean: str | None


def find_jobs(
    image: str, output: str, clean: str | None, overwrite: bool
) -> tuple[list[Job], list[str]]:
    """The pictures to denoise, and the paths of files in the folder that are left out.

    The help of the command line describes the arguments. Raises InputError if a path is missing or
    unsuitable, or, unless `overwrite`, if an output would replace an input.
    """
    for path in filter(None, (image, clean)):
        if path != "-" and not Path(path).exists():
            raise InputError(f"{path}: there is no such file or folder")
    if Path(image).is_dir():
        names, left_out = pictures_below(image, output)
        check_folder(output)
        paths = {name: (str(Path(image, name)), str(Path(output, name))) for name in names}
    else:
        paths, left_out = {Path(image).name: (image, output)}, []
        check_file(output, Path(image).name)
    jobs = [
        Job(*pair, str(Path(clean, name)) if clean and Path(clean).is_dir() else clean)
        for name, pair in paths.items()
    ]
    inputs = {identity(path) for job in jobs for path in (job.source, job.clean) if path}
    for job in jobs:
        if not overwrite and identity(job.target) in inputs - {None}:
            raise InputError(
                f"{job.target} is also an input: choose another output, or pass --overwrite"
            )
    return jobs, left_out


def pictures_below(folder: str, output: str) -> tuple[list[str], list[str]]:
    """The relative paths of the pictures in a folder, and of the other files.

    If the output folder is inside of the folder, its files are in neither list.
    """
    inside = Path(os.path.relpath(os.path.realpath(output), os.path.realpath(folder)))
    files = [
        name
        for name in list_files(folder, follow=True)
        if inside not in Path(name).parents or not inside.name
    ]
    names = [name for name in files if Path(name).suffix.lower() in FORMATS]
    if not names:
        raise InputError(
            f"{folder}: the folder has no file whose name ends with {', '.join(FORMATS)}"
        )
    return names, sorted({*files} - {*names})


def check_file(output: str, name: str) -> None:
    """Raises InputError if `output` cannot be the path of a picture, or -."""
    if output == "-":
        return
    if Path(output).is_dir():
        raise InputError(f"{output} is a folder: pass a file, such as {Path(output, name)}")
    format_of(output)
    if not Path(output).parent.is_dir():
        raise InputError(f"{output}: the folder does not exist; create it first")
    check_writable(Path(output).parent)


def check_folder(output: str) -> None:
    """Raises InputError if `output` cannot be a folder to write to."""
    if output == "-" or (Path(output).exists() and not Path(output).is_dir()):
        raise InputError(f"{output}: if the input is a folder, the output must be a folder")
    check_writable(Path(output))


def check_writable(folder: Path) -> None:
    """Raises InputError if a folder, or the closest one above it that exists, is read-only."""
    path = folder.absolute()
    existing = next(above for above in (path, *path.parents) if above.exists())
    try:
        tempfile.TemporaryFile(dir=existing).close()  # os.access is not reliable
    except OSError as error:
        raise InputError(
            f"{folder}: the folder cannot be written to ({os.strerror(error.errno or 0).lower()}); "
            "choose another output"
        ) from error


def identity(path: str) -> tuple[int, int] | None:
    """Equal for two paths of the same file; None for a missing file and for -."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return None if path == "-" else (status.st_dev, status.st_ino)
