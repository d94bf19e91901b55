"""Cohorts of drawn bags: slides with tumour have a few tiles that are told from all others."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts, BagGrid, BagSlide
from sentinode.models.mil.bag_file import write_bag
from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Region, shapely

Places = NDArray[np.int64]

TILE = 96
_ACROSS = 8


def write_cohort(
    folder: Path,
    *,
    slides: int = 40,
    test: int = 0,
    tiles: int = 48,
    size: int = 12,
    signal: float = 3.0,
    lesion: tuple[int, int] = (2, 8),
    patients: int = 0,
    seed: int = 0,
) -> Path:
    """Write `bags/`, `annotations/` and `labels.csv` (slide,label,split,cells[,patient]); every second has tumour.

    `lesion` tiles, anywhere on a slide with tumour, are shifted by `signal` in one feature and score high.
    """
    rng = np.random.default_rng(seed)
    (folder / "bags").mkdir(parents=True)
    (folder / "annotations").mkdir()
    lines = ["slide,label,split,cells" + (",patient" if patients else "")]
    for number in range(slides + test):
        name, tumour = f"s{number:03d}", number % 2
        cells = int(rng.integers(*lesion, endpoint=True)) if tumour else 0
        lesions = np.sort(rng.choice(tiles, cells, replace=False))
        write_bag(folder / "bags" / f"{name}.h5", _bag(rng, name, tiles, size, lesions, signal))
        if cells:
            _write_outline(folder / "annotations" / f"{name}.xml", lesions)
        split = "train" if number < slides else "test"
        owner = f",p{number // 2 % patients if split == 'train' else f't{number}'}" if patients else ""
        lines.append(f"{name},{tumour},{split},{cells or ''}{owner}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _bag(rng: np.random.Generator, name: str, tiles: int, size: int, lesions: Places, signal: float) -> Bag:
    features = rng.normal(size=(tiles, size))
    features[lesions, 0] += signal
    scores = np.clip(rng.beta(2, 6, tiles) + 0.5 * np.isin(np.arange(tiles), lesions), 0, 1)
    place = np.arange(tiles)
    coords = np.stack([place % _ACROSS * TILE, place // _ACROSS * TILE], axis=1).astype(np.int64)
    facts = BagFacts(
        name=name,
        space=FeatureSpace("network", "drawn", TILE, "0" * 64),
        grid=BagGrid(tile_px=TILE, mpp=0.5, step_px=TILE),
        slide=BagSlide(
            file=f"{name}.tif", width=_ACROSS * TILE, height=-(-tiles // _ACROSS) * TILE, mpp_x=0.5, mpp_y=0.5,
            sha256_of_ends="0" * 64,
        ),
        score_names=("normal", "tumour"),
    )  # fmt: skip
    both = np.stack([1 - scores, scores], axis=1).astype(np.float32)
    return Bag(facts, features.astype(np.float16), coords, both)


def _write_outline(path: Path, lesions: Places) -> None:
    """Within the tiles, a little inside their edges."""
    boxes = [
        shapely.box(place % _ACROSS * TILE + 5, place // _ACROSS * TILE + 5, place % _ACROSS * TILE + TILE - 5,
                    place // _ACROSS * TILE + TILE - 5)
        for place in lesions.tolist()
    ]  # fmt: skip
    write_asap(Annotations(tuple(Region(box, TUMOUR, f"a{n}", "Tumor") for n, box in enumerate(boxes))), path)
