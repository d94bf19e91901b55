"""The mask by rules: what is taken, what is left out and why, and the fraction of a rectangle."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_otsu

from helpers import tissue_pictures
from sentinode.core.errors import SlideError
from sentinode.slides.mpp import Mpp
from sentinode.slides.slide import open_slide
from sentinode.slides.tissue.stain import glass_colour, otsu
from sentinode.slides.tissue.tissue_mask import Found, TissueConfig, TissueMask, mask_of, tissue_mask


def _found(picture: np.ndarray, **changes: object) -> Found:
    return mask_of(picture, 8.0, TissueConfig(**changes))


def test_tissue_is_found_to_its_outline() -> None:
    plain = tissue_pictures.glass()
    where = tissue_pictures.rectangle(plain, 40, 30, 120, 100)
    found = _found(tissue_pictures.stained(plain, where))
    assert (found.mask & where).sum() > 0.99 * where.sum()
    assert (found.mask & ~ndimage.binary_dilation(where, iterations=2)).sum() == 0


def test_every_pixel_is_counted_once() -> None:
    plain = tissue_pictures.glass()
    picture = tissue_pictures.stained(plain, tissue_pictures.rectangle(plain, 40, 30, 120, 100))
    picture, _ = tissue_pictures.drawn_over(picture, (30, 130, 70), 60)
    picture[:, :9] = 4  # a black frame
    found = _found(picture)
    counted = found.mask.astype(int) + sum(where.astype(int) for where in found.excluded.values())
    assert (counted == 1).all()
    assert found.excluded["border"][:, :9].all()


def test_a_fragment_of_two_patches_at_10x_does_not_vanish() -> None:
    plain = tissue_pictures.glass()
    where = tissue_pictures.rectangle(plain, 100, 70, 112, 93)  # 96 × 184 µm
    found = _found(tissue_pictures.stained(plain, where))
    assert (found.mask & where).sum() > 0.95 * where.sum()


def test_pale_tissue_is_found_on_tinted_glass() -> None:
    plain = tissue_pictures.glass(colour=(222, 218, 226))
    where = tissue_pictures.rectangle(plain, 40, 30, 120, 100)
    found = _found(tissue_pictures.stained(plain, where, strength=0.16))
    assert (found.mask & where).sum() > 0.95 * where.sum()
    assert found.mask.sum() < 1.1 * where.sum()


def test_dust_is_not_tissue_and_counted() -> None:
    plain = tissue_pictures.glass()
    where = tissue_pictures.rectangle(plain, 50, 50, 54, 54)  # 32 µm
    found = _found(tissue_pictures.stained(plain, where))
    assert not found.mask.any()
    assert found.excluded["specks"].sum() >= 12


@pytest.mark.parametrize("colour", [(243, 241, 244), (255, 255, 255), (225, 225, 232)])
def test_a_blank_slide_has_an_empty_mask(colour: tuple[int, int, int]) -> None:
    found = _found(tissue_pictures.glass(colour=colour))
    assert not found.mask.any()
    assert found.excluded["glass"].mean() > 0.999


@pytest.mark.parametrize("value", [0, 255])
def test_a_slide_of_one_colour_has_an_empty_mask(value: int) -> None:
    assert not _found(np.full((31, 47, 3), value, np.uint8)).mask.any()


def test_a_slide_full_of_tissue_is_all_tissue() -> None:
    plain = tissue_pictures.glass()
    found = _found(tissue_pictures.stained(plain, np.ones(plain.shape[:2], bool)))
    assert found.mask.mean() > 0.99


def test_fat_does_not_fill_the_mask() -> None:
    assert _found(tissue_pictures.fat()).mask.mean() < 0.1


def test_small_holes_are_filled_and_large_ones_kept() -> None:
    plain = tissue_pictures.glass()
    where = tissue_pictures.rectangle(plain, 20, 20, 180, 130)
    small, large = tissue_pictures.rectangle(plain, 40, 40, 45, 45), tissue_pictures.rectangle(plain, 100, 60, 125, 85)
    found = _found(tissue_pictures.stained(plain, where & ~small & ~large))
    assert found.mask[small].all()
    assert found.mask[large].mean() < 0.2


@pytest.mark.parametrize("name", ["navy", "blue", "green", "lime", "black"])
def test_ink_is_left_out_under_its_name(name: str) -> None:
    plain = tissue_pictures.glass()
    tissue = tissue_pictures.rectangle(plain, 60, 20, 150, 130)
    colour, reason = tissue_pictures.INKS[name]
    picture, stroke = tissue_pictures.drawn_over(tissue_pictures.stained(plain, tissue), colour, 60)
    found = _found(picture)
    on_glass, on_tissue = stroke & ~tissue, stroke & tissue
    assert found.excluded[reason][on_glass].mean() > 0.95
    ink = np.logical_or.reduce([found.excluded[each] for each in ("pen-blue", "pen-green", "pen-black")])
    assert ink[on_tissue].mean() > 0.9
    far = ~ndimage.binary_dilation(stroke, iterations=6)
    assert not (ink & far).any()
    assert found.mask[tissue & far].mean() > 0.98


def test_ink_can_be_taken_for_what_it_is_not() -> None:
    picture, stroke = tissue_pictures.drawn_over(tissue_pictures.glass(), (60, 100, 200), 60)
    assert "pen-blue" not in _found(picture, pen=False).excluded
    assert not _found(picture).mask[stroke].any()


def test_blurred_tissue_is_left_out() -> None:
    plain = tissue_pictures.glass()
    where = tissue_pictures.rectangle(plain, 30, 30, 180, 120)
    sharp = tissue_pictures.stained(plain, where)
    soft = ndimage.gaussian_filter(sharp.astype(float), (3, 3, 0)).astype(np.uint8)  # 24 µm
    assert not _found(sharp).excluded["blur"].any()
    found = _found(soft)
    inner = ndimage.binary_erosion(where, iterations=20)
    assert found.excluded["blur"][inner].mean() > 0.95
    assert _found(soft, blur=False).mask[inner].all()


def test_no_ink_is_seen_on_real_patches_and_they_are_tissue(shared_data: Path) -> None:
    files = sorted((shared_data / "pcam-real" / "valid").glob("[01]/*"))[:: 3000 // 240][:240]
    patches = [np.asarray(Image.open(path).convert("RGB"), float) for path in files]
    small = np.stack([patch.reshape(12, 8, 12, 8, 3).mean((1, 3)) for patch in patches])  # 7.8 µm/px
    density = -np.log10((small + 1) / 246).mean((1, 2, 3))
    dense = small[density > 0.1][:180]
    assert len(dense) == 180
    rows = [np.concatenate(list(dense[start : start + 20]), axis=1) for start in range(0, 180, 20)]
    found = mask_of(np.concatenate(rows).round().astype(np.uint8), 7.776, TissueConfig())
    assert sum(found.excluded[ink].sum() for ink in ("pen-blue", "pen-green", "pen-black", "blur")) == 0
    assert found.mask.mean() > 0.9


def test_the_real_slide(shared_data: Path) -> None:
    with open_slide(shared_data / "slides" / "CMU-1-Small-Region.svs") as slide:
        found = tissue_mask(slide)
        assert found.mask.shape == (186, 139)
        assert found.tissue_mm2 == pytest.approx(0.61, abs=0.05)  # looked at: the piece, without its background
        assert found.mask[150, 70]
        assert not found.mask[100, 20]
        whole = found.tissue_mm2 + sum(found.excluded.values())
        assert whole == pytest.approx(186 * 139 * 64e-6)


def test_glass_is_read_off_the_slide_but_not_off_tissue() -> None:
    plain = tissue_pictures.glass(colour=(222, 218, 226))
    assert np.abs(glass_colour(plain) - (222, 218, 226)).max() <= 4
    everywhere = np.ones(plain.shape[:2], bool)
    assert (glass_colour(tissue_pictures.stained(plain, everywhere)) == 245).all()


@given(hnp.arrays(np.float32, st.integers(2, 60), elements=st.floats(0, 2, width=16)))
def test_otsu_agrees_with_scikit_image(values: np.ndarray) -> None:
    if values.min() == values.max():
        assert np.isfinite(otsu(values))
        return

    def spread(threshold: float) -> float:
        below = values > threshold
        return sum(part.var() * part.size for part in (values[below], values[~below]) if part.size)

    assert spread(otsu(values)) <= spread(threshold_otsu(values)) + 0.02 * values.var() * values.size


masks = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 13)))


@given(masks, st.floats(-30, 120), st.floats(-30, 90), st.integers(1, 40), st.integers(1, 40))
def test_fraction_is_exact(mask: np.ndarray, x0: float, y0: float, width: int, height: int) -> None:
    found = TissueMask(mask, Mpp(8.0, 8.0), Mpp(1.0, 2.0))  # 8 and 4 level-0 pixels in a mask pixel

    def overlap(start: float, length: float, pixel: int, size: float) -> float:
        return max(0.0, min(start + length, (pixel + 1) * size) - max(start, pixel * size))

    inside = whole = 0.0
    for row, column in np.ndindex(*mask.shape):
        area = overlap(x0, width, column, 8) * overlap(y0, height, row, 4)
        whole += area
        inside += area * mask[row, column]
    expected = inside / whole if whole else 0.0
    assert found.fraction(np.array([x0]), np.array([y0]), width, height)[0] == pytest.approx(expected, abs=1e-6)


def test_a_slide_without_a_known_size_of_its_pixels_is_refused(tmp_path: Path) -> None:
    Image.fromarray(tissue_pictures.glass(61, 83)).save(tmp_path / "plain.png")
    with open_slide(tmp_path / "plain.png") as slide, pytest.raises(SlideError, match="µm/px"):
        tissue_mask(slide)


def test_a_coarse_image_has_a_mask_at_its_own_scale(tmp_path: Path) -> None:
    plain = tissue_pictures.glass()
    Image.fromarray(tissue_pictures.stained(plain, tissue_pictures.rectangle(plain, 40, 30, 120, 100))).save(
        tmp_path / "coarse.png"
    )
    with open_slide(tmp_path / "coarse.png", mpp=10.0) as slide:
        found = tissue_mask(slide)
    assert (found.mpp, found.mask.shape) == (Mpp(10.0, 10.0), (150, 211))
    assert found.tissue_mm2 == pytest.approx(80 * 70 * 100e-6, rel=0.02)
