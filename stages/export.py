"""Writes the trained model as an ONNX file, which runs without TensorFlow."""

from pathlib import Path

from pipeline.base import params
from pipeline.base.noise import PAIRS
from training import onnx_export
from training.base import backend, keras_files


def main() -> None:
    source, data = params.read(params.Fetch).source, params.read(params.Load).train
    metadata = {
        "data": source if Path(data).parent == params.DATA_SET else data,
        "noise": describe(params.read(params.Noise)),
    }
    backend.start("tensorflow", "cpu")
    trained = keras_files.load_model(keras_files.AUTOENCODER)
    onnx_export.export_network(
        trained, dict(params.read(params.Model)), onnx_export.DENOISER, metadata
    )


def describe(noise: params.Noise) -> str:
    """The noise of the training images in words, such as "uniform 0.9"."""
    if noise.kind == PAIRS:
        return noise.kind
    amounts = noise.amount if isinstance(noise.amount, tuple) else (noise.amount,)
    text = f"{noise.kind} {' to '.join(f'{amount:g}' for amount in amounts)}"
    return text if noise.clip else f"{text}, not clipped"
