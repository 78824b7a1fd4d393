"""Prints the losses of each epoch and logs them with DVCLive."""

import time
from collections.abc import Iterable


class EpochLog:
    """The losses of a training of at most `epochs` epochs; `patience` is that of params.yaml.

    They are printed, and logged unless `folder` is None.
    DVCLive's Keras callback would rename the metrics, and cannot resume at a checkpoint.
    """

    def __init__(self, folder: str | None, epochs: int, patience: int | None) -> None:
        self.live = None
        if folder is not None:
            from dvclive import Live  # imports pandas, which must come after Keras

            self.live = Live(folder, save_dvc_exp=False, dvcyaml=None)
        self.epochs, self.patience = epochs, patience
        self.losses: list[tuple[float, float]] = []
        self.started, self.resumed_at = time.monotonic(), 0

    def resume(self, losses: Iterable[tuple[float, float]]) -> None:
        """Logs the losses of the epochs before the interruption."""
        for epoch in losses:
            self._log(*epoch)
        self.resumed_at = len(self.losses)
        print(f"resuming after epoch {self.resumed_at}", flush=True)

    def add(self, loss: float, val_loss: float) -> None:
        """Prints and logs the losses of the next epoch."""
        self._log(loss, val_loss)
        epoch = len(self.losses)
        seconds_per_epoch = (time.monotonic() - self.started) / (epoch - self.resumed_at)
        minutes, seconds = divmod(round(seconds_per_epoch * (self.epochs - epoch)), 60)
        left = f"{'at most ' if self.patience else ''}{minutes}:{seconds:02} left"
        losses = f"loss {loss:.4f}  val_loss {val_loss:.4f}"
        print(f"epoch {epoch:3}/{self.epochs}  {losses}  {left}", flush=True)

    def end(self) -> None:
        """Writes the metrics of the epoch whose weights are kept, and the number of epochs."""
        if self.live is None:
            return
        epochs = best = len(self.losses)
        if self.patience is not None:
            best = min(range(1, epochs + 1), key=lambda epoch: self.losses[epoch - 1][1])
        loss, val_loss = self.losses[best - 1]
        counts = {"best_epoch": best, "epochs": epochs, "step": epochs}
        self.live.summary = {"loss": loss, "val_loss": val_loss, **counts}
        # Without `with Live(…)`: after Ctrl-C it would wait for its threads, perhaps forever.
        self.live.end()

    def _log(self, loss: float, val_loss: float) -> None:
        self.losses.append((loss, val_loss))
        if self.live is None:
            return
        self.live.step = len(self.losses)
        self.live.log_metric("loss", loss)
        self.live.log_metric("val_loss", val_loss)
        self.live.next_step()
