"""Whole slides scanned: lesions, heatmap, tiles and a score for each."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideError
from sentinode.core.extras import job, require
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_path, as_paths, as_text

if TYPE_CHECKING:
    import pandas as pd

    from sentinode.scanning.scan_record import FinishedScan, Lesion


class Scan:
    """A finished scan: the folder that `sentinode scan` wrote. A notebook shows its overlay."""

    def __init__(self, folder: Path, record: "FinishedScan") -> None:
        """Args: the folder; its record."""
        self.folder = folder
        self.record = record

    @property
    def score(self) -> float | None:
        """Score of the slide, 0 to 1; None where no tile was scanned."""
        return self.record.slide_score

    @property
    def not_assessed(self) -> str:
        """Why nothing can be said of the slide (nothing, or too little, was seen); empty where it was assessed."""
        return self.record.not_assessed

    @property
    def lesions(self) -> "tuple[Lesion, ...]":
        """Lesions by falling probability or, by the heuristic rule, highest score; sizes in µm and mm², places in
        level-0 pixels.
        """
        return self.record.lesions

    @property
    def suspicious(self) -> "tuple[Lesion, ...]":
        """What a learned rule did not call a lesion, by falling probability; nothing by the heuristic rule."""
        return self.record.suspicious

    @property
    def heatmap(self) -> NDArray[np.float32]:
        """(h, w) scores of the class that was looked for, 0 to 1; NaN where nothing was scanned."""
        from sentinode.scanning.scan_folder import ScanFolder

        heatmap = ScanFolder(self.folder, self.record).heatmap()
        return heatmap.values  # noqa: PD011 - an array of ours

    @property
    def tiles(self) -> "pd.DataFrame":
        """A row a tile: x, y, width and height in level-0 pixels, and the probability of each class.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        from sentinode.scanning.scan_record import TILES_FILE

        table: pd.DataFrame = require("pandas", extra="evaluate").read_parquet(self.folder / TILES_FILE)
        return table

    @property
    def lesion_table(self) -> "pd.DataFrame":
        """A row a lesion, with all that `lesions` say of them.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        frame = require("pandas", extra="evaluate").DataFrame
        from sentinode.scanning.scan_record import Lesion

        table: pd.DataFrame = frame([lesion.model_dump() for lesion in self.lesions], columns=list(Lesion.model_fields))
        return table

    @property
    def overlay(self) -> NDArray[np.uint8]:
        """(h, w, 3) RGB: the slide under its heatmap, with lesions outlined."""
        from sentinode.core.images import decode_image

        return decode_image(self._repr_png_(), str(self.folder))

    def __repr__(self) -> str:
        score = "nothing scanned" if self.score is None else f"score {self.score:.3f}"
        doubt = ", not assessed" if self.record.not_assessed else ""
        return f"Scan({self.record.name}: {score}, lesions: {len(self.lesions)}{doubt})"

    def _repr_png_(self) -> bytes:
        from sentinode.scanning.scan_record import OVERLAY_FILE

        return (self.folder / OVERLAY_FILE).read_bytes()


@job("scan")
def open_scan(folder: str | Path) -> Scan:
    """A scan that was made before.

    Args:
        folder: Of the slide's scan: `OUT/NAME`.

    Examples:
        >>> scan = sn.open_scan(sn.scan("pcam", "slide.tif", out="scans").folder)
        >>> scan.tiles.columns.tolist()
        ['x', 'y', 'width', 'height', 'normal', 'tumour']

    Raises:
        ArgumentError: `folder` is neither a text nor a path.
        DataError: There is no finished scan.
    """
    from sentinode.scanning import scan_folder

    finished = scan_folder.open_scan(as_path("folder", folder, '"scans/node"'))
    return Scan(finished.path, finished.record)


@overload
def scan(bundle: str | Path, slides: str | Path, out: str | Path, **options: Any) -> Scan: ...
@overload
def scan(bundle: str | Path, slides: Sequence[str | Path], out: str | Path, **options: Any) -> list[Scan]: ...
@job("scan")
def scan(
    bundle: str | Path,
    slides: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    settings: Settings | None = None,
    progress: bool = False,
    **options: Any,
) -> Scan | list[Scan]:
    """Scan a whole slide, or several: heatmap, lesions with their size, and a score for each.

    What was stopped goes on with the same call; a finished scan is not run again.

    Args:
        bundle: Its folder, or the name of one that is shipped.
        slides: A slide's file; or several files and folders of slides.
        out: Gets a folder for each slide, and `scans.csv`.
        settings: The machine's; None: by the environment.
        progress: Show how far it is.
        options: What else the command takes: `region`, `rule`, `second_look`, `slide_score`, `threads`, and the fields
            of `sentinode.scanning.scan_config.ScanConfig`, as `threshold=0.8`. `mpp` (µm/px of level 0) and `stride`
            are called as in the command; None is the default.

    Returns:
        The scan; of several slides those that could be scanned, in their order: `scans.csv` says why others could not.

    Examples:
        >>> scan = sn.scan("pcam", "slide.tif", out="scans", threshold=0.9)
        >>> scan.heatmap.shape
        (8, 10)

    Raises:
        ArgumentError: An argument is of another kind, such as None for a path.
        SlideError: The slide can't be scanned, or the path is a folder's.
        BundleError: The bundle can't scan, or is damaged.
        StorageError: The disk is full, or `out` holds something else.
    """
    from sentinode.studies import scan_study

    single = isinstance(slides, str | Path)
    paths = as_paths("slides", slides, '"node.svs"')
    if single and paths[0].is_dir():
        raise SlideError(f"{slides} is a folder; give [{str(slides)!r}] for a scan of each slide in it")
    done = scan_study.scan(
        as_text("bundle", bundle, '"pcam"'), paths, as_path("out", out, '"scans"'), settings=settings,
        progress=Progress(progress), **_given(options),
    )  # fmt: skip
    if single and done.failed:
        raise SlideError(done.failed[0].failure.message)
    scans = [Scan(finished.path, finished.record) for finished in done.finished]
    return scans[0] if single else scans


def _given(options: dict[str, Any]) -> dict[str, Any]:
    # `tissue=None` is an answer: all of the slide is scanned.
    return {name: value for name, value in options.items() if value is not None or name == "tissue"}
