"""One pass over a slide: its file known by hash, its tissue found, its tiles read; each stage timed, and to blame."""

import errno
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SentinodeError, SlideNotFoundError, SlideReadError, StorageError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.scanning.file_ends import sha256_of_ends
from sentinode.scanning.outcome import SlideFailedError
from sentinode.scanning.overview import survey_slide
from sentinode.scanning.scan_record import Failure, SlideFacts, Stage
from sentinode.scanning.tiling_config import Machine, TilingPlan
from sentinode.slides.context import ContextBlocks, read_with_context
from sentinode.slides.reader import READING
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.slide import Slide, open_slide
from sentinode.slides.tile_batches import TileBatch, read_batches
from sentinode.slides.tile_plan import TilePlan, plan_tiles
from sentinode.slides.tissue.tissue_mask import Survey

_KEPT_MESSAGES = 5


@dataclass
class SlidePass:
    """One slide on its way through a model, whatever is kept of its tiles."""

    path: Path
    plan: TilingPlan
    machine: Machine
    progress: Progress
    file: dict[str, Any] = field(default_factory=dict)
    """The slide's file: `bytes`, `changed_ns` and the hash of its `ends`."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each stage."""

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time a stage; what goes wrong in it is this slide's failure, unless no other slide could do better."""
        start = time.perf_counter()
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            raise SlideFailedError(name, error) from error
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 3)

    def identify(self, **model: str) -> str:
        """The key: the hash of everything that decides the result, the slide's file, the model and the configuration.

        Args:
            model: What is known of the model by hash or name.

        Raises:
            SlideFailedError: The file can't be read.
        """
        try:
            if not self.path.is_file():  # opening a pipe would wait for ever
                raise FileNotFoundError(errno.ENOENT, "no file, or a link that leads nowhere")
            stat = self.path.stat()
            ends = sha256_of_ends(self.path)
            self.file = {"bytes": stat.st_size, "changed_ns": stat.st_mtime_ns, "ends": ends}
        except OSError as error:
            cause = SlideNotFoundError(f"{self.path} can't be read: {error.strerror}; check the file")
            raise SlideFailedError("opening", cause) from error
        return sha256_of_json({"reading": READING, "slide": self.file, **model, "config": self.plan.config_sha256})

    def verify(self) -> None:
        """Compare both readers on some tiles, where that was asked for.

        Raises:
            SlideFailedError: They differ, or one can't read the slide.
        """
        if self.machine.verify_tiles:
            with self.stage("opening"):
                verify_readers(self.path, self.machine.verify_tiles, series=self.plan.config.series)

    def open(self) -> Slide:
        """The slide, to be closed by the caller.

        Raises:
            SlideFailedError: It can't be opened.
        """
        config = self.plan.config
        with self.stage("opening"):
            return open_slide(
                self.path, reader=config.reader, mpp=config.slide_mpp, cache_bytes=self.machine.cache_bytes,
                series=config.series,
            )  # fmt: skip

    def find_tiles(self, slide: Slide) -> tuple[Survey, TilePlan]:
        """The slide as a whole with its tissue, and its tiles.

        Raises:
            SlideFailedError: The slide is coarser than the model wants, or the region lies outside.
        """
        config = self.plan.config
        with self.stage("planning"):
            slide.level_for(self.plan.tiles.mpp)  # refuses a slide that is too coarse, before anything is computed
            survey = survey_slide(slide, config.tissue, self.plan.tissue_model, config.slide_mpp)
            region = config.region.box() if config.region else None
            mask = survey.mask if config.tissue else None
            return survey, plan_tiles(slide.width, slide.height, slide.mpp, self.plan.tiles, mask, region)

    def read_tiles(self, slide: Slide, plan: TilePlan, start: int, use: Callable[[TileBatch, list[int]], None]) -> None:
        """Read the tiles from number `start` on, in batches.

        Args:
            slide: Open.
            plan: Its tiles.
            start: How many are done.
            use: Called with each batch, and with the places in it of the tiles that could not be read.
        """
        batches = read_batches(
            slide, plan.spec.mpp, plan.spec.size_px, plan.x0[start:], plan.y0[start:],
            batch=self.plan.config.batch, threads=self.machine.threads, context=plan.spec.context,
        )  # fmt: skip
        with closing(batches), self.progress.bar(slide.name, len(plan), "tiles", done=start) as advance:  # type: ignore[type-var]
            for part in batches:
                # Indices in what was asked for, as `part.start` is.
                use(part, [index - part.start for index in part.unreadable])
                advance(len(part.tiles))

    def facts(self, slide: Slide) -> SlideFacts:
        """The slide's file, as every record has it; after `identify`."""
        return SlideFacts(
            name=slide.name,
            file=slide.path.name,
            sha256_of_ends=self.file["ends"],
            bytes=self.file["bytes"],
            width=slide.width,
            height=slide.height,
            origin_x=slide.extent.origin_x,
            origin_y=slide.extent.origin_y,
            mpp_x=slide.mpp.x,
            mpp_y=slide.mpp.y,
            mpp_source=slide.mpp_source,
            reader=slide.facts.reader,
        )


def first_unreadable(slide: Slide, plan: TilePlan, unreadable: NDArray[np.bool_]) -> list[str]:
    """What is wrong with the first unreadable tiles: read once more, as a killed process can't have told.

    Raises:
        SlideReadError: No tile of the slide could be read.
    """
    messages = []
    spec = plan.spec
    blocks = ContextBlocks(slide, spec.mpp, spec.size_px) if spec.context else None
    for index in np.flatnonzero(unreadable)[:_KEPT_MESSAGES]:
        x0, y0, size = int(plan.x0[index]), int(plan.y0[index]), spec.size_px
        try:
            if blocks:
                read_with_context(slide, blocks, spec.mpp, x0, y0, size)
            else:
                slide.read_at(spec.mpp, x0, y0, size, size)
        except SlideReadError as error:
            messages.append(str(error))
        else:
            messages.append(f"the tile at level-0 ({x0}, {y0}) has no score, though it can be read now")
    if len(plan) and unreadable.all():
        raise SlideReadError(f"none of its {plural(len(plan), 'tile')} can be read; the first: {messages[0]}")
    return messages


def failure_of(error: SlideFailedError) -> Failure:
    """Why there is no result for a slide, for its record."""
    cause = error.cause
    message = " ".join(str(cause).split())
    if not isinstance(cause, SentinodeError):  # nobody foresaw it: say where it happened
        last = traceback.extract_tb(cause.__traceback__)[-1]
        message = f"{message} ({Path(last.filename).name}, line {last.lineno})"
    return Failure(stage=error.stage, type=type(cause).__name__, message=message)
