"""What is unlike a bundle's training images says so; what is like them seldom does."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.cli.main import main
from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.core.tile_quality import QUALITY_COLUMNS, quality_statistics
from sentinode.models.novelty import LEAST_IMAGES, TrainingRange

COUNT, SIDE = 400, 48
DIRECTION = np.random.default_rng(7).normal(size=(3, 24))


def tiles(count: int, seed: int, *, shade: tuple[int, int, int] = (180, 120, 190), noise: float = 25) -> np.ndarray:
    """(count, SIDE, SIDE, 3) of noise around a shade that differs a little from tile to tile."""
    rng = np.random.default_rng(seed)
    base = np.array(shade) + rng.normal(0, 8, (count, 1, 1, 3))
    return np.clip(base + rng.normal(0, noise, (count, SIDE, SIDE, 1)), 0, 255).astype(np.uint8)


def embedded(images: np.ndarray) -> np.ndarray:
    """(n, 24): a linear map of the mean colour, with noise."""
    rng = np.random.default_rng(len(images))
    return ((images.mean(axis=(1, 2)) - 150) @ DIRECTION + rng.normal(0, 2, (len(images), 24))).astype(np.float32)


def reference(images: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "embedding": embedded(images).astype(np.float16),
        "stain": stain_statistics(images),
        "stain_columns": np.array(STAIN_COLUMNS),
        "quality": quality_statistics(images),
        "quality_columns": np.array(QUALITY_COLUMNS),
    }


@pytest.fixture(scope="module")
def known() -> TrainingRange:
    found = TrainingRange.of(reference(tiles(COUNT, 0)))
    assert found is not None
    return found


def test_images_like_the_training_ones_are_seldom_outside(known: TrainingRange) -> None:
    images = tiles(COUNT, 1)
    outside = known.outside(list(images), embedded(images))
    assert np.mean([bool(each) for each in outside]) <= 0.08


def test_another_stain_is_outside(known: TrainingRange) -> None:
    images = tiles(20, 2, shade=(120, 190, 120))
    outside = known.outside(list(images), embedded(images))
    assert all({"stain", "embedding"} <= set(each) for each in outside)


def test_blur_is_outside_in_sharpness_and_a_grid_of_blocks_in_compression(known: TrainingRange) -> None:
    images = tiles(10, 3)
    blurred = images.copy()
    for _ in range(3):
        blurred[:, 1:-1, 1:-1] = ((blurred[:, :-2, 1:-1].astype(int) + blurred[:, 2:, 1:-1]) // 2).astype(np.uint8)
    assert all("sharpness" in each for each in known.outside(list(blurred), embedded(images)))
    blocks = np.repeat(np.repeat(images[:, ::8, ::8], 8, axis=1), 8, axis=2)
    assert all("compression" in each for each in known.outside(list(blocks), embedded(images)))


def test_a_bundle_from_before_has_stain_and_embedding_only() -> None:
    old = {name: values for name, values in reference(tiles(COUNT, 0)).items() if not name.startswith("quality")}
    found = TrainingRange.of(old)
    assert found is not None
    assert found.quality_limits is None
    green = tiles(2, 4, shade=(120, 190, 120))
    assert set(found.outside(list(green), embedded(green))[0]) == {"stain", "embedding"}


def test_what_says_too_little_says_nothing() -> None:
    few = reference(tiles(LEAST_IMAGES - 1, 0))
    assert TrainingRange.of(few) is None
    assert TrainingRange.of({"embedding": np.zeros((500, 4), np.float16)}) is None
    renamed = reference(tiles(COUNT, 0)) | {"stain_columns": np.array(["other"])}
    assert TrainingRange.of(renamed) is None


def test_no_image_is_no_answer(known: TrainingRange) -> None:
    assert known.outside([], np.empty((0, 24), np.float32)) == []


VALID = Path(__file__).parents[2].parent / "shared" / "data" / "pcam-real" / "valid"


def test_real_patches_of_other_slides_are_seldom_outside_in_stain() -> None:
    """In embedding, too, it is measured with the whole split: docs/bundle.md."""
    if not VALID.is_dir():
        pytest.skip("the real patches of ../shared/data are not here")
    from sentinode.core.images import read_image
    from sentinode.models.bundle import open_bundle

    found = TrainingRange.of(open_bundle("pcam").reference())
    assert found is not None
    images = [read_image(path) for path in sorted(VALID.glob("*/*.jpg"))[::15]]
    outside = found.outside(images, np.resize(found.embedding, (len(images), found.embedding.shape[1])))
    assert len(images) >= 190
    assert np.mean(["stain" in each for each in outside]) <= 0.05


def test_what_shows_no_tissue_is_said_to(known: TrainingRange) -> None:
    """White, other plain colours, and glass with a camera's noise and dust; tissue is none, however pale."""
    rng = np.random.default_rng(5)
    colours = [(255, 255, 255), (243, 243, 245), (0, 0, 0), (230, 150, 190), (120, 60, 150), (0, 0, 255)]
    bare = [np.full((SIDE, SIDE, 3), colour, np.uint8) for colour in colours]
    glass = np.clip(rng.normal(242, 3, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    dusty = glass.copy()
    dusty[10:14, 20:24] = 90
    bare += [glass, dusty]
    assert all("tissue" in each for each in known.outside(bare, np.zeros((len(bare), 24), np.float32)))
    pale = np.concatenate([tiles(10, 6), tiles(10, 7, shade=(235, 215, 230), noise=10)])
    assert not any("tissue" in each for each in known.outside(list(pale), embedded(pale)))


def test_a_white_patch_is_said_to_be_one_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (96, 96), "white").save(tmp_path / "white.png")
    for as_json in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main(["predict", "pcam", str(tmp_path / "white.png"), *as_json])
        said = capsys.readouterr().out
        assert ('"outside": "tissue' in said) if as_json else ("white.png" in said and "no tissue in it" in said)
