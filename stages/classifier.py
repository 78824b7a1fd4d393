"""Trains a classifier on the clean images; the stage `classify` applies it to denoised ones.

The model file is empty if the images have no labels or all the same label.
"""

import numpy as np

from pipeline.base import files, params
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files
from pipeline.schema.classifier_params import Classifier


def main() -> None:
    section = params.read("classifier", Classifier)
    labels = files.load_npy("data/split/y_train.npy")
    if labels.min() == labels.max():
        print("no classifier is trained: the images have no labels, or all the same", flush=True)
        with files.atomic_write(model_files.CLASSIFIER) as path:
            path.touch()
        return
    # The gradients of convolutions depend on the number of threads: use two on any machine.
    print(f"training the classifier on {backend.start(threads=2)}", flush=True)
    import keras

    from denoiser import classifier_model, training
    from denoiser.blocks import Blocks, to_tf_dataset

    images = files.NpyReader("data/split/x_train.npy")
    # `compile_model` requires targets of the shape of the output.
    one_hot = np.eye(int(labels.max()) + 1, dtype=np.float32)[labels]
    keras.utils.set_random_seed(section.seed)
    network = classifier_model.build(images.shape[1], one_hot.shape[1])
    # The number of steps per block affects the speed, but not the result.
    blocks = Blocks(images, one_hot, batch_size=section.batch_size, steps=25, seed=section.seed)
    steps = section.epochs * blocks.steps_per_epoch
    rate = training.schedule("cosine", section.learning_rate, 0, steps)
    model = training.compile_model(network, "adam", rate, "categorical_crossentropy", xla=False)
    model.fit(to_tf_dataset(blocks), epochs=section.epochs, shuffle=False, verbose=2)
    model_files.save_model(network, model_files.CLASSIFIER)


if __name__ == "__main__":
    run_stage(main, keep_memory=False)
