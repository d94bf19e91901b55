"""The loop of synthesis: steps, checks, and checkpoints from which a killed run goes on to the same end.

The images of a step, and all that is drawn in it, are functions of (seed, step) alone.
"""

import copy
import itertools
import math
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sentinode.core.errors import RecipeError, TrainingError
from sentinode.core.progress import Advance, Progress
from sentinode.metrics.synthesis.manifold import class_diversity, precision_recall
from sentinode.training.batches import EpochOrder
from sentinode.training.callbacks import LAST, AtomicCheckpoints
from sentinode.training.network_fit import reuse_freed_memory
from sentinode.training.synthesis.differentiable_augmentation import augmented, turned
from sentinode.training.synthesis.discriminator import Discriminator, FrozenFeatures
from sentinode.training.synthesis.generator import Generator, GeneratorShape, Noise, draw_images, draw_noise
from sentinode.training.synthesis.synthesis_images import SynthesisImages
from sentinode.training.synthesis.synthesis_log import CheckRow, collapsed, write_log
from sentinode.training.synthesis.synthesis_recipe import SynthesisConfig, SynthesisRecipe

_BETAS = (0.0, 0.99)
_BATCH = 64
_COLOURED = 256
"""Training images whose colours a generator begins with."""
_REMEDY = (
    "start another run with more images, a larger synthesis.batch_size (now {batch_size}) or a lower "
    "synthesis.generator_rate (now {generator_rate:g})"
)


class GeneratorCollapseError(TrainingError):
    """A generator that draws nearly one image, or one whose loss is no number."""


@dataclass(eq=False)
class Contest:
    """Generator and discriminator with their optimisers, at a step of a run."""

    recipe: SynthesisRecipe
    images: SynthesisImages
    generator: Generator
    average: Generator
    """What is kept."""
    discriminator: Discriminator
    features: FrozenFeatures
    device: torch.device
    step: int = 0
    optimizers: tuple[torch.optim.Optimizer, torch.optim.Optimizer] = field(init=False)

    def __post_init__(self) -> None:
        """Make the optimisers."""
        config = self.recipe.synthesis
        for module in (self.generator, self.average, self.discriminator, self.features):
            module.to(self.device)
        judging = [parameter for parameter in self.discriminator.parameters() if parameter.requires_grad]
        self.optimizers = (
            torch.optim.Adam(self.generator.parameters(), config.generator_rate, betas=_BETAS),
            torch.optim.Adam(judging, config.discriminator_rate, betas=_BETAS),
        )

    def learn(self, tiles: NDArray[np.uint8], classes: NDArray[np.int64]) -> tuple[float, float]:
        """One step; the losses of discriminator and generator.

        Args:
            tiles: (n, H, W, 3) real ones.
            classes: (n,) theirs; as many of each are drawn.

        Raises:
            GeneratorCollapseError: A loss is no number.
        """
        torch.manual_seed((self.recipe.seed << 32) + self.step)
        asked = torch.from_numpy(classes).to(self.device)
        real = turned(as_seen(tiles, self.recipe.synthesis.side).to(self.device))
        with torch.no_grad():
            known = self.discriminator.mix(self.features(augmented(real)))
        noise = draw_noise(self.generator.shape, len(classes))
        drawn = self.generator(Noise(*_moved(noise, self.device)), asked)
        shown = self.discriminator.mix(self.features(augmented(drawn)))
        judged = self._judge(known, [maps.detach() for maps in shown], asked)
        fooled = self._fool(shown, asked)
        self._follow()
        self.step += 1
        if not math.isfinite(judged + fooled):
            raise GeneratorCollapseError(f"a loss is no number at step {self.step:,}; {self.remedy}")
        return judged, fooled

    @property
    def remedy(self) -> str:
        """What to do about a collapse."""
        config = self.recipe.synthesis
        return _REMEDY.format(batch_size=config.batch_size, generator_rate=config.generator_rate)

    def _judge(self, real: list[Tensor], drawn: list[Tensor], classes: Tensor) -> float:
        """A step of the discriminator on the hinge loss (Lim and Ye 2017, arXiv:1705.02894)."""
        loss = torch.stack(
            [functional.relu(1 - logits).mean() for logits in self.discriminator(real, classes)]
            + [functional.relu(1 + logits).mean() for logits in self.discriminator(drawn, classes)]
        ).sum()
        self.optimizers[1].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[1].step()
        return float(loss.detach())

    def _fool(self, drawn: list[Tensor], classes: Tensor) -> float:
        """A step of the generator, on the images that the discriminator has just seen: their features are there."""
        self.discriminator.requires_grad_(requires_grad=False)
        loss = -torch.stack([logits.mean() for logits in self.discriminator(drawn, classes)]).sum()
        self.optimizers[0].zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizers[0].step()
        self.discriminator.heads.requires_grad_(requires_grad=True)
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        """The average takes a part of the generator; a larger one at the start, when the average is of noise."""
        kept = min(self.recipe.synthesis.average_decay, (1 + self.step) / (10 + self.step))
        for slow, quick in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            slow.lerp_(quick.detach(), 1 - kept)

    def checked(self, losses: tuple[float, float]) -> CheckRow:
        """What is known of the generator now, by the discriminator's own features."""
        held_out = self.images.held_out.drawn(self.recipe.synthesis.watched, self.recipe.seed)
        # Without a label nothing can be asked for by class: as many as there are held out, all of that kind.
        classes = held_out.classes if self._labelled() else np.full_like(held_out.classes, self.images.classes - 1)
        apart = held_out.classes if self._labelled() else np.zeros_like(classes)
        drawn = self._embedded(draw_images(self.kept(), classes, self.recipe.seed))
        real = self._embedded(held_out.images[:])
        precision, recall = precision_recall(real, drawn)
        return CheckRow(self.step, *losses, class_diversity(real, apart, drawn, apart), precision, recall)

    def kept(self) -> Generator:
        """A copy of the averaged generator on the CPU."""
        return copy.deepcopy(self.average).cpu().eval()

    def state(self, rows: list[CheckRow]) -> dict[str, Any]:
        """All that a resumed run needs."""
        return {
            "step": self.step,
            **{name: module.state_dict() for name, module in self._learned().items()},
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "rows": [asdict(row) for row in rows],
        }

    def restore(self, state: dict[str, Any]) -> list[CheckRow]:
        """Take up what `state` gave; its rows."""
        for name, module in self._learned().items():
            module.load_state_dict(state[name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step = state["step"]
        return [CheckRow(**row) for row in state["rows"]]

    def start_from(self, other: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take the weights that a run without labels ended with: each class begins as what had none.

        Args:
            other: As `state` gives them.
        """
        for name, module in self._learned().items():
            own = module.state_dict()
            taken = {
                key: value[-1:].expand_as(own[key]) if key.endswith("classes.weight") else value
                for key, value in other[name].items()
            }
            module.load_state_dict(taken)

    def _labelled(self) -> bool:
        """Whether the generator was told which classes there are."""
        return bool((self.images.learned.classes < len(self.images.class_names)).any())

    def _learned(self) -> dict[str, torch.nn.Module]:
        return {"generator": self.generator, "average": self.average, "discriminator": self.discriminator}

    @torch.no_grad()
    def _embedded(self, tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
        side = self.recipe.synthesis.side
        parts = [
            self.features.embed(as_seen(tiles[start : start + _BATCH], side).to(self.device)).cpu()
            for start in range(0, len(tiles), _BATCH)
        ]
        return torch.cat(parts).double().numpy()


def fit_generator(
    recipe: SynthesisRecipe,
    images: SynthesisImages,
    folder: Path,
    *,
    threads: int,
    progress: Progress,
    start: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> tuple[Contest, list[CheckRow]]:
    """Train a generator, or go on from the run's last checkpoint.

    Args:
        recipe: With its steps.
        images: What to learn from.
        folder: Gets `log.csv` and `checkpoints/`.
        threads: CPU threads.
        progress: Where to show how far it is.
        start: Weights of another run to begin with, see `Contest.start_from`; None: random ones.

    Returns:
        The contest after its last step, and its checks.

    Raises:
        GeneratorCollapseError: It draws nearly one image a class, or a loss is no number.
        TrainingError: The run's checkpoint can't be read.
        WeightsError, OfflineError: The discriminator's features can't be had.
        KeyboardInterrupt: The user stopped it; it goes on from the last check.
    """
    torch.set_num_threads(threads)
    contest = build_contest(recipe, images)
    if start is not None:
        contest.start_from(start)
    rows = _restored(contest, folder)
    steps = recipe.synthesis.steps or 0
    with progress.bar("synthesis", steps, "steps", done=contest.step) as advance, reuse_freed_memory():
        while contest.step < steps:
            rows.append(_to_next_check(contest, rows, advance))
            AtomicCheckpoints().save_checkpoint(contest.state(rows), folder / "checkpoints" / LAST)
            write_log(folder, rows)
            _check(contest, rows)
    write_log(folder, rows)
    _check(contest, rows)  # a run that was killed between its last checkpoint and this is no better
    return contest, rows


def build_contest(recipe: SynthesisRecipe, images: SynthesisImages) -> Contest:
    """Generator and discriminator with random weights, and the frozen features.

    Raises:
        WeightsError, OfflineError: These can't be had.
        RecipeError: The device that the recipe names is not there, or a batch is larger than the data.
    """
    config = recipe.synthesis
    if len(images.places) < config.batch_size:
        raise RecipeError(
            f"synthesis.batch_size = {config.batch_size} is more than the images to learn from, of which there are "
            f"{len(images.places)}; give more images or a smaller batch"
        )
    torch.manual_seed(recipe.seed)
    features = FrozenFeatures(config.weights)  # which may be random, too
    shape = GeneratorShape(config.side, images.classes, config.channels, config.latent_size)
    generator = Generator(shape)
    some = np.sort(np.random.default_rng(recipe.seed).permutation(len(images.learned.classes))[:_COLOURED])
    generator.take_colours(as_seen(images.learned.images[some], config.side))
    average = copy.deepcopy(generator).requires_grad_(requires_grad=False)
    return Contest(
        recipe, images, generator, average, Discriminator(config.side, images.classes), features, _device(config)
    )


def batches(
    recipe: SynthesisRecipe, images: SynthesisImages, first: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """The images of each step from `first` on, (n, H, W, 3), and their classes (n,)."""
    places = images.places
    order = EpochOrder(
        np.zeros(len(places), np.int64),
        batch_size=recipe.synthesis.batch_size,
        sampling="shuffled",
        seed=recipe.seed,
    )
    for epoch in itertools.count(first // len(order)):
        order.set_epoch(epoch)
        for positions in itertools.islice(order, max(0, first - epoch * len(order)), None):
            chosen = places[np.array(positions)]
            yield images.learned.images[chosen], images.learned.classes[chosen]


def as_seen(tiles: NDArray[np.uint8], side: int) -> Tensor:
    """(N, H, W, 3) uint8 → (N, 3, side, side), -1 to 1; reduced by means of areas where they are larger."""
    images = torch.from_numpy(tiles).permute(0, 3, 1, 2).float() / 127.5 - 1
    if images.shape[2] == side:
        return images
    return functional.interpolate(images, (side, side), mode="bilinear", align_corners=False, antialias=True)


def _to_next_check(contest: Contest, rows: list[CheckRow], advance: Advance) -> CheckRow:
    config = contest.recipe.synthesis
    steps = config.steps or 0
    between = math.ceil(steps / config.checks)
    losses = []
    for tiles, classes in itertools.islice(
        batches(contest.recipe, contest.images, contest.step), min(between, steps - contest.step)
    ):
        losses.append(contest.learn(tiles, classes))
        said = f"recall {rows[-1].recall:.2f}" if rows else ""
        advance(1, note=f"losses {losses[-1][0]:.2f} {losses[-1][1]:.2f}  {said}")
    judged, fooled = np.mean(losses, axis=0).tolist()
    return contest.checked((judged, fooled))


def _check(contest: Contest, rows: list[CheckRow]) -> None:
    if said := collapsed(rows, contest.recipe.synthesis.steps or 0):
        raise GeneratorCollapseError(f"the generator has collapsed at step {contest.step:,}: {said}; {contest.remedy}")


def _restored(contest: Contest, folder: Path) -> list[CheckRow]:
    checkpoint = folder / "checkpoints" / LAST
    if not checkpoint.exists():
        return []
    try:
        return contest.restore(AtomicCheckpoints().load_checkpoint(checkpoint, map_location=contest.device))
    except (KeyError, RuntimeError, ValueError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrainingError(f"{checkpoint} can't be read ({reason}); delete it to start again") from error


def _moved(noise: Noise, device: torch.device) -> tuple[Tensor, list[Tensor]]:
    return noise.latent.to(device), [maps.to(device) for maps in noise.maps]


def _device(config: SynthesisConfig) -> torch.device:
    wanted, there = config.accelerator, torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise RecipeError('synthesis.accelerator = "cuda", but torch finds no CUDA device here; use "auto" or "cpu"')
    return torch.device("cuda" if there and wanted != "cpu" else "cpu")
