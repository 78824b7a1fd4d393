"""Trains a classifier on the clean images; the stage `classify` applies it to denoised ones.

The model file is empty if the images have no labels or all the same label.
"""

from typing import Any

import numpy as np

from denoiser.base.errors import InputError
from denoiser.base.files import atomic_write
from pipeline.base import npy, params
from training import optimizers
from training.base import backend, keras_files, networks


def main() -> None:
    section, runtime = params.read(params.Classifier), params.read(params.Runtime)
    labels = npy.open_npy("data/split/y_train.npy")
    if labels.min() == labels.max():
        print("no classifier is trained: the images have no labels, or all the same", flush=True)
        with atomic_write(keras_files.CLASSIFIER) as path:
            path.touch()
        return
    # The gradients of convolutions depend on the number of threads: use two on any machine.
    device = backend.start(runtime.backend, runtime.device, runtime.portable, threads=2)
    print(f"training the classifier on {device}", flush=True)
    import keras

    from training import fit, loops

    images = npy.open_npy("data/split/x_train.npy")
    # `compile_model` requires targets of the shape of the output.
    one_hot = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
    keras.utils.set_random_seed(section.seed)
    network = networks.classifier(images.shape[1:], one_hot.shape[1])
    steps = section.epochs * -(-len(images) // section.batch_size)
    rate = optimizers.schedule("cosine", section.learning_rate, 0, steps)
    model = fit.compile_model(network, "adam", rate, "categorical_crossentropy")
    memory, xla = (0, False) if device == "CPU" else (backend.resident_bytes(), True)
    settings: Any = {"batch_size": section.batch_size, "seed": section.seed}
    train = loops.Loop(model, images, one_hot, **settings, memory=memory, xla=xla)
    losses = [train(epoch) for epoch in range(section.epochs)]
    print(f"losses of the epochs: {losses}", flush=True)
    if not np.isfinite(losses).all():
        raise InputError(
            f"{params.FILE}: with classifier.learning_rate {section.learning_rate}, the loss of "
            "the classifier is no longer finite: lower it"
        )
    keras_files.save_model(network, keras_files.CLASSIFIER)
