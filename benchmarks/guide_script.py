"""The guide's code as one script: the cells of its Colab notebook.

`python -m benchmarks.guide_script train.csv test.csv` runs the script; the guide passes Kaggle's
test CSV as train.csv. Differences to the notebook: no Google Drive, no seaborn, which only set a
style, and all pictures are drawn at the end and saved.
"""

import sys
from typing import Any

import numpy as np


def main(train_csv: str, test_csv: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd
    from sklearn.model_selection import train_test_split

    np.random.seed(42)  # noqa: NPY002 - as in the guide
    train = pd.read_csv(train_csv)
    pd.read_csv(test_csv)
    x: Any = train.drop(labels=["label"], axis=1).to_numpy().astype("float") / 255.0
    y = train["label"].to_numpy()
    x_train, x_val, _, _ = train_test_split(x, y, test_size=0.2, random_state=42)
    x_train_noisy, x_val_noisy = (
        np.clip(images + np.random.rand(len(images), 784) * 0.9, 0.0, 1.0)  # noqa: NPY002
        for images in (x_train, x_val)
    )
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
    pictures = {
        "x_train": x_train,
        "x_train_noisy": x_train_noisy,
        "x_val": x_val,
        "x_val_noisy": x_val_noisy,
        "preds": autoencoder.predict(x_val_noisy),
    }
    for name, images in pictures.items():
        plt.figure(figsize=(20, 2))
        for i in range(10):
            plt.subplot(1, 10, i + 1)
            plt.imshow(images[i].reshape(28, 28), cmap="binary")
            plt.xticks([])
            plt.yticks([])
        plt.savefig(f"{name}.png")
    _, ax = plt.subplots(figsize=(20, 10))
    ax.plot(history.history["loss"])
    ax.plot(history.history["val_loss"])
    ax.set(title="Model Loss", xlabel="loss", ylabel="val_loss")
    ax.legend(["Train", "Val"], loc="upper left")
    ax.grid(color="black")
    plt.savefig("loss.png")


def network() -> Any:
    """The guide's network, compiled."""
    from tensorflow.keras.layers import Dense, Input
    from tensorflow.keras.models import Model

    input_image = layer = Input(shape=(784,))
    for units in (512, 512, 256, 256, 64, 512):
        layer = Dense(units, activation="relu")(layer)
    autoencoder = Model(input_image, Dense(784, activation="sigmoid")(layer))
    autoencoder.compile(loss="binary_crossentropy", optimizer="adam")
    return autoencoder


if __name__ == "__main__":
    main(*sys.argv[1:3])
