"""The patches of a centres study, each with its centre and its slide, or with what stands for them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.dataset import Dataset
from sentinode.data.splits import cut_by_group
from sentinode.studies.centres.centres_protocol import CentresProtocol
from sentinode.studies.drawn_patches import draw_of_each
from sentinode.training.appearances import find_appearances

HUE = "hue"
"""For `--centres`: clusters of hue stand for centres."""

_BATCH = 512
_LEAST = 20
"""Images of each class in a cluster that stands for a centre."""
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CentreImages:
    """N images."""

    data: Dataset
    """Of these images alone."""
    names: tuple[str, ...]
    """Of the centres."""
    centres: Integers
    """(N,) centre of each, as a place in `names`."""
    slides: Integers
    """(N,) slide of each, or what stands for it."""
    halves: Integers
    """(N,) 0 or 1: the halves of each centre's slides."""
    how: tuple[str, ...]
    """Where centres and slides come from, in sentences."""

    @property
    def truths(self) -> Integers:
        """(N,) 1 for the positive class, else 0."""
        manifest = self.data.manifest
        return np.asarray(manifest.table["label"] == manifest.positive, np.int64)

    @property
    def tiles(self) -> NDArray[np.uint8]:
        """(N, H, W, 3)."""
        return np.asarray(self.data.tiles[self.data.manifest.table["row"].to_numpy(np.int64)])


def draw_centres(data: Dataset, protocol: CentresProtocol, centres: str) -> CentreImages:
    """Draw the protocol's patches of the centres, half of each class.

    Args:
        data: Patches of two classes.
        protocol: How many, and how many centres stand in.
        centres: Empty: the data names them (`centre` of a csv: source). `hue`: clusters of hue stand for them. Else a
            CSV with the columns id,centre or group,centre.

    Raises:
        DataError: There are more than two classes, too few images of one, no centre is known and none was given, an
            image has none in the table, or a centre has one class or one slide only.
    """
    manifest = data.manifest
    if manifest.positive is None:
        raise DataError(f"the study needs two classes, and the data has {len(manifest.class_names)}")
    table = manifest.table if centres == HUE else _with_centres(manifest.table, centres)
    drawn = draw_of_each(table, sorted(table["label"].unique()), protocol.patches).reset_index(drop=True)
    part = replace(data, manifest=replace(manifest, table=drawn))
    slides, of_slides = _slides(part, grouped=centres != HUE)
    if centres == HUE:
        names, codes = _stand_ins(part, slides, protocol.stand_ins)
        said = (
            f"No centre is known: {len(names)} clusters of hue stand for them, which differ by less than hospitals do, "
            "or by what is shown rather than by who stained it. A cluster of one slide, or without images of both "
            "classes, joined the nearest."
        )
    else:
        values, codes = np.unique(drawn["centre"].to_numpy(str), return_inverse=True)
        names, said = tuple(values.tolist()), ""
    codes = codes.astype(np.int64)
    _check(names, codes, drawn["label"])
    halves = _halves(codes, slides, drawn["label"], names)
    return CentreImages(part, names, codes, slides, halves, tuple(filter(None, (said, of_slides))))


def _with_centres(table: pd.DataFrame, centres: str) -> pd.DataFrame:
    """The images whose centre is known, from the table's own column or from a CSV."""
    if not centres:
        known = table["centre"].notna()
        if not known.any():
            raise DataError(
                "the data names no centre; give --centres CSV with the columns id,centre or group,centre, or --centres "
                f"{HUE}: clusters of hue then stand for centres"
            )
        return table[known]
    found = read_table(Path(centres))
    key = "id" if found.has("id") else "group"
    rows = found.rows((key, "centre"))
    centre_of = {row.key(key): row.key("centre") for row in rows}
    named = table[key].map(centre_of)
    if named.isna().any():
        first = table.loc[named.isna(), key].iloc[0]
        raise DataError(
            f"{centres} names no centre of {key} {first!r} ({plural(int(named.isna().sum()), 'image')} without one); "
            "add a line for each"
        )
    return table.assign(centre=named)


def _slides(part: Dataset, *, grouped: bool) -> tuple[Integers, str]:
    """(N,) slide of each image; and a sentence where slides are not known."""
    groups = part.manifest.table["group"]
    if grouped and groups.notna().all():
        return np.unique(groups.to_numpy(str), return_inverse=True)[1].astype(np.int64), ""
    rows = part.manifest.table["row"].to_numpy(np.int64)
    found = find_appearances(part.tiles, rows, [""] * len(rows), seed=0).of_image
    return found, (
        "Slides and patients are not known: 24 clusters of hue stand for slides. Two may come from one slide, so the "
        "intervals are too narrow rather than too wide."
    )


def _stand_ins(part: Dataset, slides: Integers, count: int) -> tuple[tuple[str, ...], Integers]:
    """Clusters of the mean colour and stain of the clusters that stand for slides."""
    rows = part.manifest.table["row"].to_numpy(np.int64)
    parts = [stain_statistics(part.tiles[rows[start : start + _BATCH]]) for start in range(0, len(rows), _BATCH)]
    means = pd.DataFrame(np.concatenate(parts)).groupby(slides).mean()
    scaled = (means - means.mean()) / (means.std() + 1e-6)
    found = KMeans(min(count, len(means)), n_init=10, random_state=0).fit(scaled.to_numpy()).labels_
    place_of = {slide: place for place, slide in enumerate(means.index)}
    places = np.array([place_of[slide] for slide in slides.tolist()])
    codes = _merged(found.astype(np.int64), scaled.to_numpy(), places, part.manifest.table["label"])[places]
    return tuple(f"{HUE} {number + 1}" for number in range(int(codes.max()) + 1)), codes


def _merged(found: Integers, scaled: NDArray[np.float64], places: Integers, labels: "pd.Series[str]") -> Integers:
    """Clusters (S,) of slides, each of two slides at least, with images of both classes: one that lacks a class or is a
    slide alone, as the blank and the inky are, joins the nearest."""
    while len(np.unique(found)) > 1:
        images = pd.crosstab(found[places], labels.to_numpy()).min(axis=1)
        images[[each for each in images.index if (found == each).sum() < 2]] = 0
        if images.min() >= _LEAST:
            break
        poor = images.idxmin()
        centroids = {each: scaled[found == each].mean(axis=0) for each in images.index}
        others = [each for each in centroids if each != poor]
        found[found == poor] = min(others, key=lambda each: np.linalg.norm(centroids[each] - centroids[poor]))
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def _check(names: tuple[str, ...], codes: Integers, labels: "pd.Series[str]") -> None:
    if names == (f"{HUE} 1",):
        raise DataError(
            "clusters of hue can't stand for centres here: no two have images of both classes; give --centres CSV"
        )
    if len(names) < 2:
        raise DataError(f"there is one centre only ({names[0]}); the study leaves out one after another")
    counts = pd.crosstab(codes, labels.to_numpy())
    for place, name in enumerate(names):
        missing = [label for label in counts.columns if not counts.loc[place, label]]
        if missing or counts.shape[1] < 2:
            raise DataError(f"centre {name} has no image of {', '.join(missing)}; leave the centre out, or add images")


def _halves(codes: Integers, slides: Integers, labels: "pd.Series[str]", names: tuple[str, ...]) -> Integers:
    """Each centre's slides in two halves, with about as many images of each class."""
    out = np.empty(len(codes), np.int64)
    for place, name in enumerate(names):
        inside = codes == place
        if len(np.unique(slides[inside])) < 2:
            raise DataError(f"centre {name} has images of one slide only; a part of its slides must be known")
        sides = cut_by_group(labels[inside], pd.Series(slides[inside].astype(str)), {"0": 0.5, "1": 0.5}, seed=0)
        out[inside] = sides.astype(np.int64)
    return out
