"""The class `Denoiser`: a trained model, run by ONNX Runtime on pictures of any size."""

import contextlib
import ctypes
import io
import os
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from denoiser import tiles
from denoiser.base.devices import DEVICES
from denoiser.base.errors import InputError
from denoiser.base.images import Float32
from denoiser.ensemble import ensemble as mean_of_views
from denoiser.ensemble import finite
from denoiser.picture_files import WHITE_8, WHITE_16, pixels_of
from denoiser.picture_output import to_pixels
from denoiser.tiles import Progress

# Before ONNX Runtime is imported, which would send reports and write to the home folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

FOLDER = Path(__file__).parent / "models"
# The models that come with the package, the default first; docs/denoise.md describes them.
MODELS = ("photo", "photo-gaussian", "document")
GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
# Of the GPU: full precision, and no measurement of algorithms for each new size of an image.
GPU_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
MAX_VALUE = 4  # above it, the white of an array is not 1; strong noise stays below
SEVERITY = 4  # of messages that ONNX Runtime prints; 4: fatal errors

AnyImage = TypeVar("AnyImage", Image.Image, npt.NDArray[Any])


class Denoiser:
    """A trained model that denoises images: `Denoiser("photo")(image)`.

    `model` is one of MODELS, or the path of an ONNX file of this project. `device` is "auto", "cpu"
    or "gpu"; `auto` uses the GPU if there is one. `threads` is the number of threads on the CPU, by
    default OMP_NUM_THREADS, or else one for each core. Raises InputError if the file is missing or
    is not a denoiser, or if the device is "gpu" and cannot be used.

    `metadata` is the text that the file contains: `channels` (1 or 3), `noise` and `data` of the
    training, and `side`, of square images, or `scale` and `radius`, of images of any size
    (see `tiles.convolve`). `warning` says why ONNX Runtime, if it is built for GPUs, uses none.
    """

    def __init__(
        self, model: str = MODELS[0], device: str = "auto", threads: int | None = None
    ) -> None:
        if device not in DEVICES:
            raise InputError(f"the device is {device!r}, but it must be {', '.join(DEVICES)}")
        path = FOLDER / f"{model}.onnx" if model in MODELS else Path(model)
        if path.suffix == ".keras":
            raise InputError(
                f"{model} is a model of Keras: run `dvc repro export`, which converts "
                "models/autoencoder.keras, and pass models/denoiser.onnx"
            )
        if not path.is_file():
            raise InputError(f"{model}: no such model; pass {', '.join(MODELS)} or an ONNX file")
        self.model, self.device, self.threads, self.warning = model, device, threads, ""
        self.session = self._start(path, device)
        self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        try:
            self.channels = int(self.metadata["channels"])
            self.side = int(self.metadata.get("side", 0))
            reach = {"scale": self.side, "radius": 0} if self.side else self.metadata
            self.scale, self.radius = int(reach["scale"]), int(reach["radius"])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{model} is not a denoiser of this project (its metadata differ): use another one"
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.device, self.threads)  # a session has no copy

    def __call__(self, image: AnyImage, strength: float = 1.0, ensemble: bool = False) -> AnyImage:
        """Denoises an image of Pillow, or an array; the result has the same type and size.

        An array has shape (height, width), (height, width, 1) or (height, width, 3), in RGB. White
        is 255 for uint8, 65535 for uint16, and 1 for floating point; results are clipped to black
        and white. An image of mode L, LA, RGB, RGBA or I;16 keeps its mode and its alpha channel;
        mode 1 becomes L, other modes become RGB. Metadata and the orientation of EXIF are not kept.

        The result is (1 - strength)·image + strength·denoised, with a `strength` in [0, 1]. With
        `ensemble`, the results for eight flips and rotations are averaged, in eight times the time.
        Raises ValueError for an image of mode I or F, if the array has another shape or dtype,
        values that are not finite or far above white, or if the strength is outside of [0, 1].
        Raises InputError if ONNX Runtime fails, for example because of its memory, or if the
        network is dense and the image is not of its size.
        """
        if isinstance(image, Image.Image):
            pixels, alpha = pixels_of(image)
            result = Image.fromarray(self(pixels, strength, ensemble))
            if alpha is not None:
                result.putalpha(Image.fromarray(alpha))
            return result
        white = {"u1": WHITE_8, "u2": WHITE_16}.get(image.dtype.str[1:], 1)
        if image.dtype.kind != "f" and white == 1:
            raise ValueError(
                f"the dtype must be uint8, uint16 or floating point, not {image.dtype}"
            )
        if image.ndim not in (2, 3) or image.shape[2:] not in ((), (1,), (3,)):
            raise ValueError(f"the shape must be (height, width[, 1 or 3]), not {image.shape}")
        if not (image.size and np.isfinite(image).all()):
            raise ValueError("the image is empty, or has values that are not finite")
        if white == 1 and image.max() > MAX_VALUE:
            raise ValueError(
                f"the values reach {image.max():g}, but white is 1: divide them by their white"
            )
        floats = image.astype(np.float32).reshape(*image.shape[:2], -1) / np.float32(white)
        denoised = np.concatenate(list(self.bands(floats, strength, ensemble)))
        result = denoised if white == 1 else to_pixels(denoised, image.dtype)
        return result.astype(image.dtype).reshape(image.shape)

    def bands(
        self,
        image: Float32,
        strength: float = 1.0,
        ensemble: bool = False,
        progress: Progress = lambda _: None,
    ) -> Iterator[Float32]:
        """Yields the denoised image in bands of rows from top to bottom, in [0, 1].

        The image has shape (height, width, 1 or 3), float32, in [0, 1] or with noise beyond. See
        `__call__` for the options and errors, and `tiles` for `progress`.
        """
        if not 0 <= strength <= 1:
            raise ValueError(f"the strength must be from 0 to 1, not {strength}")
        network = tiles.for_channels(self._run, self.channels)
        denoise = partial(mean_of_views, network=network) if ensemble else network
        if self.side and image.shape[:2] != (self.side, self.side):
            raise InputError(
                f"{self.model} denoises only images of {self.side}x{self.side} pixels: train a "
                "convolutional network, which denoises images of any size (model.kind=unet)"
            )
        top = 0
        for band in tiles.convolve(image, denoise, self.scale, self.radius, progress):
            rows = image[top : top + len(band)]
            top += len(band)
            mixed = band if strength == 1 else (1 - strength) * rows + strength * band
            yield np.clip(mixed, 0, 1, out=mixed)

    def _run(self, images: Float32) -> Float32:
        try:
            result = self.session.run(["denoised"], {"noisy": np.ascontiguousarray(images)})[0]
        except Exception as error:  # ONNX Runtime raises many types
            raise InputError(
                f"{self.model} failed ({error}): if memory is missing, use a smaller picture, or "
                "the CPU"
            ) from error
        return finite(result, self.model)

    def _start(self, path: Path, device: str) -> Any:
        """An InferenceSession of the file. Sets `warning`."""
        import onnxruntime  # takes 0.1 s

        options = onnxruntime.SessionOptions()
        options.log_severity_level = SEVERITY
        stated = re.match(r"\d+", os.environ.get("OMP_NUM_THREADS", ""))
        options.intra_op_num_threads = self.threads or int(stated[0] if stated else 0)
        built_for_gpu = GPU in onnxruntime.get_available_providers()
        problem = load_cuda(onnxruntime) if built_for_gpu and device != "cpu" else ""
        gpu = built_for_gpu and device != "cpu" and not problem
        providers = [(GPU, GPU_OPTIONS), CPU] if gpu else [CPU]
        try:
            session = onnxruntime.InferenceSession(path, options, providers)
        except Exception as error:  # ONNX Runtime raises many types
            raise InputError(
                f"{self.model} cannot be loaded: {error}; pass another model"
            ) from error
        if not built_for_gpu:
            problem = "the package onnxruntime is installed instead of onnxruntime-gpu"
        elif gpu and GPU not in session.get_providers():
            problem = "ONNX Runtime finds no NVIDIA GPU or driver"
        if problem and device == "gpu":
            raise InputError(f"the GPU cannot be used: {problem}; see docs/denoise.md")
        self.warning = f"the GPU is not used: {problem}" if problem and built_for_gpu else ""
        return session


def silence() -> None:
    """Silences ONNX Runtime in the whole process: for a program, not for a library."""
    import onnxruntime

    onnxruntime.set_default_logger_severity(SEVERITY)


def load_cuda(onnxruntime: Any) -> str:
    """Loads the CUDA libraries of ONNX Runtime; returns the error, '' if there is none.

    ONNX Runtime itself would use the CPU without a message.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # it prints which packages are missing
        onnxruntime.preload_dlls()  # of the packages of NVIDIA, which are not on the search path
    prefix, suffix = ("", ".dll") if sys.platform == "win32" else ("lib", ".so")
    try:
        for name in ("shared", "cuda"):
            file = f"{prefix}onnxruntime_providers_{name}{suffix}"
            library = Path(onnxruntime.__file__).parent / "capi" / file
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error)
    return ""
