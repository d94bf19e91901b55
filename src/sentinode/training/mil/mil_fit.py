"""Fitting an aggregator to bags of which only the slide's class is known.

Everything is a function of the seed, the epoch, the bags and the number of torch's threads, by which sums are split.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sentinode.core.errors import DataError, TrainingError
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.models.engines.torch_engine import cpu_threads
from sentinode.models.mil.aggregators.aggregator import Aggregated, Aggregator, Criterion
from sentinode.models.mil.aggregators.table import build_aggregator
from sentinode.models.mil.bag_view import BagView, check_bag, chunks, mean_bag
from sentinode.training.mil.bag_batches import BagBatches, standardisation
from sentinode.training.mil.bag_validation import held_out
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.mil_start import start_of

_GRADIENT = 1.0  # largest norm: a few odd bags must not throw a fit off


class EpochLosses(NamedTuple):
    """One epoch; of the validation slides None where there are none."""

    train: float
    """Mean over its steps, dropout and all that a method adds included."""
    validation: float | None
    """Of the logits of whole bags."""


class SlideLook(NamedTuple):
    """What an aggregator says of a slide."""

    logits: NDArray[np.float64]
    """(C,)"""
    attention: NDArray[np.float64]
    """(N,), at least 0, 1 in sum."""
    instance: NDArray[np.float64] | None
    """(N,) logits of the tiles, where the method has them."""


@dataclass(frozen=True)
class FittedAggregator:
    """An aggregator in evaluation mode, with the weights of the epoch that was kept."""

    aggregator: Aggregator
    epochs: int
    """How many were run."""
    best_epoch: int
    """Whose weights were kept, counted from 1."""
    history: list[EpochLosses]
    validation: NDArray[np.int64]
    """Rows of the bags that early stopping was judged by."""

    def logits(self, bag: BagView) -> NDArray[np.float64]:
        """(C,)

        Raises:
            DataError: The bag is empty, of another width or not finite.
        """
        return self.look(bag).logits

    def look(self, bag: BagView) -> SlideLook:
        """Logits, attention and the tiles' logits of a whole bag, whose features become float32 a part at a time.

        Raises:
            DataError: The bag is empty, of another width or not finite.
        """
        check_bag(bag, self.aggregator.dim)
        with torch.inference_mode():
            found = _aggregated(self.aggregator, bag)
        attention = found.attention[0].double().numpy()
        if self.aggregator.config.pools_first:
            attention = np.full(len(bag), 1 / len(bag))
        instance = None if found.instance is None else found.instance[0].double().numpy()
        return SlideLook(found.logits[0].double().numpy(), attention, instance)


def fit_aggregator(
    config: MilConfig,
    bags: Sequence[BagView],
    targets: NDArray[np.int64],
    patients: Sequence[str],
    *,
    classes: int,
    seed: int,
    threads: int | None = None,
    progress: Progress = SILENT,
) -> FittedAggregator:
    """Fit an aggregator, its validation slides taken from the same bags by patient.

    Args:
        config: What and how.
        bags: n bags of features of one kind.
        targets: (n,) class of each slide; more than two are ordered.
        patients: (n,) whose the slides are.
        classes: How many classes there are; C = classes − 1.
        seed: Of first weights, order, sampling and dropout.
        threads: CPU threads; None: as torch has them. Where others use the machine, one is much faster than all.
        progress: Where to show how far it is.

    Raises:
        DataError: No bags, lengths that do not match, an empty bag, features that are not finite or differ in length,
            fewer than two classes, or a class of one patient; or other features than those of `mil.start`.
        BundleError, RecipeError: `mil.start` can't be begun with.
        TrainingError: The loss is not finite.
    """
    dim = _check(bags, targets, patients, classes)
    used: list[BagView] = [mean_bag(bag) for bag in bags] if config.pools_first else list(bags)
    outside = held_out(targets, patients, config.validation, seed) if config.validation else np.zeros(len(bags), bool)
    inside = np.flatnonzero(~outside)
    learned, judged = [used[row] for row in inside], np.flatnonzero(outside)
    batches = BagBatches(
        learned,
        targets[inside],
        batch_size=config.batch_size,
        instances=config.instances,
        instance_dropout=0.0 if config.pools_first else config.instance_dropout,
        seed=seed,
    )
    criterion = _criterion(targets[inside], classes, balanced=config.class_weight == "balanced")
    with torch.random.fork_rng(devices=[]), cpu_threads(threads):
        torch.manual_seed(seed)
        aggregator = _first(config, dim, classes, learned, seed, start_of(config, bags, classes))
        fit = _Fit(config, aggregator, batches, [used[row] for row in judged], targets[judged], criterion, seed)
        history = fit.run(progress)
    return FittedAggregator(fit.best.eval(), len(history), fit.best_epoch, history, judged)


class _Fit:
    """The epochs of one fit, and the best of them so far."""

    def __init__(
        self,
        config: MilConfig,
        aggregator: Aggregator,
        batches: BagBatches,
        judged: Sequence[BagView],
        targets: NDArray[np.int64],
        criterion: Criterion,
        seed: int,
    ) -> None:
        """Args: `judged` and their `targets` are the validation slides, of which there may be none."""
        self.best = aggregator
        self.best_epoch = 0
        self._config = config
        self._aggregator = aggregator
        self._batches = batches
        self._judged = judged
        self._targets = torch.from_numpy(targets)
        self._criterion = criterion
        self._seed = seed
        self._optimizer = torch.optim.AdamW(
            aggregator.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    def run(self, progress: Progress) -> list[EpochLosses]:
        """Fit until the last epoch, or until validation has not become better for long."""
        history: list[EpochLosses] = []
        least = np.inf
        with progress.bar(self._config.method, self._config.epochs, "epochs") as advance:
            for epoch in range(1, self._config.epochs + 1):
                history.append(EpochLosses(self._train(epoch), self._validate()))
                validation = history[-1].validation
                if validation is None or validation < least:
                    least = np.inf if validation is None else validation
                    self.best, self.best_epoch = copy.deepcopy(self._aggregator), epoch
                advance(note=f"loss {history[-1].train:.3f}")
                if validation is not None and epoch - self.best_epoch >= self._config.patience:
                    break
        return history

    def _train(self, epoch: int) -> float:
        torch.manual_seed(int(np.random.SeedSequence([self._seed, epoch]).generate_state(1)[0]))  # dropout's
        self._aggregator.train()
        losses = []
        for batch in self._batches.epoch(epoch):
            loss = self._aggregator.loss(batch.features, batch.mask, batch.targets, self._criterion)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss of {self._config.method} is not finite in epoch {epoch}; lower mil.learning_rate = "
                    f"{self._config.learning_rate:g}"
                )
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._aggregator.parameters(), _GRADIENT)
            self._optimizer.step()
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _validate(self) -> float | None:
        if not self._judged:
            return None
        self._aggregator.eval()
        with torch.inference_mode():
            logits = torch.cat([_aggregated(self._aggregator, bag).logits for bag in self._judged])
            return float(self._criterion(logits, self._targets))


def _aggregated(aggregator: Aggregator, bag: BagView) -> Aggregated:
    """Of one whole bag; of one that is pooled first, of its mean."""
    view = mean_bag(bag) if aggregator.config.pools_first else bag
    hidden = torch.cat([aggregator.encode(torch.from_numpy(part)) for part in chunks(view)])
    return aggregator.whole(hidden)


def _first(
    config: MilConfig, dim: int, classes: int, bags: Sequence[BagView], seed: int, start: Aggregator | None
) -> Aggregator:
    """The aggregator that fitting begins with."""
    aggregator = build_aggregator(config.aggregator, dim, classes)
    if start is not None:
        if start.dim != dim:
            raise DataError(f"mil.start is of features of length {start.dim}, the bags have {dim}; compute them alike")
        aggregator.load_state_dict(start.state_dict())
        return aggregator
    centre, scale = standardisation(bags, seed)
    aggregator.centre.copy_(torch.from_numpy(centre))
    aggregator.scale.copy_(torch.from_numpy(scale))
    return aggregator


def _criterion(targets: NDArray[np.int64], classes: int, *, balanced: bool) -> Criterion:
    """Log loss of "above class c" for each c, summed; with ordered classes that of CORAL (Cao et al. 2020)."""
    weights = torch.ones(classes)
    if balanced:
        counts = np.bincount(targets, minlength=classes)
        present = (counts > 0).sum()
        weights = torch.from_numpy(len(targets) / (present * np.maximum(counts, 1))).float()
    steps = torch.arange(classes - 1)

    def criterion(logits: Tensor, labels: Tensor) -> Tensor:
        above = (labels[:, None] > steps).float()  # (B, C)
        losses = functional.binary_cross_entropy_with_logits(logits, above, reduction="none").sum(1)
        own = weights[labels]
        return (own * losses).sum() / own.sum()

    return criterion


def _check(bags: Sequence[BagView], targets: NDArray[np.int64], patients: Sequence[str], classes: int) -> int:
    """Refuse what nothing can be learned from; gives D."""
    if not bags or not len(bags) == len(targets) == len(patients):
        raise DataError(
            f"{plural(len(bags), 'bag')}, {plural(len(targets), 'label')} and {plural(len(patients), 'patient')}; give "
            "one label and one patient for each bag"
        )
    found = np.unique(targets)
    if len(found) < 2 or found[0] < 0 or found[-1] >= classes:
        raise DataError(
            f"slides of the classes {', '.join(map(str, found))}, where 0 to {classes - 1} are known; give slides of "
            "at least two of these"
        )
    dim = bags[0].features(slice(0, 1)).shape[1]
    for bag in bags:
        check_bag(bag, dim)
    return int(dim)
