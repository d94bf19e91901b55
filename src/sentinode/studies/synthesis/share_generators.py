"""The generators of a study of synthesis: one that has seen no label, and from it one for each share and seed."""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import write_json
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT
from sentinode.data.dataset import Images
from sentinode.studies.label_draws import LabelDraws
from sentinode.studies.sample_figures import SampleMeasure, open_measure
from sentinode.studies.synthesis.synthesis_protocol import SynthesisProtocol
from sentinode.training.callbacks import LAST, AtomicCheckpoints
from sentinode.training.synthesis.generator_file import (
    GENERATOR_FILE,
    FinishedGenerator,
    read_generator,
    write_generator,
)
from sentinode.training.synthesis.synthesis_fit import Contest, GeneratorCollapseError, build_contest, fit_generator
from sentinode.training.synthesis.synthesis_images import RealImages, SynthesisImages
from sentinode.training.synthesis.synthesis_recipe import SynthesisRecipe

_FIGURES = "figures.json"
_DONE = "finished.json"
_COLLAPSED = "collapsed.txt"


@dataclass(frozen=True, eq=False)
class ShareGenerators:
    """Trains generators as they are asked for; those that are there are not trained again."""

    path: Path
    draws: LabelDraws
    """Of patches that have the generator's side."""
    protocol: SynthesisProtocol
    features: str
    """First weights of the discriminator's features."""
    weights: str
    """Of the network that measures."""
    threads: int

    def draw(self, share: float, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Twice as many patches as the protocol has real ones, half of each class: (N, S, S, 3) and (N,)."""
        return self._finished(share, seed).draw(2 * self.protocol.patches, seed)

    def figures(self, share: float, seed: int) -> dict[str, Any]:
        """What its patches are worth by themselves; of the first seed, measured when it was trained."""
        found: dict[str, Any] = json.loads((self._folder(share, seed) / _FIGURES).read_text(encoding="utf-8"))
        return found

    def collapsed(self, share: float, seed: int) -> str:
        """Why the training of this one was stopped; empty: it was not."""
        file = self._folder(share, seed) / _COLLAPSED
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def _folder(self, share: float, seed: int) -> Path:
        return self.path / "generators" / f"share{share:g}-seed{seed}"

    def _finished(self, share: float, seed: int) -> FinishedGenerator:
        folder = self._folder(share, seed)
        if not (folder / _DONE).exists():
            recipe = self._recipe(self.protocol.labelled_steps, seed)
            images = self._labelled(share, seed)
            contest = self._fitted(recipe, images, folder, self._without_labels())
            finished = FinishedGenerator(contest.kept(), images.class_names, images.sha256, None)
            write_generator(finished, folder / GENERATOR_FILE)
            if seed == self.protocol.seeds[0]:
                # Not those that are trained on, which begin with another seed.
                drawn, _ = finished.draw(len(self._measure.real), max(self.protocol.seeds) + 1)
                write_json(folder / _FIGURES, self._measure.of(drawn).to_json())
            write_json(folder / _DONE, {"labels": self.protocol.labels(share), "seed": seed})
            shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return read_generator(folder / GENERATOR_FILE)

    def _without_labels(self) -> dict[str, Any]:
        """The state of a contest that has seen all patches and no label; one for all shares and seeds."""
        folder = self.path / "generators" / "unlabelled"
        recipe = self._recipe(self.protocol.unlabelled_steps, 0)
        classes = np.full(len(self._learned.classes), len(self._names), np.int64)
        images = SynthesisImages(
            RealImages(self._learned.images, classes, self._learned.pixels), self._held_out, self._names, "unlabelled"
        )
        contest, rows = fit_generator(recipe, images, folder, threads=self.threads, progress=SILENT)
        return contest.state(rows)

    def _fitted(self, recipe: SynthesisRecipe, images: SynthesisImages, folder: Path, start: dict[str, Any]) -> Contest:
        """Trained to its end; where it collapsed on the way, as it was when that was seen: a finding, too."""
        try:
            contest, _ = fit_generator(recipe, images, folder, threads=self.threads, progress=SILENT, start=start)
        except GeneratorCollapseError as error:
            checkpoint = folder / "checkpoints" / LAST
            if not checkpoint.exists():
                raise
            contest = build_contest(recipe, images)
            contest.restore(AtomicCheckpoints().load_checkpoint(checkpoint))
            (folder / _COLLAPSED).write_text(str(error), encoding="utf-8")
        return contest

    def _labelled(self, share: float, seed: int) -> SynthesisImages:
        """All patches, those of the share with labels and so often that they are half of a lap where they are few."""
        labelled = self.draws.labelled(self.protocol, share, seed)
        classes = np.full(len(self._learned.classes), len(self._names), np.int64)
        classes[labelled] = self._learned.classes[labelled]
        others = np.flatnonzero(classes == len(self._names))
        order = np.concatenate([np.resize(labelled, max(len(labelled), len(others))), others])
        return SynthesisImages(
            RealImages(self._learned.images, classes, self._learned.pixels),
            self._held_out,
            self._names,
            plural(len(labelled), "label"),
            order=order,
        )

    def _recipe(self, steps: int, seed: int) -> SynthesisRecipe:
        return self.protocol.generator(steps, seed, self.features, self.weights)

    @property
    def _names(self) -> tuple[str, ...]:
        return self.draws.data.manifest.class_names

    @cached_property
    def _learned(self) -> RealImages:
        return self._of_split("train")

    @cached_property
    def _held_out(self) -> RealImages:
        """Of validation: none of them is trained on or tested."""
        return self._of_split("validation")

    @cached_property
    def _measure(self) -> SampleMeasure:
        images = SynthesisImages(self._learned, self._held_out, self._names, "of the study")
        return open_measure(self._recipe(1, 0), images, self.threads)

    def _of_split(self, split: str) -> RealImages:
        data = self.draws.data
        table = data.manifest.table
        return RealImages(
            Images(data.tiles, data.manifest.rows(split)),
            data.manifest.labels(split),
            tuple(table.loc[table["split"] == split, "pixels"].astype(str)),
        )
