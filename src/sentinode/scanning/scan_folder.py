"""A scan's folder as it is read: its record, tiles, heatmap and lesions. One parse of `scan.json`, whoever asks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.core.json_file import read_json
from sentinode.core.messages import plural
from sentinode.core.system_files import is_system_file
from sentinode.scanning.heatmap import Heatmap, build_attention, build_heatmap
from sentinode.scanning.lesions import OutlinedLesion
from sentinode.scanning.scan_record import LESIONS_FILE, RECORD_FILE, FailedScan, FinishedScan, ScanRecord
from sentinode.scanning.tiles_file import ScannedTiles, read_scanned_tiles
from sentinode.slides.mpp import Mpp

shapely = require("shapely", extra="scan")

_RECORD: TypeAdapter[FinishedScan | FailedScan] = TypeAdapter(ScanRecord)


@dataclass(frozen=True)
class ScanFolder:
    """The folder of a finished scan. Its files are read when they are asked for, and are not held."""

    path: Path
    record: FinishedScan

    def tiles(self) -> ScannedTiles:
        """Every tile with its scores.

        Raises:
            DataError: The table is missing or damaged.
        """
        return read_scanned_tiles(self.path)

    def heatmap(self, target: str | None = None) -> Heatmap:
        """The heatmap, as floats.

        Args:
            target: A class; None: the one that was looked for.

        Raises:
            DataError: The table of tiles is missing or damaged.
        """
        slide, tiles = self.record.slide, self.tiles()
        column = tiles.classes.index(target or self.record.bundle.target)
        return build_heatmap(
            slide.width, slide.height, Mpp(slide.mpp_x, slide.mpp_y), tiles.spec, tiles.x0, tiles.y0,
            tiles.scores[:, column],
        )  # fmt: skip

    def attention(self) -> Heatmap | None:
        """The slide model's attention, each cell's as a share of the largest; None of a scan without one.

        Raises:
            DataError: The table of tiles is missing or damaged.
        """
        slide, tiles = self.record.slide, self.tiles()
        if tiles.attention is None:
            return None
        return build_attention(
            slide.width, slide.height, Mpp(slide.mpp_x, slide.mpp_y), tiles.spec, tiles.x0, tiles.y0, tiles.attention
        )

    def outlines(self) -> list[Any]:
        """The outlines of the record's lesions, in their order: shapely geometries in level-0 pixels.

        Raises:
            DataError: The file of lesions is missing or damaged.
        """
        return self._outlines()[: len(self.record.lesions)]

    def suspects(self) -> list[OutlinedLesion]:
        """Lesions and what is suspicious below them, of a scan with a learned rule; none of another one.

        Raises:
            DataError: The file of lesions is missing or damaged.
        """
        if self.record.reading is None:
            return []
        judged, outlines = (*self.record.lesions, *self.record.suspicious), self._outlines()
        if len(judged) != len(outlines):
            raise DataError(
                f"{self.path / LESIONS_FILE} has {plural(len(outlines), 'outline')} of {len(judged)}; scan "
                "the slide again"
            )
        return [OutlinedLesion(lesion, outline) for lesion, outline in zip(judged, outlines, strict=True)]

    def _outlines(self) -> list[Any]:
        path = self.path / LESIONS_FILE
        try:
            features = json.loads(path.read_text(encoding="utf-8"))["features"]
            return [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features]
        except (OSError, KeyError, TypeError, ValueError, shapely.GEOSException) as error:
            raise DataError(f"{path} can't be read ({error}); scan the slide again") from error


def read_record(folder: Path) -> FinishedScan | FailedScan:
    """The record of the scan in `folder`.

    Raises:
        DataError: There is none, or it is damaged.
    """
    return read_json(
        folder / RECORD_FILE,
        _RECORD.validate_python,
        absent="does not exist, so its folder holds no scan; give a folder of `sentinode scan`",
        damaged="is damaged ({}); scan the slide again",
    )


def open_scan(folder: Path) -> ScanFolder:
    """The finished scan in `folder`.

    Raises:
        DataError: There is none, it is damaged, or the slide could not be scanned.
    """
    record = read_record(folder)
    if record.status == "failed":
        raise DataError(f"{folder} holds no finished scan: {record.failure.message}; scan the slide again")
    return ScanFolder(folder, record)


def scans_in(folder: Path) -> list[ScanFolder]:
    """The finished scans in `folder`, or that of `folder` itself where it is one; sorted by folder name.

    Raises:
        DataError: There is none, or a record is damaged.
    """
    records = _records(folder)
    finished = [ScanFolder(path, record) for path, record in records if record.status == "finished"]
    if not finished:
        raise DataError(f"{folder} holds no finished scan; make one with `sentinode scan`")
    return finished


def scan_folders(folder: Path) -> list[Path]:
    """The folders in `folder` that hold a scan's record, of whatever status; sorted by name."""
    found = (path.parent for path in folder.glob(f"*/{RECORD_FILE}"))
    return sorted(path for path in found if not is_system_file(path.name))


def failed_scans_in(folder: Path) -> list[FailedScan]:
    """The slides in `folder` that could not be scanned; sorted by folder name.

    Raises:
        DataError: A record is damaged.
    """
    return [record for _, record in _records(folder) if record.status == "failed"]


def _records(folder: Path) -> list[tuple[Path, FinishedScan | FailedScan]]:
    single = (folder / RECORD_FILE).is_file()
    folders = [folder] if single else scan_folders(folder)
    return [(path, read_record(path)) for path in folders]
