"""The loop of pretraining: steps, probes, and checkpoints from which a killed run goes on to the same end.

The images of a step, and how its views are drawn, are functions of (seed, step) alone.
"""

import copy
import itertools
import math
import pickle
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from sentinode.core.errors import RecipeError, TrainingError
from sentinode.core.files import atomic_file
from sentinode.core.messages import plural
from sentinode.core.progress import Advance, Progress
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.networks.weights import load_weights
from sentinode.models.preprocessing import Preprocessing
from sentinode.training.batches import EpochOrder
from sentinode.training.callbacks import BEST, LAST, AtomicCheckpoints
from sentinode.training.network_fit import reuse_freed_memory
from sentinode.training.pretraining.collapse import Diversity, collapsed, effective_rank, spread
from sentinode.training.pretraining.methods import Method, build_method
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe
from sentinode.training.pretraining.pretraining_images import PretrainingImages
from sentinode.training.pretraining.pretraining_log import ProbeRow, best_row, has_fallen, is_over, write_log
from sentinode.training.pretraining.probe import LABELLED, chosen_kind, found_again, labelled_probe
from sentinode.training.pretraining.views import Views

_WARMUP = 0.05
_BATCH = 256
_GUARDED = 10
"""Steps from one look at the projections' spread to the next: reading it waits for a GPU."""


class CollapseError(TrainingError):
    """A network that has begun to answer every image alike."""


@dataclass(frozen=True)
class Pretrained:
    """What a run ends with."""

    network: Network
    """Of the best probe after the start, on the CPU."""
    preprocessing: Preprocessing
    rows: list[ProbeRow]
    probe: str
    """Which one, see `probe.WORDS`."""
    fell: bool
    """Whether the run ended because the probe fell."""


@dataclass(eq=False)
class Learner:
    """A method with its optimiser, at a step of a run."""

    recipe: PretrainRecipe
    images: PretrainingImages
    method: Method
    views: Views
    device: torch.device
    optimizer: torch.optim.Optimizer = field(init=False)
    step: int = 0

    def __post_init__(self) -> None:
        """Make the optimiser: the backbone's own parameters learn slower than what starts at random."""
        config = self.recipe.pretraining
        self.method.to(self.device)
        self.views.to(self.device)
        backbone = [p for p in self.method.student.parameters() if p.requires_grad]
        own = {id(parameter) for parameter in backbone}
        rest = [p for p in self.method.parameters() if p.requires_grad and id(p) not in own]
        groups = [{"params": backbone, "factor": 1.0}, {"params": rest, "factor": config.head_learning_rate_factor}]
        rate, decay = config.learning_rate, config.weight_decay
        self.optimizer = (
            torch.optim.SGD(groups, rate, momentum=0.9, weight_decay=decay)
            if config.optimizer == "sgd"
            else torch.optim.AdamW(groups, rate, weight_decay=decay)
        )

    @property
    def remedy(self) -> str:
        """What to do about a collapse."""
        config = self.recipe.pretraining
        return (
            f"start another run with a lower pretraining.learning_rate (now {config.learning_rate:g}), a larger "
            f"pretraining.batch_size (now {config.batch_size}) or more varied images"
        )

    def check(self, now: Diversity, start: Diversity) -> None:
        """Raises: CollapseError: Much less diverse than at the start."""
        if said := collapsed(now, start):
            raise CollapseError(f"the network has collapsed at step {self.step:,}: {said}; {self.remedy}")

    def learn(self, tiles: NDArray[np.uint8]) -> tuple[float, float]:
        """One step; its loss, and the spread of its projections (0 where it was not looked at)."""
        config = self.recipe.pretraining
        torch.manual_seed((self.recipe.seed << 32) + self.step)
        done = self.step / (config.steps or 1)
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate * group["factor"] * _share(done)
        self.method.train()
        learned = self.method(self.views(torch.from_numpy(tiles).to(self.device)))
        self.optimizer.zero_grad()
        learned.loss.backward()
        self.optimizer.step()
        # From its start to 1 as a cosine, as both papers with a teacher have it.
        self.method.follow(1 - (1 - config.teacher_momentum) * (math.cos(math.pi * done) + 1) / 2)
        self.step += 1
        loss = float(learned.loss.detach())
        if not math.isfinite(loss):
            raise CollapseError(f"the loss is {loss} at step {self.step:,}; {self.remedy}")
        return loss, spread(learned.projection) if self.step % _GUARDED == 0 else 0.0

    def probed(self, kind: str, loss: float) -> ProbeRow:
        """What is known of the network now, on the images held out."""
        embedding, projection = self._embedding(), self._projection()
        if kind in LABELLED:
            assert self.images.labels is not None
            value = labelled_probe(kind, embedding.numpy(), self.images.labels) if embedding.isfinite().all() else 0.0
        else:
            value = found_again(*self._two_views())
        return ProbeRow(self.step, loss, value, spread(embedding), effective_rank(embedding), spread(projection))

    def state(self, rows: list[ProbeRow]) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "step": self.step,
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "rows": [asdict(row) for row in rows],
        }

    @torch.no_grad()
    def _embedding(self) -> Tensor:
        """(m, D) of the images held out, as they are, by the network that is kept."""
        self.method.eval()
        parts = []
        for start in range(0, len(self.images.held_out), _BATCH):
            tiles = torch.from_numpy(self.images.held_out[start : start + _BATCH]).to(self.device)
            parts.append(self.method.backbone(self.views.preprocessing(tiles))[1].cpu())
        return torch.cat(parts)

    @torch.no_grad()
    def _projection(self) -> Tensor:
        """(n, P) of some images held out, as a step would see them.

        By a copy: batch norms take the statistics of the batch, as in a step, and their own must not change.
        """
        method = copy.deepcopy(self.method).train()
        tiles = torch.from_numpy(self.images.held_out[:_BATCH]).to(self.device)
        return method.project(self.views.preprocessing(tiles)).cpu()

    @torch.no_grad()
    def _two_views(self) -> tuple[Tensor, Tensor]:
        """Embeddings of two views of each image held out; the same views in every probe."""
        self.method.eval()
        torch.manual_seed(self.recipe.seed)
        parts = []
        for start in range(0, len(self.images.held_out), _BATCH):
            tiles = torch.from_numpy(self.images.held_out[start : start + _BATCH]).to(self.device)
            parts.append([self.method.backbone(view)[1].cpu() for view in self.views(tiles)[:2]])
        first, second = (torch.cat(view) for view in zip(*parts, strict=True))
        return first, second


def pretrain_network(
    recipe: PretrainRecipe, images: PretrainingImages, folder: Path, *, threads: int, progress: Progress
) -> Pretrained:
    """Pretrain, or go on from the run's last checkpoint.

    Args:
        recipe: With its steps.
        images: What to learn from.
        folder: Gets `log.csv` and `checkpoints/`.
        threads: CPU threads.
        progress: Where to show how far it is.

    Raises:
        CollapseError: The network answers every image alike, or its loss is not finite.
        TrainingError: The run's checkpoint can't be read.
        RecipeError, WeightsError: The model can't be built as the recipe says.
        KeyboardInterrupt: The user stopped it; it goes on from the last probe.
    """
    torch.set_num_threads(threads)
    learner = build_learner(recipe, images)
    kind = chosen_kind(recipe.probe, images.labels)
    rows = _restored(learner, folder)
    steps = recipe.pretraining.steps or 0
    with progress.bar("pretraining", steps, "steps", done=learner.step) as advance, reuse_freed_memory():
        if not rows:
            rows.append(learner.probed(kind, 0.0))
            _save(learner, rows, folder)
        while not is_over(rows, recipe):
            rows.append(_to_next_probe(learner, rows, kind, advance))
            _save(learner, rows, folder)
            learner.check(rows[-1].diversity, rows[0].diversity)
    write_log(folder, rows)
    learner.method.backbone.load_state_dict(load_file(folder / "checkpoints" / BEST))
    fell = has_fallen(rows, recipe.probe) and rows[-1].step < steps
    return Pretrained(learner.method.backbone.cpu().eval(), learner.views.preprocessing.cpu(), rows, kind, fell)


def build_learner(recipe: PretrainRecipe, images: PretrainingImages) -> Learner:
    """The method around the recipe's network, with its first weights.

    Raises:
        RecipeError, WeightsError: The model can't be built as the recipe says.
    """
    torch.manual_seed(recipe.seed)
    model = recipe.model
    if len(images.learned) < 2:
        raise RecipeError(f"there is {plural(len(images.learned), 'image')} to learn from; pretraining needs many")
    network = build_network(model, 1, tile_size=images.side)
    load_weights(network, model)
    network.get_submodule(network.head_name).requires_grad_(requires_grad=False)
    preprocessing = Preprocessing(images.side, model.input_size, *normalisation(model))
    method = build_method(network, recipe.pretraining)
    return Learner(recipe, images, method, Views(recipe.views, preprocessing), _device(recipe))


def batches(recipe: PretrainRecipe, images: PretrainingImages, first: int) -> Iterator[NDArray[np.uint8]]:
    """The images of each step from `first` on, (n, H, W, 3)."""
    size, count = recipe.pretraining.batch_size, len(images.learned)
    order = EpochOrder(np.zeros(count, np.int64), batch_size=size, sampling="shuffled", seed=recipe.seed)
    for epoch in itertools.count(first // len(order)):
        order.set_epoch(epoch)
        skipped = first - epoch * len(order)
        for positions in itertools.islice(order, max(0, skipped), None):
            yield images.learned[np.array(positions)]


def _to_next_probe(learner: Learner, rows: list[ProbeRow], kind: str, advance: Advance) -> ProbeRow:
    recipe = learner.recipe
    steps, between = recipe.pretraining.steps or 0, recipe.probe.steps or 1
    losses = []
    for tiles in itertools.islice(batches(recipe, learner.images, learner.step), min(between, steps - learner.step)):
        loss, spread_now = learner.learn(tiles)
        losses.append(loss)
        if learner.step % _GUARDED == 0:
            start = rows[0].diversity
            learner.check(Diversity(start.embedding_spread, start.embedding_rank, spread_now), start)
        advance(1, note=f"loss {loss:.3f}  probe {rows[-1].probe:.4f}")
    return learner.probed(kind, float(np.mean(losses)))


def _share(done: float) -> float:
    """Of the learning rate: a linear rise, then a cosine to zero."""
    if done < _WARMUP:
        return max(done, _WARMUP / 20) / _WARMUP
    return (math.cos(math.pi * (done - _WARMUP) / (1 - _WARMUP)) + 1) / 2


def _device(recipe: PretrainRecipe) -> torch.device:
    wanted, there = recipe.pretraining.accelerator, torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise RecipeError('pretraining.accelerator = "cuda", but torch finds no CUDA device here; use "auto" or "cpu"')
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")


def _save(learner: Learner, rows: list[ProbeRow], folder: Path) -> None:
    """The best weights first, then the checkpoint, then the log, which can be written from it."""
    if len(rows) > 1 and best_row(rows) is rows[-1]:
        state = {
            name: value.detach().cpu().contiguous() for name, value in learner.method.backbone.state_dict().items()
        }
        with atomic_file(folder / "checkpoints" / BEST) as temporary:
            temporary.write_bytes(save(state))
    AtomicCheckpoints().save_checkpoint(learner.state(rows), folder / "checkpoints" / LAST)
    write_log(folder, rows)


def _restored(learner: Learner, folder: Path) -> list[ProbeRow]:
    checkpoint = folder / "checkpoints" / LAST
    if not checkpoint.exists():
        return []
    try:
        loaded = AtomicCheckpoints().load_checkpoint(checkpoint, map_location=learner.device)
        learner.method.load_state_dict(loaded["method"])
        learner.optimizer.load_state_dict(loaded["optimizer"])
        learner.step = loaded["step"]
        return [ProbeRow(**row) for row in loaded["rows"]]
    except (KeyError, RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{checkpoint} can't be read ({reason}); delete it to start again") from error
