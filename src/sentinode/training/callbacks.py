"""What happens around the epochs: the log, the checkpoints, the progress bar, early stopping's memory."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from sentinode.core.csv_output import write_csv
from sentinode.core.files import atomic_file
from sentinode.core.progress import Advance
from sentinode.training.classifier import PatchClassifier
from sentinode.training.lightning import Callback, LightningModule, TorchCheckpointIO, Trainer
from sentinode.training.training_config import TrainingConfig

LOG_COLUMNS = ("epoch", "learning_rate", "train_loss", "validation_loss", "validation_auc", "validation_accuracy")
LAST = "last.ckpt"
BEST = "best.safetensors"


def best_epoch(rows: Sequence[Mapping[str, float]], config: TrainingConfig) -> int:
    """The epoch, counted from 1, with the best monitored figure; the first of equals."""
    sign = -1.0 if config.monitor == "loss" else 1.0
    return int(max(rows, key=lambda row: (sign * row[f"validation_{config.monitor}"], -row["epoch"]))["epoch"])


def is_over(rows: Sequence[Mapping[str, float]], config: TrainingConfig) -> bool:
    """Whether a run with this log has nothing left to train: all epochs done, or stopped early.

    Told from the log alone, so that a run killed right after its last epoch is not trained further when resumed.
    """
    if not rows:
        return False
    waited = int(rows[-1]["epoch"]) - best_epoch(rows, config)
    return len(rows) >= config.epochs or (config.stop_after > 0 and waited >= config.stop_after)


class AtomicCheckpoints(TorchCheckpointIO):
    """A checkpoint is there whole or not at all, and is read as tensors and plain values only: no pickled code."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write under a temporary name, flush, rename."""
        del storage_options
        with atomic_file(Path(path)) as temporary, temporary.open("wb") as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:
                # At a full disk torch hides the file's own error, which says so, behind one of its writer's.
                if isinstance(error.__context__, OSError):
                    raise error.__context__ from None
                raise

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        """Read with `weights_only=True`, whatever was asked."""
        del weights_only
        loaded: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        return loaded


class RunLog(Callback):
    """Keeps `log.csv`, `checkpoints/last.ckpt` and `checkpoints/best.safetensors`, after every epoch.

    The rows are part of the checkpoint, and `log.csv` is written from them: a run killed between the two goes on with
    a log that fits its weights. Times are kept out of the log, in `timings.csv`, so that a resumed run's log is the
    same as an uninterrupted one's.
    """

    def __init__(self, folder: Path, config: TrainingConfig) -> None:
        super().__init__()
        self._folder = folder
        self._config = config
        self.rows: list[dict[str, float]] = []
        self._started = 0.0
        self._rate = 0.0

    def state_dict(self) -> dict[str, Any]:
        """What goes into the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What came out of the checkpoint that a run is resumed from."""
        self.rows = list(state_dict["rows"])

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Start the epoch's clock and note its learning rate."""
        del pl_module, batch
        # Not on_train_epoch_start: Lightning leaves that out for the first epoch of a resumed run.
        if batch_idx == 0:
            self._started = time.monotonic()
            self._rate = float(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the epoch's row; write what changed."""
        figures = {name: float(trainer.callback_metrics[name]) for name in LOG_COLUMNS[2:]}
        self.rows.append({"epoch": trainer.current_epoch + 1, "learning_rate": self._rate, **figures})
        if trainer.is_global_zero:
            assert isinstance(pl_module, PatchClassifier)
            if best_epoch(self.rows, self._config) == trainer.current_epoch + 1:
                self._save_best(pl_module)
            self._append_timing(trainer)
        trainer.should_stop = is_over(self.rows, self._config)

    def write(self) -> None:
        """Write `log.csv`."""
        rows = ([row[k] if k == "epoch" else f"{row[k]:.8g}" for k in LOG_COLUMNS] for row in self.rows)
        write_csv(self._folder / "log.csv", LOG_COLUMNS, rows)

    def _save_best(self, classifier: PatchClassifier) -> None:
        state = {
            name: value.detach().cpu().contiguous() for name, value in classifier.kept_network.state_dict().items()
        }
        with atomic_file(self._folder / "checkpoints" / BEST) as temporary:
            temporary.write_bytes(save(state))  # save_file's error at a full disk is none of Python's own

    def _append_timing(self, trainer: Trainer) -> None:
        seconds = time.monotonic() - self._started
        path = self._folder / "timings.csv"
        header = "" if path.exists() else "epoch,seconds_with_validation\n"
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{header}{trainer.current_epoch + 1},{seconds:.1f}\n")


class LastCheckpoint(Callback):
    """Saves the whole state once every callback has done its part of the epoch, then writes the log that fits it."""

    def __init__(self, folder: Path, log: RunLog) -> None:
        super().__init__()
        self._path = folder / "checkpoints" / LAST
        self._log = log

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save; the log after the checkpoint, because it can be rewritten from it and not the other way round."""
        del pl_module
        trainer.save_checkpoint(self._path)
        if trainer.is_global_zero:
            self._log.write()


class EarlyEnd(Callback):
    """Ends the training after an epoch when somebody who saw its log says so; comes after the checkpoint."""

    def __init__(self, log: RunLog, stop: Callable[[Sequence[dict[str, float]]], bool]) -> None:
        super().__init__()
        self._log = log
        self._stop = stop

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ask, unless the training is over anyway."""
        del pl_module
        trainer.should_stop = trainer.should_stop or self._stop(self._log.rows)


class Bar(Callback):
    """Shows steps, loss and the last validation figure."""

    def __init__(self, advance: Advance, config: TrainingConfig) -> None:
        super().__init__()
        self._advance: Callable[..., None] = advance
        self._batch_size = config.batch_size * config.devices
        self._monitor = config.monitor
        self._note = ""

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Advance by a batch; the loss is read now and then only, because reading it waits for the device."""
        del pl_module, batch
        if batch_idx % 10 == 0:
            figure = trainer.callback_metrics.get(f"validation_{self._monitor}")
            validation = f"  validation {self._monitor} {float(figure):.4f}" if figure is not None else ""
            self._note = f"epoch {trainer.current_epoch + 1}  loss {float(outputs['loss']):.4f}{validation}"
        self._advance(self._batch_size, note=self._note)
