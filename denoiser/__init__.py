"""Denoises pictures with trained models: the command `denoise`, and the class `Denoiser`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from denoiser.model import Denoiser

__all__ = ["Denoiser"]
__version__ = "1.0.0"


def __getattr__(name: str) -> Any:
    """Imports `Denoiser` on first use, because the stages import this package without its model."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from denoiser import model

    return model.Denoiser
