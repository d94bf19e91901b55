"""The direct reader of tiled TIFF and SVS: what it takes, what it refuses, damage, tiles left out."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile

from helpers import slide_files
from sentinode.core.errors import SlideError, SlideReadError, UnsupportedSlideError
from sentinode.slides.slide import open_slide
from sentinode.slides.tiff.tiff_index import read_index


def test_odd_pyramid_as_vips_writes_it(tmp_path: Path) -> None:
    truth = slide_files.write_vips(tmp_path / "odd.tif", slide_files.picture(451, 333))
    with open_slide(tmp_path / "odd.tif", reader="tiff") as slide:
        assert len(slide.facts.levels) == len(truth) == 4
        for number, (level, pixels) in enumerate(zip(slide.facts.levels, truth, strict=True)):
            assert np.array_equal(slide.reader.read(number, 0, 0, level.width, level.height), pixels)
            assert (level.downsample_x, level.downsample_y) == (451 / pixels.shape[1], 333 / pixels.shape[0])


@pytest.mark.parametrize("suffix", ["tif", "svs"])
def test_tiles_left_out_are_as_openslide_gives_them(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"gaps.{suffix}"
    write = slide_files.write_svs if suffix == "svs" else slide_files.write_tiff
    # 472×328 in tiles of 64×48: 8×7 tiles; tile 12 of level 0 touches tile 2 of level 1
    write(path, slide_files.pyramid(slide_files.picture()), left_out=frozenset({(0, 12), (1, 5)}))
    with open_slide(path, reader="tiff") as ours, open_slide(path, reader="openslide") as theirs:
        assert (ours.reader.read(0, 4 * 64, 48, 64, 48) == 255).all()
        for number, level in enumerate(ours.facts.levels):
            pair = [slide.reader.read(number, 0, 0, level.width, level.height) for slide in (ours, theirs)]
            # Aperio's are made from the next finer level: by area here, by cairo in OpenSlide
            assert np.abs(pair[0].astype(int) - pair[1]).max() <= (2 if suffix == "svs" and number else 0)


def test_a_zeroed_tile_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    truth = slide_files.write_vips(tmp_path / "a.tif", slide_files.picture())
    slide_files.zero_tile(tmp_path / "a.tif", 0, 11)
    with open_slide(tmp_path / "a.tif", reader="tiff") as slide:
        for _ in range(2):  # nothing of it is kept
            with pytest.raises(SlideReadError, match=r"a\.tif: level 0, tile 3,1 at \(192, 48\) .*zeros"):
                slide.reader.read(0, 180, 40, 30, 30)
        assert np.array_equal(slide.reader.read(0, 0, 0, 192, 328), truth[0][:, :192])


@pytest.mark.parametrize("compression", ["lzw", "zlib", 33005])
def test_a_tile_of_garbage(tmp_path: Path, compression: str | int) -> None:
    path = tmp_path / "a.svs"
    slide_files.write_svs(path, slide_files.pyramid(slide_files.picture()), compression=compression)
    slide_files.zero_tile(path, 0, 0, skip=0, count=500)
    with open_slide(path, reader="tiff") as slide:
        with pytest.raises(SlideReadError, match="level 0, tile 0,0"):
            slide.reader.read(0, 0, 0, 10, 10)
        slide.reader.read(0, 64, 0, 10, 10)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("reader", ["auto", "tiff"])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float, reader: str) -> None:
    slide_files.write_vips(tmp_path / "whole.tif", slide_files.picture())
    content = (tmp_path / "whole.tif").read_bytes()
    cut = tmp_path / "cut.tif"
    cut.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SlideError, match="truncated") as refusal:
        open_slide(cut, reader=reader)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_any_cut_or_flipped_header_byte_is_an_error_of_ours_or_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.svs"
    slide_files.write_svs(path, slide_files.pyramid(slide_files.picture(130, 77), levels=2))
    content = path.read_bytes()
    random = np.random.default_rng(0)
    broken = tmp_path / "b.svs"
    for trial in range(150):
        damaged = bytearray(content)
        if trial % 2:
            damaged = damaged[: random.integers(1, len(content))]
        else:
            damaged[random.integers(0, 1200)] = random.integers(256)  # header, directory, description, tables
        broken.write_bytes(damaged)
        try:
            with open_slide(broken, reader="tiff") as slide:
                slide.reader.read(0, 0, 0, 130, 77)
        except SlideError:
            pass


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"tile": None, "rowsperstrip": 16}, "in strips"),
        ({"compression": "zstd"}, "compression is number 50000"),
        ({"planarconfig": "separate"}, "separate planes"),
        ({"software": "Philips DP v1.0"}, "as Philips writes it"),
        ({"software": "MedScan"}, "as Trestle writes it"),
        ({"description": "<scn xmlns='http://www.leica-microsystems.com/scn/2010/10/01'/>"}, "as Leica writes it"),
        ({"extratags": [(700, 7, None, b"<iScan/>", True)]}, "as Ventana writes it"),
        ({"extratags": [(65420, 4, 1, 1, True)]}, "as Hamamatsu writes it"),
    ],
)
def test_what_another_reader_must_take(tmp_path: Path, settings: dict[str, object], reason: str) -> None:
    data = slide_files.picture(130, 77)
    if "planarconfig" in settings:
        data = np.ascontiguousarray(data.transpose(2, 0, 1))
    common = {"tile": (48, 64), "photometric": "rgb", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", data, **{**common, **settings})
    with pytest.raises(UnsupportedSlideError, match=reason):
        open_slide(tmp_path / "a.tif", reader="tiff")


def test_subsampled_jpeg_2000_is_left_to_openslide(tmp_path: Path) -> None:
    path = tmp_path / "a.svs"
    slide_files.write_svs(path, [slide_files.picture()], compression=33003)
    index = read_index(path)
    content = bytearray(path.read_bytes())
    start = int(index.levels[0].offsets[0])
    assert content[start : start + 4] == b"\xff\x4f\xff\x51"
    assert bytes(content[start + 42 : start + 51]) == b"\x07\x01\x01" * 3
    content[start + 46] = content[start + 49] = 2  # XRsiz of both colour components: 4:2:2
    path.write_bytes(content)
    with pytest.raises(UnsupportedSlideError, match="subsampled"):
        open_slide(path, reader="tiff")


def test_extra_pages_are_no_levels(tmp_path: Path) -> None:
    data = slide_files.picture()
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for subfile, pixels in ((0, data), (0, data[::2, ::2]), (1, data[::4, ::4]), (2, data[::8, ::8])):
            tile = {"tile": (48, 64), "photometric": "rgb", "metadata": None, "subfiletype": subfile}
            file.write(np.ascontiguousarray(pixels), **tile)
    with open_slide(tmp_path / "a.tif", reader="tiff") as slide:
        assert [(level.width, level.height) for level in slide.facts.levels] == [(472, 328), (118, 82)]


def test_a_cache_smaller_than_a_tile_still_reads(tmp_path: Path) -> None:
    truth = slide_files.write_vips(tmp_path / "a.tif", slide_files.picture())
    with open_slide(tmp_path / "a.tif", reader="tiff", cache_bytes=100) as slide:
        assert np.array_equal(slide.reader.read(0, 30, 40, 200, 100), truth[0][40:140, 30:230])


def test_tables_of_a_large_slide_open_lazily(tmp_path: Path) -> None:
    # 100,000 × 80,000 px whose 122,000 tiles are one and the same: only the tables are large.
    path = tmp_path / "large.tif"
    tile = imagecodecs.jpeg8_encode(slide_files.picture(256, 256), level=80)
    slide_files.write_repeated(path, 100_000, 80_000, tile, 256)
    index = read_index(path)
    assert [level.level.width for level in index.levels] == [100_000, 25_000, 6_250]
    assert len(index.levels[0].offsets) == 391 * 313
    with open_slide(path, reader="tiff") as slide:
        expected = imagecodecs.jpeg8_decode(tile)
        assert np.array_equal(slide.reader.read(0, 99_840, 79_872, 160, 128), expected[:128, :160])


def test_real_svs_reads_as_openslide_reads_it(shared_data: Path) -> None:
    path = shared_data / "slides" / "CMU-1-Small-Region.svs"
    with open_slide(path) as ours, open_slide(path, reader="openslide") as theirs:
        assert (ours.facts.reader, theirs.facts.reader) == ("tiff", "openslide")
        assert ours.facts.levels == theirs.facts.levels
        assert ours.facts.associated == theirs.facts.associated == ("label", "macro", "thumbnail")
        assert (ours.mpp, ours.mpp_source) == (theirs.mpp, theirs.mpp_source)
        assert ours.mpp.x == ours.mpp.y == 0.499
        own = {name: text for name, text in ours.facts.properties.items() if name.startswith(("aperio.", "openslide."))}
        assert own.items() <= theirs.facts.properties.items()
        pair = [slide.reader.read(0, -9, -7, 2240, 2990) for slide in (ours, theirs)]
        assert np.array_equal(*pair)
        for name in ours.facts.associated:
            assert np.array_equal(ours.reader.read_associated(name), theirs.reader.read_associated(name))
        assert np.array_equal(ours.read_at(0.972, 101, 53, 224, 96), theirs.read_at(0.972, 101, 53, 224, 96))
        assert np.array_equal(ours.thumbnail(mpp=8), theirs.thumbnail(mpp=8))
