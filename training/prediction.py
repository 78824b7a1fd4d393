"""Denoises images with the trained Keras model."""

from typing import Any

from denoiser import ensemble
from denoiser.base.images import Network
from training.base import backend, keras_files


def start(model: Any, train: Any, runtime: Any, predict: Any) -> Network:
    """Starts Keras and loads the trained autoencoder; prints the device.

    The arguments are the sections of params.yaml of these names. The function that is returned
    maps images, shape (n, height, width, channels), float32, to denoised images in [0, 1].
    """
    portable = runtime.portable and backend.portable(model.kind, train.precision)
    print(f"predicting on {backend.start(runtime.backend, runtime.device, portable)}", flush=True)
    network = keras_files.load_model(keras_files.AUTOENCODER).predict_on_batch
    return ensemble.predictor(network, predict.ensemble, keras_files.AUTOENCODER)
