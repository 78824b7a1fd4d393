"""The optimizers of Keras by name, and the schedules of their learning rate."""

from typing import Any, TypeAlias

OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd")
SCHEDULES = {"constant": 1.0, "cosine": 0.0}  # the final fraction of the learning rate

Rate: TypeAlias = Any  # a float or a LearningRateSchedule of Keras


def optimizer(name: str, learning_rate: Rate, weight_decay: float | None) -> Any:
    """The optimizer of Keras; a `weight_decay` of None is the default of the optimizer."""
    import keras

    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    return type(keras.optimizers.get(name))(learning_rate=learning_rate, **decay)


def schedule(kind: str, learning_rate: float, warmup: int, steps: int) -> Rate:
    """A learning rate that follows one of SCHEDULES for a number of steps.

    In the first `warmup` steps it rises linearly from 0. Then it decays along a cosine to its final
    fraction at the last step (Loshchilov and Hutter, "SGDR", 2017), or remains constant.
    """
    import keras

    if kind == "constant" and not warmup:
        return learning_rate
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=SCHEDULES[kind],
        warmup_target=learning_rate if warmup else None,
        warmup_steps=warmup,
    )
