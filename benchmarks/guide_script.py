"""The guide's code as one script: the cells of its Colab notebook in their order.

`python -m benchmarks.guide_script train.csv test.csv` runs the script; the guide passes Kaggle's
test CSV as train.csv. Differences to the notebook: no Google Drive, no seaborn, which only set a
style, and pictures are saved instead of shown.
"""

import sys
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split


def prepare(train_csv: str, test_csv: str) -> tuple[Any, Any, Any, Any]:
    """Reads the CSVs; returns x_train_noisy, x_train, x_val_noisy and x_val."""
    np.random.seed(42)  # noqa: NPY002 - as in the guide
    train = pd.read_csv(train_csv)
    pd.read_csv(test_csv)
    y_train: Any = train["label"]
    x_train: Any = train.drop(labels=["label"], axis=1)
    x_train = x_train.to_numpy()
    y_train = y_train.to_numpy()
    x_train = x_train.astype("float") / 255.0
    x_train, x_val, y_train, _ = train_test_split(x_train, y_train, test_size=0.2, random_state=42)
    x_train_noisy = x_train + np.random.rand(len(x_train), 784) * 0.9  # noqa: NPY002
    x_val_noisy = x_val + np.random.rand(len(x_val), 784) * 0.9  # noqa: NPY002
    x_train_noisy = np.clip(x_train_noisy, 0.0, 1.0)
    x_val_noisy = np.clip(x_val_noisy, 0.0, 1.0)
    return x_train_noisy, x_train, x_val_noisy, x_val


def network() -> Any:
    """The guide's network, compiled."""
    from tensorflow.keras.layers import Dense, Input
    from tensorflow.keras.models import Model

    input_image = Input(shape=(784,))
    encoded = Dense(512, activation="relu")(input_image)
    encoded = Dense(512, activation="relu")(encoded)
    encoded = Dense(256, activation="relu")(encoded)
    encoded = Dense(256, activation="relu")(encoded)
    encoded = Dense(64, activation="relu")(encoded)
    decoded = Dense(512, activation="relu")(encoded)
    decoded = Dense(784, activation="sigmoid")(decoded)
    autoencoder = Model(input_image, decoded)
    autoencoder.compile(loss="binary_crossentropy", optimizer="adam")
    return autoencoder


def main() -> None:
    x_train_noisy, x_train, x_val_noisy, x_val = prepare(*sys.argv[1:3])
    plot(x_train, "x_train")
    plot(x_train_noisy, "x_train_noisy")
    autoencoder = network()
    autoencoder.summary()
    history = autoencoder.fit(
        x_train_noisy,
        x_train,
        epochs=100,
        batch_size=128,
        shuffle=True,
        validation_data=(x_val_noisy, x_val),
    )
    preds = autoencoder.predict(x_val_noisy)
    plot(x_val, "x_val")
    plot(x_val_noisy, "x_val_noisy")
    plot(preds, "preds")
    plot_loss(history)


def plot(x: Any, name: str) -> None:
    """A row of ten images."""
    plt.figure(figsize=(20, 2))
    for i in range(10):
        plt.subplot(1, 10, i + 1)
        plt.imshow(x[i].reshape(28, 28), cmap="binary")
        plt.xticks([])
        plt.yticks([])
    plt.savefig(f"{name}.png")


def plot_loss(history: Any) -> None:
    """The curves of loss and val_loss."""
    _, ax = plt.subplots(figsize=(20, 10))
    ax.plot(history.history["loss"])
    ax.plot(history.history["val_loss"])
    plt.title("Model Loss")
    plt.ylabel("val_loss")
    plt.xlabel("loss")
    plt.legend(["Train", "Val"], loc="upper left")
    ax.grid(color="black")
    plt.savefig("loss.png")


if __name__ == "__main__":
    main()
