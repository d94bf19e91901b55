"""The Lightning module: a network, its preprocessing and augmentation, a loss, and what validation measures."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from sentinode.core.errors import TrainingError
from sentinode.metrics.measures.multiclass import accuracy_argmax, macro_auc
from sentinode.models.networks.network import Network
from sentinode.models.networks.network_stages import freeze
from sentinode.models.preprocessing import Preprocessing
from sentinode.training.appearances import Appearances
from sentinode.training.augmentation import Augmentation
from sentinode.training.distillation import UNLABELLED, Teacher, distillation_loss
from sentinode.training.lightning import LightningModule
from sentinode.training.schedules import build_optimizer, build_plateau, build_schedule
from sentinode.training.training_config import TrainingConfig


class PatchClassifier(LightningModule):
    """Fits a network to labelled uint8 tiles.

    Logged after each epoch: `train_loss`, `validation_loss`, `validation_auc` (macro one-vs-rest when there are more
    than two classes) and `validation_accuracy`, of the averaged weights where an average is kept.
    """

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        loss: nn.Module,
        config: TrainingConfig,
        *,
        trainable: Sequence[str],
        head_first_epochs: int,
        steps_per_epoch: int,
        seed: int,
        training_size: int | None = None,
        appearances: Appearances | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        super().__init__()
        # On a CPU and on a GPU alike the convolutions are faster on channels-last tensors: no copies between layouts.
        self.network: Network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.training_preprocessing = preprocessing.at(training_size or preprocessing.input_size)
        self.augmentation = Augmentation(config.augmentation, appearances)
        self.loss = loss
        self.config = config
        self.average = (
            AveragedModel(network, multi_avg_fn=_warm_average(config.average_decay)) if config.average_decay else None
        )
        self._teacher = (teacher,)  # in a tuple, so that its weights are no part of the checkpoints
        self._trainable = trainable
        self._head_first_epochs = head_first_epochs
        self._steps_per_epoch = steps_per_epoch
        self._seed = seed
        self._train_losses: list[Tensor] = []
        self._validation: list[tuple[Tensor, Tensor]] = []
        self._plateau: Any = None
        self._plateau_state: dict[str, Any] | None = None

    @property
    def kept_network(self) -> Network:
        """The network whose weights are validated and kept: the average where there is one."""
        return self.network if self.average is None else cast(Network, self.average.module)

    def configure_optimizers(self) -> Any:
        """Called by Lightning once, before the first epoch."""
        freeze(self.network, self._trainable)
        optimizer = build_optimizer(self.network, self.network.head_name, self.config)
        self._plateau = build_plateau(optimizer, self.config)
        if self._plateau and self._plateau_state:
            self._plateau.load_state_dict(self._plateau_state)
        schedule = build_schedule(optimizer, self.config, self._steps_per_epoch)
        if schedule is None:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the plateau's state.

        Lightning would step a plateau after the epoch's checkpoint is written, and so forget that step in a resumed
        run. Here the module steps it, before.
        """
        if self._plateau:
            checkpoint["plateau"] = self._plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Called before the optimiser is made; `configure_optimizers` takes the state up."""
        self._plateau_state = checkpoint.get("plateau")

    def on_train_batch_start(self, _batch: Any, batch_idx: int) -> None:
        """Before an epoch's first batch, seed its augmentation and dropout, and unfreeze what was held back.

        Not in `on_train_epoch_start`: Lightning leaves that out for the first epoch of a resumed run.
        """
        if batch_idx:
            return
        epoch = self.current_epoch
        torch.manual_seed(np.random.SeedSequence([self._seed, epoch, self.global_rank]).generate_state(1)[0].item())
        if self._head_first_epochs:
            head_alone = epoch < self._head_first_epochs
            freeze(self.network, self.network.fresh if head_alone else self._trainable)
        self._train_losses = []

    def on_fit_start(self) -> None:
        """Bring the teacher to where the network is."""
        if self._teacher[0] is not None:
            self._teacher[0].to(self.device)

    def training_step(self, batch: tuple[Tensor, ...], _batch_index: int) -> Tensor:
        """One step on ((N, H, W, 3) uint8, (N,) int64) and the appearances (N,) int64, where they are known."""
        tiles, labels, *appearance = batch
        # Half precision has too few digits for pixels, and its products are of another type than what they go into.
        with torch.autocast(tiles.device.type, enabled=False):
            images = self.augmentation(tiles, *appearance)
        others, share = labels, 1.0
        if self.config.augmentation.mixup:
            images, others, share = _mixed(images, labels, self.config.augmentation.mixup)
        with torch.autocast(tiles.device.type, enabled=False):
            seen = self.training_preprocessing(images)
        logits, _ = self.network(seen)
        loss = share * self._labels_loss(logits, labels)
        if share < 1:
            loss = loss + (1 - share) * self._labels_loss(logits, others)
        if self._teacher[0] is not None:
            config = self.config
            taught = distillation_loss(logits, self._teacher[0](images), config.teacher_temperature)
            loss = (1 - config.teacher_weight) * loss + config.teacher_weight * taught
        self._train_losses.append(loss.detach())
        return loss

    def _labels_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self._teacher[0] is None:
            return cast(Tensor, self.loss(logits, labels))
        if self.config.teacher_weight == 1:
            return logits.new_zeros(())
        known = labels != UNLABELLED
        # A batch without any label has no such loss, and must not make the mean of nothing, which is not a number.
        return cast(Tensor, self.loss(logits[known], labels[known])) if known.any() else logits.new_zeros(())

    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average towards the weights that the step has just reached."""
        if self.average is not None:
            self.average.update_parameters(self.network)

    def validation_step(self, batch: tuple[Tensor, ...], _batch_index: int) -> None:
        """Keep the logits of ((N, H, W, 3) uint8, (N,) int64), not augmented."""
        tiles, labels = batch
        logits, _ = self.kept_network(self.preprocessing(tiles))
        self._validation.append((logits.float(), labels))

    def on_validation_epoch_end(self) -> None:
        """Compute and log the epoch's figures."""
        logits, labels = (torch.cat(part) for part in zip(*self._validation, strict=True))
        self._validation = []
        loss = self.loss(logits, labels).item()
        scores = logits_to_probabilities(logits).cpu().numpy()
        truth = labels.cpu().numpy()
        figures = {
            "train_loss": self._mean_train_loss(),
            "validation_loss": loss,
            "validation_auc": macro_auc(truth, scores),
            "validation_accuracy": accuracy_argmax(truth, scores),
        }
        if not np.isfinite(loss) or not np.isfinite(figures["train_loss"]):
            message = (
                f"the loss is no longer finite in epoch {self.current_epoch + 1}; lower training.learning_rate"
                f" (now {self.config.learning_rate}) or set training.gradient_clip"
            )
            raise TrainingError(message)
        if self._plateau:
            self._plateau.step(figures[f"validation_{self.config.monitor}"])
        self.log_dict(figures)

    def _mean_train_loss(self) -> float:
        losses = torch.stack(self._train_losses)
        if self.trainer.world_size > 1:
            losses = self.all_gather(losses)  # type: ignore[assignment]
        return losses.mean().item()


def logits_to_probabilities(logits: Tensor) -> Tensor:
    """(N, classes) probabilities of softmax logits (N, classes), or of the one logit (N, 1) of the positive class."""
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    positive = logits.sigmoid()
    return torch.cat([1 - positive, positive], dim=1)


def _mixed(images: Tensor, labels: Tensor, strength: float) -> tuple[Tensor, Tensor, float]:
    """Images mixed with those of another order, the labels of these, and the first ones' share, at least a half."""
    share = torch.distributions.Beta(strength, strength).sample().item()
    share = max(share, 1 - share)
    order = torch.randperm(len(images), device=images.device)
    return torch.lerp(images[order], images, share), labels[order], share


def _warm_average(decay: float) -> Any:
    """An exponential moving average that starts fast, so that the first steps' poor weights are soon forgotten."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        steps = float(count)
        weight = 1 - min(decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(averaged, current, weight)

    return update
