"""`slides:DIR` as data."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from helpers import small_slides
from sentinode.core.errors import DataError
from sentinode.core.progress import Progress
from sentinode.data.address import open_source
from sentinode.data.dataset import Dataset
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.slide import open_slide

Load = Callable[..., Dataset]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`slides/` with three pairs of slides, and `tiles/` drawn from them. Not to be changed."""
    root = tmp_path_factory.mktemp("data")
    lines = ["slide,label,split"]
    for number, split in enumerate(("train", "train", "val", "val", "test", "test")):
        small_slides.write_slide(root / "slides", f"case_{number}", tumour=number % 2 == 1)
        lines.append(f"case_{number},{number % 2},{split}")
    (root / "slides" / "slides.csv").write_text("\n".join(lines))
    draw_into(
        root / "tiles", list_annotated_slides([root / "slides"], []), TilesConfig(size_px=64, mpp=1.0), Progress()
    )
    return root


def test_it_loads_packed_split_and_with_its_mpp(folder: Path, load: Load) -> None:
    data = load(f"slides:{folder / 'tiles'}")
    assert data.mpp == 1.0
    assert data.manifest.class_names == ("normal", "tumour")
    assert data.manifest.grouping == "source"
    assert data.manifest.groups("test") == sorted(data.manifest.groups("test") or [])
    assert set(data.manifest.groups("test") or []) <= {"case_4", "case_5"}
    number = 3
    with open_slide(folder / "slides" / "case_4.tif") as slide:
        id_ = data.manifest.ids("test")[number]
        x0, y0 = map(int, id_.partition("/")[2].split("_"))
        expected = slide.read_at(1.0, x0, y0, 64, 64)
    assert id_.startswith("case_4/")
    assert np.array_equal(data.images("test")[number], expected)


def test_a_bare_path_is_recognised_and_slides_alone_are_not_tiles(folder: Path) -> None:
    assert open_source(str(folder / "tiles")).address == f"slides:{folder / 'tiles'}"
    with pytest.raises(DataError, match="sentinode tiles"):
        open_source(f"slides:{folder / 'slides'}")


def test_another_mpp_is_refused(folder: Path, load: Load) -> None:
    with pytest.raises(DataError, match=r"data.mpp is 0.5 .* set data.mpp=1"):
        load(f"slides:{folder / 'tiles'}", mpp=0.5)


def test_slides_are_drawn_from_on_first_use_as_the_recipe_says(folder: Path, load: Load, tmp_path: Path) -> None:
    tiles = {"size_px": 48, "mpp": 1.0, "per_slide": 6}
    first = load(f"slides:{folder / 'slides'}", tiles=tiles)
    assert first.tiles.shape[1:] == (48, 48, 3)
    (kept,) = (tmp_path / "cache" / "tiles").iterdir()
    before = (kept / "tiles.json").stat().st_mtime_ns
    assert load(f"slides:{folder / 'slides'}", tiles=tiles).manifest.hash == first.manifest.hash
    assert (kept / "tiles.json").stat().st_mtime_ns == before
    with pytest.raises(DataError, match=r"64 px.*48 px"):
        load(f"slides:{folder / 'tiles'}", tiles=tiles)


def test_a_slide_that_is_gone_or_another_one_leaves_its_tiles_out_counted(
    folder: Path, load: Load, tmp_path: Path
) -> None:
    shutil.copytree(folder / "slides", tmp_path / "slides")
    config = TilesConfig(size_px=64, mpp=1.0)
    draw_into(tmp_path / "tiles", list_annotated_slides([tmp_path / "slides"], []), config, Progress())
    before = open_source(str(tmp_path / "tiles")).fingerprint()
    (tmp_path / "slides" / "case_0.tif").unlink()
    small_slides.write_pyramid(
        tmp_path / "slides" / "case_2.tif", [np.full((700, 900, 3), 150, np.uint8)], width=900, height=700,
        mpp=small_slides.Mpp(0.5, 0.5),
    )  # fmt: skip
    data = load(f"slides:{tmp_path / 'tiles'}")
    assert open_source(str(tmp_path / "tiles")).fingerprint() != before
    assert set(data.manifest.excluded()) == {"missing image", "unreadable image"}
    assert "case_0" not in set(data.manifest.table["group"])
    details = {one.detail for one in data.manifest.exclusions if one.kind == "unreadable image"}
    assert all("900 × 700 px, and had 1411 × 1093" in detail for detail in details)


def test_many_threads_read_what_one_reads(folder: Path) -> None:
    source = open_source(str(folder / "tiles"))
    order = np.random.default_rng(0).permutation(len(source.records))[:40].tolist()  # back and forth between slides
    alone = [source.read(index) for index in order]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(source.read, order))
    assert all(np.array_equal(one, two) for one, two in zip(alone, together, strict=True))
