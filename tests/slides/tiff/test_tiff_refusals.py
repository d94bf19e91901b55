"""TIFF files that a reader would open and show wrongly: refused by name, whichever reader is asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import slide_files
from sentinode.core.errors import SlideError
from sentinode.slides.slide import open_slide
from sentinode.testing.oddities import tiff_files

_READERS = ["auto", "tiff", "openslide"]
_PIXELS = slide_files.picture(130, 77)


def _write(path: Path, pixels: Any, **tags: Any) -> Path:
    known = {"tile": (48, 64), "compression": "lzw", "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, pixels, **{**known, **tags})
    return path


def _orientation(value: int) -> dict[str, Any]:
    return {"extratags": [(274, 3, 1, value, True)]}


@pytest.mark.parametrize("reader", _READERS)
@pytest.mark.parametrize(
    ("pixels", "tags", "reason"),
    [
        (_PIXELS.astype(np.uint16) * 16, {}, "16 bits a sample"),
        (_PIXELS.astype(np.float32), {}, "32 bits a sample"),
        (_PIXELS[..., 0], {"photometric": "minisblack"}, "is grey"),
        (_PIXELS[..., 0], {"photometric": "miniswhite"}, "is grey"),
        (_PIXELS[..., 0] > 120, {"photometric": "minisblack", "compression": None}, "is grey"),
        (np.repeat(_PIXELS[..., :1], 4, axis=2), {"photometric": "separated"}, "4 samples a pixel of .* 5, which is"),
        (_PIXELS, {"photometric": "cielab"}, "3 samples a pixel of .* 8, which is no RGB"),
        (np.repeat(_PIXELS, 2, axis=2), {"extrasamples": [0, 0, 0]}, "6 samples a pixel"),
        *((_PIXELS, _orientation(value), rf"turned or mirrored \(orientation {value}\)") for value in range(2, 9)),
    ],
)
def test_samples_and_orientation(tmp_path: Path, reader: str, pixels: Any, tags: dict[str, Any], reason: str) -> None:
    path = _write(tmp_path / "a.tif", pixels, **tags)
    with pytest.raises(SlideError, match=reason):
        open_slide(path, reader=reader)


@pytest.mark.parametrize("value", [1, 6])
def test_orientation_in_strips(tmp_path: Path, value: int) -> None:
    path = _write(tmp_path / "a.tif", _PIXELS, tile=None, rowsperstrip=16, **_orientation(value))
    if value == 1:
        with open_slide(path, mpp=0.5) as slide:
            assert np.array_equal(slide.reader.read(0, 0, 0, 130, 77), _PIXELS)
    else:
        with pytest.raises(SlideError, match="turned or mirrored"):
            open_slide(path, mpp=0.5)


@pytest.mark.parametrize("reader", _READERS)
def test_planes_on_pages_of_their_own(tmp_path: Path, reader: str) -> None:
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        for plane in range(3):
            file.write(_PIXELS[..., plane], photometric="minisblack", tile=(48, 64), metadata=None)
    with pytest.raises(SlideError, match="3 grey planes on pages of their own"):
        open_slide(tmp_path / "a.ome.tif", reader=reader)


def _two_pictures(path: Path, first: Any, second: Any) -> None:
    with tifffile.TiffWriter(path) as file:
        for pixels in (first, second):
            file.write(pixels, photometric="rgb", tile=(48, 64), metadata=None)
            file.write(pixels[::2, ::2], photometric="rgb", tile=(48, 64), metadata=None, subfiletype=1)


@pytest.mark.parametrize("reader", _READERS)
def test_two_pictures_are_named_and_one_is_chosen(tmp_path: Path, reader: str) -> None:
    other = slide_files.ramp(90, 60)
    _two_pictures(tmp_path / "a.tif", _PIXELS, other)
    with pytest.raises(SlideError, match=r"holds 2 pictures \(0: 130×77 px, 1: 90×60 px\); choose one.*--series"):
        open_slide(tmp_path / "a.tif", reader=reader)
    with pytest.raises(SlideError, match="no picture 2"):
        open_slide(tmp_path / "a.tif", reader=reader, series=2)
    if reader == "openslide":
        with pytest.raises(SlideError, match="the reader openslide knows no single pictures"):
            open_slide(tmp_path / "a.tif", reader=reader, series=1)
        return
    for series, pixels in ((0, _PIXELS), (1, other)):
        with open_slide(tmp_path / "a.tif", reader=reader, series=series) as slide:
            assert (slide.width, slide.height) == pixels.shape[1::-1]
            assert np.array_equal(slide.reader.read(0, 0, 0, slide.width, slide.height), pixels)
            assert np.array_equal(slide.reader.read(1, 0, 0, 40, 30), pixels[::2, ::2][:30, :40])  # its own level


def test_pictures_of_one_size_are_two(tmp_path: Path) -> None:
    _two_pictures(tmp_path / "a.tif", _PIXELS, _PIXELS[::-1])
    with pytest.raises(SlideError, match="holds 2 pictures"):
        open_slide(tmp_path / "a.tif")


_LARGE = slide_files.picture(403, 301)


def _pages(path: Path, *pages: Any, **tags: Any) -> Path:
    with tifffile.TiffWriter(path) as file:
        for pixels in pages:
            file.write(pixels, photometric="rgb", tile=(48, 64), metadata=None, **tags)
    return path


@pytest.mark.parametrize("compression", ["lzw", "jpeg"])
def test_levels_that_nobody_marked_are_no_pictures(tmp_path: Path, compression: str) -> None:
    levels = slide_files.pyramid(_LARGE)
    with open_slide(_pages(tmp_path / "a.tif", *levels, compression=compression)) as slide:
        assert (slide.width, slide.height) == (403, 301)
        assert len(slide.facts.levels) == 1
    skipped = [_LARGE[::step, ::step] for step in (1, 2, 4, 8)]  # reduced without taking means
    open_slide(_pages(tmp_path / "b.tif", *skipped, compression=compression)).close()


@pytest.mark.parametrize(
    "second",
    [slide_files.pyramid(_LARGE[::-1], 2)[1], slide_files.pyramid(_LARGE[:, ::-1], 3)[2], np.full((150, 201, 3), 240)],
    ids=["mirrored", "mirrored the other way", "glass"],
)
def test_another_picture_of_half_the_size_is_one(tmp_path: Path, second: Any) -> None:
    with pytest.raises(SlideError, match="holds 2 pictures"):
        open_slide(_pages(tmp_path / "a.tif", _LARGE, second.astype(np.uint8)))


def test_a_label_that_ome_names_is_no_picture(tmp_path: Path) -> None:
    names = "".join(
        f'<Image ID="Image:{n}" Name="{name}"><Pixels><TiffData IFD="{n}"/></Pixels></Image>'
        for n, name in enumerate(("slide.svs", "label image"))
    )
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        description = f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{names}</OME>'
        file.write(_PIXELS, photometric="rgb", tile=(48, 64), metadata=None, description=description)
        file.write(slide_files.ramp(90, 60), photometric="rgb", tile=(48, 64), metadata=None)
    with open_slide(tmp_path / "a.ome.tif") as slide:
        assert (slide.width, slide.height) == (130, 77)


@pytest.mark.parametrize(
    ("encode", "photometric"),
    [
        (tiff_files.jpeg("YCBCR"), "rgb"),
        (tiff_files.jpeg("RGB"), "ycbcr"),
        (tiff_files.jpeg("YCBCR", "420", markers=False), "rgb"),
    ],
)
def test_openslide_is_not_asked_where_it_goes_by_a_wrong_tag(
    tmp_path: Path, encode: tiff_files.Encode, photometric: str
) -> None:
    tiff_files.write_tiles(tmp_path / "a.tif", _PIXELS, encode, tiff_files.JPEG, photometric)
    with pytest.raises(SlideError, match="which OpenSlide mistakes; read it with the reader tiff"):
        open_slide(tmp_path / "a.tif", reader="openslide")
    open_slide(tmp_path / "a.tif").close()


def test_one_wrong_tile_among_right_ones_is_found(tmp_path: Path) -> None:
    ways = [tiff_files.jpeg("YCBCR")] * 5 + [tiff_files.jpeg("RGB")]
    tiff_files.write_tiles(tmp_path / "a.tif", _PIXELS, ways, tiff_files.JPEG, "ycbcr")
    with pytest.raises(SlideError, match="is tagged YCBCR and its tiles hold RGB"):
        open_slide(tmp_path / "a.tif", reader="openslide")


def test_a_fourth_sample_that_nobody_calls_transparency(tmp_path: Path) -> None:
    four = np.dstack([_PIXELS, np.zeros(_PIXELS.shape[:2], np.uint8)])
    path = _write(tmp_path / "a.tif", four, extrasamples=[0])
    with open_slide(path) as slide:
        assert np.array_equal(slide.reader.read(0, 0, 0, 130, 77), _PIXELS)
    with pytest.raises(SlideError, match="fourth sample that OpenSlide takes for transparency"):
        open_slide(path, reader="openslide")


@pytest.mark.parametrize(("opacity", "expected"), [(255, _PIXELS), (0, np.full_like(_PIXELS, 255))])
def test_a_fourth_sample_that_is_transparency(tmp_path: Path, opacity: int, expected: Any) -> None:
    four = np.dstack([_PIXELS, np.full(_PIXELS.shape[:2], opacity, np.uint8)])
    with open_slide(_write(tmp_path / "a.tif", four, extrasamples=["unassalpha"])) as slide:
        assert slide.facts.reader == "openslide"
        assert np.array_equal(slide.reader.read(0, 0, 0, 130, 77), expected)


def test_palette_is_read(tmp_path: Path) -> None:
    table = np.random.default_rng(4).integers(0, 256, (3, 256), np.uint16) * 257
    indices = _PIXELS[..., 0]
    path = _write(tmp_path / "a.tif", indices, photometric="palette", colormap=table)
    with open_slide(path) as slide:
        assert np.array_equal(slide.reader.read(0, 0, 0, 130, 77), (table // 257).T.astype(np.uint8)[indices])


@pytest.mark.parametrize("compression", ["jpegxr", "lerc", "webp"])
@pytest.mark.parametrize("reader", _READERS)
def test_a_codec_that_nobody_supports_is_called_that(tmp_path: Path, compression: str, reader: str) -> None:
    path = _write(tmp_path / "a.tif", _PIXELS, compression=compression)
    with pytest.raises(SlideError, match=r"^(?!.*damaged).*support") as refusal:
        open_slide(path, reader=reader)
    assert "\n" not in str(refusal.value)


def test_a_codec_that_openslide_has(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.tif", _PIXELS, compression="zstd")
    with open_slide(path, mpp=0.5) as slide:
        assert slide.facts.reader == "openslide"
        assert np.array_equal(slide.reader.read(0, 0, 0, 130, 77), _PIXELS)
