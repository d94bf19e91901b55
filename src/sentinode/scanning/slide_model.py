"""The slide model of a scan: opened when the first slide needs it; a bag in, an answer for the record out."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.extractor import space_of
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.slide_bundle import SlideBundle, is_slide_bundle, open_slide_bundle
from sentinode.models.mil.slide_engine import SlideEngine, open_slide_engine
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.slide_model_record import AttentionTile, SlideModelRecord
from sentinode.slides.tile_plan import TilePlan

MOST_LISTED = 20
"""Tiles of either list: more than a person looks at."""


@dataclass
class SlideModel:
    """A slide bundle and how to run it; what is in `bundle.tiles` scans."""

    bundle: SlideBundle
    threads: int
    _opened: SlideEngine | None = field(init=False, default=None)

    @property
    def tiles(self) -> Bundle:
        """The bundle that scans.

        Raises:
            BundleError: The features are of no bundle.
        """
        if self.bundle.tiles is None:
            raise BundleError(
                f"{self.bundle.name} judges features of {self.bundle.info.features.name}, which another program "
                "computes; a scan needs a slide bundle that was made from the features of a bundle"
            )
        return self.bundle.tiles

    @property
    def stride_px(self) -> int | None:
        """Step of the tiles that it was fitted on; None where that is their size, as in a scan without `stride_px`."""
        grid = self.bundle.info.grid
        return grid.step_px if grid and grid.step_px != grid.tile_px else None

    def check(self, config: ScanConfig) -> None:
        """Refuse a scan that gives other features than the model was fitted on.

        Raises:
            BundleError: It does.
        """
        if config.test_time is not None:
            raise BundleError(f"{self.bundle.name} judges features as its bundle gives them; leave out --test-time")
        if space_of(self.tiles) != self.bundle.info.features:
            raise BundleError(f"{self.bundle.name} was fitted on other features than those of its tiles; get it again")

        own = self.bundle.info.grid
        if own and (step := config.stride_px or own.tile_px) != own.step_px:
            raise BundleError(
                f"{self.bundle.name} was fitted on tiles {own.step_px} px apart, these would be {step} px apart: its "
                f"threshold does not hold for them; give --stride {own.step_px}"
            )

    def open(self) -> SlideEngine:
        """The engine, opened at the first call.

        Raises:
            BundleError: It can't be run, or answers otherwise than recorded.
        """
        if self._opened is None:
            self._opened = open_slide_engine(self.bundle, threads=self.threads)
        return self._opened


def open_scanning(name: str | Path, threads: int) -> tuple[Bundle, SlideModel | None]:
    """The bundle that scans and, where `name` is a slide bundle, the slide model that judges what it finds.

    Args:
        name: A bundle's folder or a shipped name, or a slide bundle's folder.
        threads: CPU threads of the slide model.

    Raises:
        BundleError: There is no such bundle, or it was changed; or the slide bundle is of features of no bundle.
    """
    if not is_slide_bundle(name):
        return open_bundle(name), None
    model = SlideModel(open_slide_bundle(name), threads)
    return model.tiles, model


@dataclass(frozen=True, eq=False)
class Judgement:
    """A slide model's answer for one slide."""

    facts: SlideModelRecord
    bag: Bag
    attention: NDArray[np.float32]
    """(N,) share of each planned tile, 1 in sum; NaN for one that could not be read."""


def judge(model: SlideModel, bag: Bag, plan: TilePlan, read: NDArray[np.bool_], target: str) -> Judgement:
    """The slide model's answer.

    Args:
        model: The slide model.
        bag: Of the tiles that were read, with scores.
        plan: All tiles, N.
        read: (N,) which of them were read.
        target: The class that is looked for in tiles.

    Raises:
        DataError: The bag is of other features than those that the model was fitted on.
    """
    model.bundle.check_bag(bag)
    answer, info = model.open().look(bag), model.bundle.info
    attention = np.full(len(plan), np.nan, np.float32)
    attention[read] = answer.attention
    assert bag.scores is not None
    scores = bag.scores[:, bag.facts.score_names.index(target)]
    threshold = info.threshold
    facts = SlideModelRecord(
        name=info.name,
        sha256=model.bundle.sha256,
        method=info.aggregator.method,
        classes=info.classes,
        probabilities=tuple(answer.probabilities.tolist()),
        score=answer.score,
        threshold=float(threshold.value),
        threshold_source=f"{threshold.rule} on {threshold.split}",
        positive=answer.score >= threshold.value,
        candidates=_listed(bag, answer.attention, scores, answer.attention.astype(np.float64) * scores),
        attended=() if info.aggregator.pools_first else _listed(bag, answer.attention, scores, answer.attention),
        tile_width=plan.width,
        tile_height=plan.height,
    )
    return Judgement(facts, bag, attention)


def _listed(
    bag: Bag, attention: NDArray[np.float32], scores: NDArray[np.float32], by: NDArray[np.floating]
) -> tuple[AttentionTile, ...]:
    # Of equal ones the first of the slide, so that the order is the same everywhere. What has no attention is no reason
    # for the answer: `max` has one tile, and the rest would be listed in the order of the slide.
    order = [place for place in np.argsort(-by, kind="stable")[:MOST_LISTED] if by[place] > 0]
    return tuple(
        AttentionTile(
            rank=rank,
            x=int(bag.coords[place, 0]),
            y=int(bag.coords[place, 1]),
            attention=float(attention[place]),
            score=float(scores[place]),
        )
        for rank, place in enumerate(order, start=1)
    )
