"""Loads and saves the trained Keras models."""

import io
import re
import zipfile
from typing import Any

from denoiser.base import files
from denoiser.base.errors import InputError

AUTOENCODER = "models/autoencoder.keras"
CLASSIFIER = "models/classifier.keras"
BATCH_SIZE = 1000  # images per prediction; another size may round differently


def load_model(path: str) -> Any:
    """Loads a `keras.Model` without compiling it. Raises InputError on failure."""
    import keras

    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} cannot be loaded: it is damaged, or not a model of Keras")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types; ValueError for code in a Lambda layer
        raise InputError(f"{path} cannot be loaded: {error}") from error


def save_model(model: Any, path: str) -> None:
    """Saves a `keras.Model` so that the bytes depend on its architecture and weights alone."""
    with files.atomic_write(path) as temporary:
        model.save(temporary)
        temporary.write_bytes(strip_traces(temporary.read_bytes()))


def strip_traces(archive: bytes) -> bytes:
    """A .keras archive without the date, and with numbers in place of memory addresses.

    Keras writes them as `shared_object_id`; they are numbered in the order of their appearance.
    """
    numbers: dict[bytes, int] = {}

    def number(address: re.Match[bytes]) -> bytes:
        return b"%d" % numbers.setdefault(address[0], len(numbers) + 1)

    stripped = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stripped, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".json"):
                content = re.sub(rb'(?<="date_saved": ")[^"]*', b"", content)
                content = re.sub(rb'(?<="shared_object_id": )\d+', number, content)
            new.writestr(zipfile.ZipInfo(name), content)  # ZipInfo defaults to a fixed date, 1980
    return stripped.getvalue()
