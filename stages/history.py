"""The losses of each epoch: printed, and kept where DVC's tools follow them."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dvclive import Live


class History:
    """What `train` tells people and DVC of its epochs; `patience` is that of params.yaml."""

    def __init__(self, live: "Live", epochs: int, patience: int | None) -> None:
        self.live, self.epochs, self.patience = live, epochs, patience
        self.losses: list[tuple[float, float]] = []
        self.started, self.first = time.monotonic(), 0

    def go_on(self, losses: list[tuple[float, float]]) -> None:
        """Takes the losses of the epochs before the last run was cut off."""
        for epoch in losses:
            self.log(*epoch)
        self.first = len(losses)
        print(f"going on after epoch {self.first}, where the last run was cut off", flush=True)

    def add(self, loss: float, val_loss: float) -> None:
        """Takes an epoch's losses."""
        epoch = len(self.losses) + 1
        pace = (time.monotonic() - self.started) / (epoch - self.first)
        minutes, seconds = divmod(round(pace * (self.epochs - epoch)), 60)
        most = "at most " if self.patience else ""
        print(
            f"epoch {epoch:3}/{self.epochs}  loss {loss:.4f}  val_loss {val_loss:.4f}  "
            f"{most}{minutes}:{seconds:02} left",
            flush=True,
        )
        self.log(loss, val_loss)

    def log(self, loss: float, val_loss: float) -> None:
        self.losses.append((loss, val_loss))
        self.live.step = len(self.losses)
        self.live.log_metric("loss", loss)
        self.live.log_metric("val_loss", val_loss)
        self.live.next_step()

    def kept(self) -> dict[str, float]:
        """The losses of the epoch whose weights are kept, which one that is, and how many ran."""
        epochs = best = len(self.losses)
        if self.patience is not None:
            best = min(range(1, epochs + 1), key=lambda epoch: self.losses[epoch - 1][1])
        loss, val_loss = self.losses[best - 1]
        counts = {"best_epoch": best, "epochs": epochs, "step": epochs}
        return {"loss": loss, "val_loss": val_loss, **counts}
