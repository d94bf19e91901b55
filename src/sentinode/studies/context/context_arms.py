"""The arms of a study of context: the same tiles learned from alone and with what lies around them."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sentinode.core.progress import SILENT, Advance
from sentinode.data.dataset import Dataset
from sentinode.metrics.froc.detections import suppress
from sentinode.metrics.froc.lesion_arms import LesionSlide
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.slides.slide import open_slide
from sentinode.slides.tile_batches import read_batches
from sentinode.studies.context.context_protocol import ARMS, ContextProtocol
from sentinode.studies.context.context_slides import TestedSlide, cells_of
from sentinode.studies.study_folder import AnswerFolder, Floats
from sentinode.training.network_bundle import train_network

_BATCH = 64


@dataclass(frozen=True, eq=False)
class ContextArms:
    """Trains and asks, the same way for every seed; answers that are there are not asked for again."""

    path: Path
    data: Dataset
    slides: Sequence[TestedSlide]
    protocol: ContextProtocol
    weights: str
    """First ones of every backbone: `imagenet`, or a file."""
    threads: int

    def fill(self, seed: int, advance: Advance) -> None:
        """Answer what is missing of a seed."""
        for arm in ARMS:
            AnswerFolder(self.path).ask(_name(arm, seed), partial(self._scores, arm, seed), advance)

    def read(self, arm: str) -> list[list[LesionSlide]]:
        """What an arm has found, by seed and slide."""
        answers = AnswerFolder(self.path)
        return [self._judged(answers.read(_name(arm, seed))) for seed in self.protocol.seeds]

    def _scores(self, arm: str, seed: int) -> Floats:
        """The scores of all tested cells, slide by slide, of a network that is trained now."""
        folder = self.path / "runs" / _name(arm, seed)
        recipe = self.protocol.recipe(arm, seed, f"slides:{self.path / 'tiles'}", self.weights)
        trained = train_network(recipe, self.data, folder, threads=self.threads, progress=SILENT)
        assert trained is not None  # one device
        engine = open_engine(trained.bundle, "openvino", threads=self.threads)
        found = np.concatenate([self._scores_of(slide, engine) for slide in self.slides])
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return found

    def _scores_of(self, one: TestedSlide, engine: Engine) -> Floats:
        info = engine.info
        side = info.input.tile_size  # composed at the tiles' µm/px, so that a cell is as many level-0 pixels
        positive = info.classes.names.index(str(info.classes.positive))
        with open_slide(one.path) as slide:
            parts = [
                engine.predict(part.tiles).probabilities[:, positive]
                for part in read_batches(
                    slide, self.protocol.mpp, side, one.columns * side, one.rows * side, batch=_BATCH,
                    threads=self.threads, context=info.input.context,
                )
            ]  # fmt: skip
        return np.concatenate(parts).astype(np.float64)

    def _judged(self, scores: Floats) -> list[LesionSlide]:
        ends = np.cumsum(cells_of(self.slides))[:-1]
        return [self._judge(slide, own) for slide, own in zip(self.slides, np.split(scores, ends), strict=True)]

    def _judge(self, slide: TestedSlide, scores: Floats) -> LesionSlide:
        values = np.full(slide.lesion.shape, np.nan)
        values[slide.rows, slide.columns] = scores
        highest = np.array([np.nanmax(values[slide.lesion == number + 1]) for number in range(len(slide.lesion_cells))])
        cell_um = self.protocol.mpp * self.protocol.tiles.size_px
        outside = np.where(slide.lesion > 0, np.nan, values)
        false = suppress(
            outside, mpp_x=cell_um, mpp_y=cell_um, radius_um=self.protocol.radius_um, minimum=self.protocol.minimum
        )
        return LesionSlide(slide.name, false.scores, highest, slide.lesion_cells)


def _name(arm: str, seed: int) -> str:
    return f"{arm.replace(' ', '-')}-seed{seed}"
