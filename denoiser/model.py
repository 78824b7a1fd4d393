"""Runs a trained model on images of any size."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from denoiser import tiles
from denoiser.errors import InputError
from denoiser.tiles import Float32, Network, Progress

DENOISER = "models/denoiser.onnx"
DEVICES = ("auto", "cpu", "gpu")  # auto: the GPU if there is one
GPU, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
# Of the GPU: full precision, and no measurement of algorithms for each new size of an image.
GPU_OPTIONS = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
SEVERITY = 4  # of messages that ONNX Runtime prints; 4: fatal errors


class Denoiser:
    """A trained model in an ONNX file, run by ONNX Runtime on a device: "auto", "cpu" or "gpu".

    `metadata` is the text that the file contains: `channels` (1 or 3), `noise` and `data` of the
    training, and `side`, of square images, or `scale` and `radius`, of images of any size (see
    `tiles.convolve`). Raises InputError if the file is missing or is not a denoiser, or if the
    device is "gpu" and ONNX Runtime finds none.
    """

    def __init__(self, path: str, device: str = "auto") -> None:
        if Path(path).suffix == ".keras":
            raise InputError(
                f"{path} is a model of Keras: run `dvc repro export`, which converts "
                f"models/autoencoder.keras, and pass {DENOISER}"
            )
        if not Path(path).is_file():
            raise InputError(f"{path}: no such model; run `dvc repro`, or pass another model")
        import onnxruntime  # takes 0.1 s; stages import this module for `predictor`

        onnxruntime.set_default_logger_severity(SEVERITY)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = SEVERITY
        gpu = device != "cpu" and GPU in onnxruntime.get_available_providers()
        providers = [(GPU, GPU_OPTIONS), CPU] if gpu else [CPU]
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers)
        except Exception as error:  # ONNX Runtime raises many types
            raise InputError(f"{path} cannot be loaded: {error}; pass another model") from error
        if device == "gpu" and GPU not in self.session.get_providers():
            raise InputError(
                "the device is 'gpu', but ONNX Runtime finds none: see docs/usage.md, or choose "
                "'auto'"
            )
        self.path = path
        self.metadata: dict[str, str] = self.session.get_modelmeta().custom_metadata_map
        try:
            self.channels = int(self.metadata["channels"])
            self.side = int(self.metadata.get("side", 0))
            if not self.side:
                self.scale, self.radius = (int(self.metadata[key]) for key in ("scale", "radius"))
            (noisy,), (denoised,) = self.session.get_inputs(), self.session.get_outputs()
            expected = 0, self.side, self.side, self.channels  # 0: any size
            sizes = zip(noisy.shape, expected, strict=True)
            fits = all(not isinstance(n, int) or size in (0, n) for n, size in sizes)
            if (noisy.name, denoised.name) != ("noisy", "denoised") or not fits:
                raise ValueError(f"its input is {noisy.name} {noisy.shape}")
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{path} is not a denoiser of this project (its input, output or metadata differ): "
                "pass another model"
            ) from error

    def __call__(
        self, image: Float32, average: bool = False, progress: Progress = lambda _: None
    ) -> Iterator[Float32]:
        """Denoises an image; yields bands of rows from top to bottom, not clipped.

        The image has shape (height, width, 1 or 3), float32, in [0, 1] or with noise beyond. With
        `average`, each tile is denoised by `ensemble`. See `tiles` for `progress`.
        """
        network = tiles.for_channels(self._run, self.channels)
        denoise = partial(ensemble, network=network) if average else network
        if self.side:
            return tiles.blend(image, denoise, self.side, progress)
        return tiles.convolve(image, denoise, self.scale, self.radius, progress)

    def _run(self, images: Float32) -> Float32:
        result = self.session.run(["denoised"], {"noisy": np.ascontiguousarray(images)})[0]
        return finite(result, self.path)


def finite(images: Float32, model: str) -> Float32:
    """The images, unless a value is NaN or infinite, which becomes an InputError."""
    if not np.isfinite(images).all():
        raise InputError(
            f"{model} computes values that are not finite: its training failed, or half precision "
            "is too small for such values; train it again, with train.precision=float32"
        )
    return images


def ensemble(images: Float32, network: Network) -> Float32:
    """The mean of the network's results over the eight flips and rotations of the images.

    Each result is rotated and flipped back before it is averaged (Timofte et al., "Seven ways to
    improve example-based single image super resolution", 2016). Images have shape
    (n, height, width, channels); unless they are square, `network` must accept both orientations.
    """
    total = np.zeros_like(images)
    for turns in range(4):
        for step in (1, -1):
            view = np.rot90(images, turns, axes=(1, 2))[:, :, ::step]
            result = network(np.ascontiguousarray(view))
            total += np.rot90(result[:, :, ::step], -turns, axes=(1, 2))
    total /= 8
    return total


def predictor(network: Network, average: bool, model: str) -> Network:
    """A function of images whose result is clipped to [0, 1]: `network`, or its `ensemble`.

    The function raises InputError, which names `model`, if the result is not finite.
    """
    denoise = partial(ensemble, network=network) if average else network
    return lambda images: np.clip(finite(denoise(images), model), 0, 1)
