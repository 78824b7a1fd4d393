"""Random numbers drawn on the device that trains."""

from typing import Any

import keras
import numpy as np
from keras import ops


class DeviceGenerator(keras.random.SeedGenerator):
    """The methods of NumPy's Generator that noise.py and augment.py use, with `keras.random`.

    The numbers depend only on the seed, the counter (an integer tensor) and the number of draws
    before: the generators of `keras.random` are counter-based (Salmon et al., "Parallel random
    numbers: as easy as 1, 2, 3", 2011). Unlike the base class, it has no variable.
    """

    def __init__(self, seed: int, counter: Any) -> None:
        self.seed, self.counter, self.draws = seed, counter, 0

    def next(self, ordered: bool = True) -> Any:  # noqa: ARG002  (keras.random calls it)
        """The key of the next draw, a tensor of two integers."""
        sequence = np.random.SeedSequence([self.seed, *b"batch", self.draws])
        self.draws += 1
        key = ops.stack([int(sequence.generate_state(1)[0] >> 1), ops.cast(self.counter, "int32")])
        return ops.cast(key, "uint32") if keras.backend.backend() == "jax" else key

    def random(self, size: Any, dtype: Any = None) -> Any:
        return keras.random.uniform(size, dtype=dtype, seed=self)

    def uniform(self, low: float, high: float, size: Any) -> Any:
        return keras.random.uniform(size, low, high, seed=self)

    def standard_normal(self, size: Any, dtype: Any = None) -> Any:
        return keras.random.normal(size, dtype=dtype, seed=self)

    def integers(self, low: int, high: int, size: Any) -> Any:
        return keras.random.randint(size, low, high, seed=self)

    def poisson(self, rates: Any) -> Any:
        """Poisson numbers, float32, of the same shape as the rates."""
        if keras.backend.backend() == "jax":
            import jax

            return ops.cast(jax.random.poisson(self.next(), rates), "float32")
        import tensorflow as tf

        return tf.random.stateless_poisson(ops.shape(rates), self.next(), rates, tf.float32)
