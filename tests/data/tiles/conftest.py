"""Slides to draw tiles from."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import small_slides
from sentinode.core.progress import Progress
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_folder import TileSet
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import TilesConfig


@pytest.fixture(scope="session")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six slides, three of them with tumour, and a table that splits them. Not to be changed."""
    folder = tmp_path_factory.mktemp("slides")
    lines = ["slide,label,patient,split"]
    for number, split in enumerate(("train", "train", "validation", "validation", "test", "test")):
        name = f"case_{number}"
        small_slides.write_slide(folder, name, tumour=number % 2 == 1)
        lines.append(f"{name}.tif,{number % 2},patient_{number},{split}")
    (folder / "slides.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def draw(slides: Path) -> Callable[..., TileSet]:
    """Draw tiles of `slides`, or of another folder, into a folder."""

    def draw(out: Path, folder: Path = slides, **config: object) -> TileSet:
        parsed = TilesConfig.model_validate({"size_px": 64, "mpp": 1.0, **config})
        return draw_into(out, list_annotated_slides([folder], []), parsed, Progress())[0]

    return draw
