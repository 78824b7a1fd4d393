"""Loads a trained Keras model, for the stages after its training."""

from typing import TYPE_CHECKING

from stages.errors import StageError

if TYPE_CHECKING:
    import keras

DENOISER = "models/autoencoder.keras"
CLASSIFIER = "models/classifier.keras"
BATCH = 1000  # images; another number may round differently


def load(path: str) -> "keras.Model":
    """The model, not compiled; after `backend.start`. Raises StageError if it is not one."""
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many kinds; code in a Lambda layer is a ValueError
        raise StageError(f"{path} cannot be loaded: {error}") from error
