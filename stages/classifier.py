"""Stage 9: trains a classifier on the clean training images, to judge denoised ones by."""

from typing import Annotated

from pydantic import Field

from stages import backend, files, params, trained
from stages.process import run


class Classifier(params.Section):
    """The section `classifier`."""

    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    seed: params.Seed


def main() -> None:
    section = params.read("classifier", Classifier)
    computing = params.read("train", backend.Backend)
    # Convolutions' gradients depend on the number of threads: the same few on any machine.
    device = backend.start(computing, threads=2)
    print(f"training the classifier on {device}", flush=True)
    import keras

    from denoiser import classifier, training

    images, labels = (
        files.NpyReader("data/split/x_train.npy"),
        files.load_npy("data/split/y_train.npy"),
    )
    classes = int(labels.max()) + 1
    keras.utils.set_random_seed(section.seed)
    model = classifier.build(images.shape[1], classes)
    training.compile_model(
        model,
        "adam",
        section.learning_rate,
        "sparse_categorical_crossentropy",
        steps_per_execution=1,
        xla=False,
    )
    batches = training.Batches(images, labels, section.batch_size, section.seed)
    model.fit(batches, epochs=section.epochs, shuffle=False, verbose=2)
    bare = classifier.build(images.shape[1], classes)  # without the optimizer's state
    bare.set_weights(model.get_weights())
    with files.replacing(trained.CLASSIFIER) as path:
        bare.save(path)
        path.write_bytes(training.strip_traces(path.read_bytes()))


if __name__ == "__main__":
    run(main)
