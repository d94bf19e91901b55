"""The features of one slide: its tissue tiles through a frozen network, kept as a bag."""

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from sentinode.core.errors import DataError, SlideReadError, StorageError
from sentinode.core.files import write_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import locked, remove_partial
from sentinode.models.extractor import Extractor
from sentinode.models.mil.bag_file import BAG_SUFFIX, BagHeader, checked_sha256, key_in, read_bag_header, write_bag
from sentinode.scanning.feature_progress import FeatureProgress
from sentinode.scanning.outcome import SlideFailedError
from sentinode.scanning.scan import LONGEST_NAME
from sentinode.scanning.scan_record import Failure
from sentinode.scanning.slide_pass import SlidePass, failure_of, first_unreadable
from sentinode.scanning.tiling_config import Machine, TilingPlan
from sentinode.slides.slide import Slide
from sentinode.slides.tile_batches import TileBatch
from sentinode.slides.tile_plan import TilePlan

FAILED_SUFFIX = ".failed.json"


class FailedFeatures(BaseModel):
    """Why a slide has no features: all of NAME.failed.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    failure: Failure


@dataclass(frozen=True)
class FeatureOutcome:
    """How a slide came out."""

    name: str
    header: BagHeader | None
    """Of its bag; None where there is none by this network and configuration."""
    failure: Failure | None = None
    """Why there is none."""
    reused: bool = False
    """Whether the bag was there already."""
    messages: tuple[str, ...] = ()
    """What was wrong with the first unreadable tiles, where it was computed now."""
    tiles_per_s: float | None = None


@dataclass(frozen=True)
class FeatureWork:
    """A frozen network, and which tiles it is shown."""

    extractor: Extractor
    engine: str
    """Name of the engine that it runs in."""
    plan: TilingPlan


def slide_features(
    work: FeatureWork, path: Path, out: Path, machine: Machine, progress: Progress | None = None, *, wait: bool = False
) -> FeatureOutcome:
    """The features of all tissue tiles of a slide, as the bag `out`/NAME.h5.

    The tiles are those of a scan with the same configuration. While it runs, what is done is kept in
    `out`/.NAME.features: after a kill the same call goes on from there, and ends with the same bytes. A bag of the same
    slide, network and configuration is not computed again, unless its bytes are not those that were written; one that
    differs is replaced when the new one is whole. Of a slide that fails, `out`/NAME.failed.json says why, and an
    earlier bag stays.

    Args:
        work: The network, and which tiles it is shown.
        path: The slide.
        out: Folder of all bags.
        machine: What to do it with.
        progress: Where to tell how far it is.
        wait: Wait while another process works on this slide, instead of raising.

    Raises:
        BusyError: Another process works on this slide.
        StorageError: The disk is full or `out` can't be written; or `out`/NAME.h5 was not written by this call.
    """
    bag = bag_of(out, path)
    check_bag_place(bag)
    with locked(out / f".{path.stem}.features.lock", f"computes the features of {path.name}", wait=wait):
        remove_partial(bag)  # of one that was killed while it wrote its results
        job = _Job(work, SlidePass(path, work.plan, machine, progress or Progress()), bag)
        try:
            outcome = job.run()
        except SlideFailedError as error:
            failed = FailedFeatures(name=path.stem, failure=failure_of(error))
            write_json(out / f"{path.stem}{FAILED_SUFFIX}", failed.model_dump(mode="json"))
            return FeatureOutcome(path.stem, None, failed.failure)
        (out / f"{path.stem}{FAILED_SUFFIX}").unlink(missing_ok=True)
        return outcome


def bag_of(out: Path, slide: Path) -> Path:
    """Where the bag of a slide is."""
    return out / f"{slide.stem}{BAG_SUFFIX}"


def check_bag_place(bag: Path) -> None:
    """Refuse a file that we did not write, or a name that leaves no room for files beside it.

    Raises:
        StorageError: It is such a one.
    """
    if len(os.fsencode(f"{bag.stem}{FAILED_SUFFIX}")) > LONGEST_NAME:
        raise StorageError(f"the name {bag.stem} is too long for the files beside it; rename the slide")
    if bag.exists() and not key_in(bag):
        raise StorageError(
            f"{bag} is no file of `sentinode features`, or is damaged; remove it or choose another --out"
        )


def _whole(bag: Path, key: str) -> BagHeader | None:
    """What an earlier bag says; None where there is none of this key, or its bytes are not those that were written."""
    if key_in(bag) != key:
        return None
    try:
        checked_sha256(bag)
        return read_bag_header(bag)
    except DataError:
        return None


@dataclass
class _Job:
    """One slide's features while they are computed."""

    work: FeatureWork
    slide_pass: SlidePass
    bag: Path
    key: str = ""

    def run(self) -> FeatureOutcome:
        """Compute, or find that it was done.

        Raises:
            SlideFailedError: What is wrong with this slide.
        """
        space = self.work.extractor.space.sha256
        self.key = self.slide_pass.identify(features=space, engine=self.work.engine)
        kept = self.bag.with_name(f".{self.bag.stem}.features")
        self.slide_pass.verify()
        if earlier := _whole(self.bag, self.key):
            kept.unlink(missing_ok=True)  # killed between its last two steps
            return FeatureOutcome(self.bag.stem, earlier, reused=True)
        with self.slide_pass.open() as slide:
            return self.compute(slide, kept)

    def compute(self, slide: Slide, kept: Path) -> FeatureOutcome:
        """Find tissue, embed its tiles, write the bag.

        Args:
            slide: Open.
            kept: File of what is done so far.
        """
        one, extractor, batch = self.slide_pass, self.work.extractor, self.work.plan.config.batch
        plan = self.tiles(slide)
        size, classes = extractor.embedding_size, len(extractor.score_names)
        with FeatureProgress(kept, self.key, tiles=len(plan), size=size, classes=classes, batch=batch) as done:
            before = done.done
            if before < len(plan):
                extractor.open()  # not timed with the slide, and no fault of it
            with one.stage("reading"):
                self.embed(slide, plan, done)
                try:
                    messages = first_unreadable(slide, plan, ~done.read)
                except SlideReadError:
                    kept.unlink()  # so that the same command tries again
                    raise
            now, took = len(plan) - before, one.seconds["reading"]
            with one.stage("writing"):
                found = done.bag(self.key, extractor.space, extractor.score_names, one.facts(slide), plan)
                write_bag(self.bag, found)
        kept.unlink(missing_ok=True)
        rate = now / took if now and took else None
        return FeatureOutcome(self.bag.stem, read_bag_header(self.bag), messages=tuple(messages), tiles_per_s=rate)

    def tiles(self, slide: Slide) -> TilePlan:
        """The slide's tiles, of which there is at least one."""
        plan = self.slide_pass.find_tiles(slide)[1]
        if not len(plan):
            raise SlideFailedError("planning", DataError("no tile has enough tissue, so there is nothing to embed"))
        return plan

    def embed(self, slide: Slide, plan: TilePlan, done: FeatureProgress) -> None:
        """Embed what is not done yet."""

        def keep(part: TileBatch, unreadable: list[int]) -> None:
            done.append(self.work.extractor.embed(part.tiles), unreadable)

        self.slide_pass.read_tiles(slide, plan, done.done, keep)
