"""scikit-learn's handwritten digits, scaled up to the size of Fashion-MNIST."""

import numpy as np
import numpy.typing as npt

UInt8 = npt.NDArray[np.uint8]


def load() -> dict[str, tuple[UInt8, UInt8]]:
    """Images (n, 784) and labels (n,), uint8; "test" has the last 360 of the 1,797 images."""
    from PIL import Image
    from sklearn.datasets import load_digits  # takes seconds; only needed here

    bunch = load_digits()
    small = (bunch.images * (255 / 16)).astype(np.uint8)
    # Pillow resizes integers in fixed-point arithmetic: the same bytes on every machine.
    large = [Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC) for image in small]
    images = np.stack([np.asarray(image) for image in large]).reshape(-1, 784)
    labels = bunch.target.astype(np.uint8)
    return {"train": (images[:-360], labels[:-360]), "test": (images[-360:], labels[-360:])}
