"""Finished scans, read once: heatmap, tiles and lesions at any threshold."""

import base64
import hashlib
import json
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.extras import require
from sentinode.metrics.stages import SLIDE_CLASS_OF
from sentinode.scanning.lesions import OutlinedLesion, find_lesions
from sentinode.scanning.scan_folder import open_scan
from sentinode.scanning.scan_record import FinishedScan
from sentinode.serving.problems import Problem
from sentinode.serving.slides.heatmap_tiles import HeatmapTiles, grid_of
from sentinode.store.scan_store import ACTIVE
from sentinode.store.tables import ScanRow

shapely = require("shapely", extra="scan")

_KEPT = 8
_DECIMALS = 2


@dataclass(frozen=True, eq=False)
class ScanResult:
    """A finished scan in memory."""

    record: FinishedScan
    tiles: HeatmapTiles
    tile_width: int
    """Level-0 pixels."""
    tile_height: int
    suspects: list[OutlinedLesion]
    """Of a learned rule: lesions and what is suspicious below them, by falling probability."""
    lesion_sets: dict[float | None, list[dict[str, Any]]]
    """By threshold; bounded."""
    attention: HeatmapTiles | None = None
    """Of a slide model, as a share of its largest; None of a scan without one."""

    def grid(self) -> dict[str, Any]:
        """The heatmap's cells for a client."""
        heatmap = self.tiles.heatmap
        rows, columns = heatmap.values.shape
        return {
            "columns": columns,
            "rows": rows,
            "x": 0,
            "y": 0,
            "step_x": heatmap.downsample_x,
            "step_y": heatmap.downsample_y,
            "tile_width": self.tile_width,
            "tile_height": self.tile_height,
            "probabilities": base64.b64encode(grid_of(heatmap.values).tobytes()).decode(),
        }

    def lesions(self, threshold: float | None) -> dict[str, Any]:
        """What GET /scans/{id}/lesions answers."""
        reading = self.record.reading
        if reading:
            least = reading.threshold if threshold is None else threshold
            parts: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
            for one in self.suspects:
                parts[(one.lesion.probability or 0.0) < least].append(self._lesion(one))
            return self._answer(least, "probability", *parts)
        rule = self.record.rule if threshold is None else self.record.rule.at(threshold)
        found = self.lesion_sets.get(rule.outline)
        if found is None:
            slide = self.record.slide
            outlined = find_lesions(self.tiles.heatmap, rule, slide.width, slide.height)
            found = [self._lesion(one) for one in outlined]
            if len(self.lesion_sets) >= 64:
                self.lesion_sets.clear()
            self.lesion_sets[rule.outline] = found
        return self._answer(rule.outline, "score", found, [])

    def _answer(self, threshold: float, of: str, lesions: list[Any], suspicious: list[Any]) -> dict[str, Any]:
        notes = list(self.record.notes)
        return {"threshold": threshold, "of": of, "lesions": lesions, "suspicious": suspicious, "notes": notes}

    def _lesion(self, one: OutlinedLesion) -> dict[str, Any]:
        left, top, right, bottom = one.outline.bounds
        outline = shapely.set_precision(one.outline, 10**-_DECIMALS)
        lesion = one.lesion
        return {
            "id": lesion_id(self.record.key, outline),
            "rank": lesion.rank,
            "probability": lesion.probability,
            "score_max": lesion.score_max,
            "score_mean": lesion.score_mean,
            "area_mm2": lesion.area_mm2,
            "diameter_um": lesion.diameter_um,
            "class": SLIDE_CLASS_OF[lesion.size_class],
            "centroid": {"x": lesion.centroid_x, "y": lesion.centroid_y},
            "bounds": {"x": left, "y": top, "width": right - left, "height": bottom - top},
            "polygon": json.loads(shapely.to_geojson(outline)),
        }


class Results:
    """The finished scans that were asked for last."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[str, ScanResult] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, row: ScanRow) -> ScanResult:
        """A scan's result.

        Raises:
            Problem: 409 where it is not finished, 410 where its folder is gone or damaged.
        """
        if row.status != "finished":
            wait = "its results are there when it is finished" if row.status in ACTIVE else "scan the slide again"
            raise Problem(409, f"the scan is {row.status}; {wait}")
        with self._lock:
            found = self._kept.get(row.id)
            if found is not None:
                self._kept.move_to_end(row.id)
                return found
        found = self._read(row)
        with self._lock:
            self._kept[row.id] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, row: ScanRow) -> ScanResult:
        folder = self._folder / row.folder
        try:
            scan = open_scan(folder)
            heatmap, tiles, suspects = scan.heatmap(), scan.tiles(), scan.suspects()
            attention = scan.attention() if scan.record.slide_model else None
        except SentinodeError as error:
            message = str(error).replace(str(folder), "the scan's folder")
            raise Problem(410, message) from error
        slide = scan.record.slide
        pyramid = HeatmapTiles(heatmap, slide.width, slide.height)
        looked = HeatmapTiles(attention, slide.width, slide.height) if attention else None
        return ScanResult(scan.record, pyramid, tiles.width, tiles.height, suspects, {}, looked)


def lesion_id(key: str, outline: Any) -> str:
    """The id of a lesion: a hash of the scan's key and the outline.

    The same scan at the same threshold gives the same ids whenever it is asked; and a lesion whose outline another
    threshold does not change keeps its id there.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=9)
    digest.update(shapely.to_wkb(shapely.normalize(outline)))
    return base64.urlsafe_b64encode(digest.digest()).decode()
