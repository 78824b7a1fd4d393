"""What Keras lacks for training that repeats to the bit: seeded batches, a traceless archive."""

import json
import zipfile
from typing import Any, BinaryIO

import keras
import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.float32]


class Batches(keras.utils.PyDataset):
    """Batches of (noisy, clean), in an order drawn from the seed and the epoch alone.

    Both arrays have shape (n, pixels) and may be memory-mapped. Without a seed, the batches
    come in the order of the rows. The last batch may be smaller.
    """

    def __init__(
        self, noisy: Images, clean: Images, batch_size: int, seed: int | None = None
    ) -> None:
        super().__init__()
        self.noisy, self.clean, self.batch_size, self.seed = noisy, clean, batch_size, seed
        self.epoch = -1
        self.order = np.arange(len(noisy))

    def on_epoch_begin(self) -> None:
        self.epoch += 1
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, self.epoch])
            self.order = rng.permutation(len(self.noisy))

    @property
    def num_batches(self) -> int:
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[Images, Images]:
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        return self.noisy[rows], self.clean[rows]


def strip_traces(archive: BinaryIO, stripped: BinaryIO) -> None:
    """Copies a .keras archive without what the process that made it left there.

    Keras writes the date, and as `shared_object_id` the memory addresses of objects, which are
    numbered here in the order of their first appearance instead.
    """
    numbers: dict[int, int] = {}

    def strip(node: dict[str, Any]) -> dict[str, Any]:
        node.pop("date_saved", None)
        if (address := node.get("shared_object_id")) is not None:
            node["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        return node

    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(stripped, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".json"):
                content = json.dumps(json.loads(content, object_hook=strip)).encode()
            new.writestr(zipfile.ZipInfo(name), content)  # ZipInfo's own date is fixed: 1980
