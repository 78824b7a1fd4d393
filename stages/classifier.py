"""Trains a classifier on the clean images; the stage `classify` applies it to denoised ones."""

from pipeline.base import files, params
from pipeline.base.process import run_stage
from pipeline.keras_runtime import backend, model_files
from pipeline.schema.classifier_params import Classifier


def main() -> None:
    section = params.read("classifier", Classifier)
    # The gradients of convolutions depend on the number of threads: use two on any machine.
    print(f"training the classifier on {backend.start(threads=2)}", flush=True)
    import keras

    from denoiser import classifier_model, training

    images = files.NpyReader("data/split/x_train.npy")
    labels = files.load_npy("data/split/y_train.npy")
    pixels, classes = images.shape[1], int(labels.max()) + 1
    keras.utils.set_random_seed(section.seed)
    model = classifier_model.build(pixels, classes)
    loss = "sparse_categorical_crossentropy"
    training.compile_model(model, "adam", section.learning_rate, loss, 1, xla=False)
    batches = training.Batches(images, labels, section.batch_size, section.seed)
    model.fit(batches, epochs=section.epochs, shuffle=False, verbose=2)
    trained = classifier_model.build(pixels, classes)  # without the state of the optimizer
    trained.set_weights(model.get_weights())
    model_files.save_model(trained, model_files.CLASSIFIER)


if __name__ == "__main__":
    run_stage(main)
