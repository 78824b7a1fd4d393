"""A Keras model that trains on many batches in one call of its compiled function."""

from collections.abc import Callable
from typing import Any

import keras

Prepare = Callable[..., tuple[Any, ...]]


def arrays_only(_: Any, *arrays: Any) -> tuple[Any, ...]:
    """The arrays of a batch without its counters."""
    return arrays


class MultiStepModel(keras.Model):
    """A network that `fit` and `evaluate` call with a block of batches instead of one batch.

    The steps of a block of `Blocks` run in a loop on the device, so that the host is not involved
    in each of them. `prepare` maps the counters and the arrays of a training batch to the input and
    the target of the network, on the device. With `xla`, TensorFlow compiles the loop with XLA; JAX
    always does. With several devices, TensorFlow runs blocks of one step only, because
    `MirroredStrategy` cannot synchronize within a nested function.
    """

    def __init__(
        self, network: keras.Model, prepare: Prepare | None = None, xla: bool = True
    ) -> None:
        super().__init__(network.inputs, network.outputs, name=network.name)
        self.prepare, self.xla = prepare or arrays_only, xla

    def train_step(self, *state_and_block: Any) -> Any:
        return self._run(super().train_step, self.prepare, *state_and_block)

    def test_step(self, *state_and_block: Any) -> Any:
        return self._run(super().test_step, arrays_only, *state_and_block)

    def _maybe_symbolic_build(self, *_: Any, **__: Any) -> None:
        """Does nothing: `fit.compile_model` has created all variables.

        Keras would read a block to create them, and fail with several machines.
        """

    def _run(self, step: Callable[..., Any], prepare: Prepare, *state_and_block: Any) -> Any:
        """Runs a step on each batch of a block; returns the logs, and with JAX also the state."""
        if keras.backend.backend() == "jax":
            return _scan(step, prepare, *state_and_block)
        (block,) = state_and_block
        _while_loop(step, prepare, block, self.xla)
        return self.get_metrics_result()


def _scan(step: Callable[..., Any], prepare: Prepare, state: Any, block: Any) -> Any:
    import jax

    def run(state: Any, batch: Any) -> tuple[Any, Any]:
        logs, state = step(state, prepare(*batch))
        return state, logs

    batches = tuple(jax.numpy.moveaxis(array, 1, 0) for array in block)
    state, logs = jax.lax.scan(run, state, batches)
    return {name: values[-1] for name, values in logs.items()}, state


def _while_loop(step: Callable[..., Any], prepare: Prepare, block: Any, xla: bool) -> None:
    """Runs the steps in a loop of TensorFlow, or with several devices a single step."""
    import tensorflow as tf

    if tf.distribute.has_strategy():
        step(prepare(*(array[:, 0] for array in block)))
        return
    steps = tf.shape(block[0])[1]

    def prepared(index: Any) -> tuple[Any, ...]:
        return prepare(*(array[:, index] for array in block))

    # Outside of XLA, which is slower on a CPU (benchmarks/README.md) and lacks Poisson numbers.
    if prepare is arrays_only:
        batches, axis = block[1:], 1
    else:
        types = tf.float32, tf.float32
        batches, axis = tf.map_fn(prepared, tf.range(steps), fn_output_signature=types), 0

    @tf.function(jit_compile=xla, autograph=False)  # type: ignore[untyped-decorator]
    def loop(steps: Any, batches: Any) -> None:
        def body(index: Any) -> tuple[Any]:
            step(tuple(tf.gather(array, index, axis=axis) for array in batches))
            return (index + 1,)

        tf.while_loop(lambda index: index < steps, body, [0], parallel_iterations=1)

    loop(steps, batches)
