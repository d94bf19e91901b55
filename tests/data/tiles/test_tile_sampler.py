"""Tiles drawn from slides: right, balanced, split by slide, the same every time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from helpers import small_slides
from sentinode.core.errors import DataError, StorageError
from sentinode.core.progress import Progress
from sentinode.data.address import open_source
from sentinode.data.tiles.annotated_slides import list_annotated_slides
from sentinode.data.tiles.tile_folder import RECORD_FILE, TABLE_FILE, TileSet, read_tile_folder
from sentinode.data.tiles.tile_sampler import draw_into
from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid
from sentinode.studies.tile_study import draw_tiles

Draw = Callable[..., TileSet]


def test_the_pixels_are_what_the_labels_say(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "tiles")
    source = open_source(f"slides:{tmp_path / 'tiles'}")
    assert {record.label for record in source.records} == {"normal", "tumour"}
    for index, record in enumerate(source.records):
        tile = source.read(index)
        assert tile.shape == (64, 64, 3)
        red, green, blue = tile.reshape(-1, 3).mean(axis=0)
        assert (blue > red) == (record.label == "tumour"), record.id  # purple, and pink or glass
        assert green < 200


def test_tiles_are_balanced_in_each_split_and_no_slide_is_in_two(draw: Draw, tmp_path: Path) -> None:
    tiles = draw(tmp_path / "tiles", per_slide=9)
    counts = tiles.table.groupby(["split", "label"]).size().unstack()
    assert (counts["normal"] == counts["tumour"]).all()
    assert set(counts.index) == {"train", "validation", "test"}
    assert (tiles.table.groupby("slide")["split"].nunique() == 1).all()
    assert (tiles.table.groupby(["slide", "label"]).size() <= 9).all()
    assert set(tiles.table["slide"]) == {f"case_{number}" for number in range(6)}  # normal ones of tumour slides, too
    assert (tiles.table.groupby(["slide", "x0", "y0"]).size() == 1).all()


def test_the_same_seed_draws_the_same_and_another_not(draw: Draw, tmp_path: Path) -> None:
    first, again = (draw(tmp_path / name, per_slide=5) for name in ("a", "b"))
    assert (tmp_path / "a" / TABLE_FILE).read_bytes() == (tmp_path / "b" / TABLE_FILE).read_bytes()
    assert first.record == again.record
    other = draw(tmp_path / "c", per_slide=5, seed=1)
    assert not first.table[["slide", "x0", "y0"]].equals(other.table[["slide", "x0", "y0"]])


def test_what_is_there_is_taken_and_another_configuration_is_refused(draw: Draw, slides: Path, tmp_path: Path) -> None:
    draw(tmp_path / "tiles")
    before = (tmp_path / "tiles" / RECORD_FILE).stat().st_mtime_ns
    config = TilesConfig(size_px=64, mpp=1.0)
    assert draw_into(tmp_path / "tiles", list_annotated_slides([slides], []), config, Progress())[1]
    with pytest.raises(DataError, match=r"drawn with size_px = 64 \(now 48\)"):
        draw(tmp_path / "tiles", size_px=48)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").touch()
    with pytest.raises(StorageError, match="something else than tiles"):
        draw(tmp_path / "other")
    assert (tmp_path / "tiles" / RECORD_FILE).stat().st_mtime_ns == before


def test_a_slide_that_fails_is_recorded_and_drawn_from_once_it_is_mended(
    draw: Draw, slides: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(slides, folder)
    (folder / "case_0.tif").write_bytes(b"junk")
    left, top, right, bottom = (10 * place for place in small_slides.LESION)  # of another slide
    text = (folder / "case_3.xml").read_text()
    for small, large in zip(small_slides.LESION, (left, top, right, bottom), strict=True):
        text = text.replace(f'"{small}"', f'"{large}"')
    (folder / "case_3.xml").write_text(text)
    tiles = draw(tmp_path / "tiles", folder)
    assert {one.name: one.type for one in tiles.record.failures} == {
        "case_0": "UnsupportedSlideError",
        "case_3": "AnnotationError",
    }
    assert "case_0" not in set(tiles.table["slide"])
    source = open_source(f"slides:{tmp_path / 'tiles'}")
    assert [one.kind for one in source.exclusions] == ["unreadable slide"] * 2
    assert read_tile_folder(tmp_path / "tiles").record == tiles.record


def test_without_a_split_slides_are_cut_by_patient(draw: Draw, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    lines = ["slide,label,patient"]
    for number in range(6):
        small_slides.write_slide(folder, f"s{number}", tumour=number % 2 == 1)
        lines.append(f"s{number},{number % 2},p{number // 2}")
    (folder / "slides.csv").write_text("\n".join(lines))
    tiles = draw(tmp_path / "tiles", folder, fractions=(0.4, 0.3, 0.3))
    of_slide = tiles.table.groupby("slide")["split"].first().to_dict()
    assert len(set(of_slide.values())) == 3
    assert all(of_slide[f"s{n}"] == of_slide[f"s{n + 1}"] for n in (0, 2, 4))


def test_a_slide_that_was_told_its_split_keeps_it(draw: Draw, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    told = ["train", "train", "train", "train", "validation", "validation"]
    for number in range(6):
        small_slides.write_slide(folder, f"s{number}", tumour=number % 2 == 1)
    lines = [f"s{number},{number % 2},{split}" for number, split in enumerate(told)]
    (folder / "slides.csv").write_text("\n".join(["slide,label,split", *lines]))
    tiles = draw(tmp_path / "tiles", folder)
    of_slide = tiles.table.groupby("slide")["split"].first().to_dict()
    assert of_slide == {f"s{number}": split for number, split in enumerate(told)}


def test_of_slides_that_only_their_names_call_train_validation_is_cut_out(draw: Draw, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    for name in ("normal_001", "normal_002", "tumor_001", "tumor_002"):
        small_slides.write_slide(folder, name, tumour=name.startswith("tumor"))
    small_slides.write_slide(folder, "test_001", tumour=True)
    tiles = draw(tmp_path / "tiles", folder, fractions=(0.4, 0.3, 0.3))
    of_slide = tiles.table.groupby("slide")["split"].first().to_dict()
    assert of_slide.pop("test_001") == "test"
    assert set(of_slide.values()) == {"train", "validation"}


def test_a_class_that_no_place_has_is_an_error_with_counts(draw: Draw, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tumour .*520 px at 1 µm/px.*normal: "):
        draw(tmp_path / "tiles", size_px=520, tumour_min=1)
    assert not (tmp_path / "tiles").exists()


def test_damaged_tables_are_refused(draw: Draw, tmp_path: Path) -> None:
    draw(tmp_path / "tiles")
    (tmp_path / "tiles" / TABLE_FILE).write_bytes(b"junk")
    with pytest.raises(DataError, match="damaged tiles"):
        read_tile_folder(tmp_path / "tiles")
    with pytest.raises(DataError, match="holds no tiles"):
        read_tile_folder(tmp_path)


def test_the_tissue_and_tumour_columns_are_parts(draw: Draw, tmp_path: Path) -> None:
    table = draw(tmp_path / "tiles").table
    assert table["tissue"].between(0.05, 1).all()
    assert (table.loc[table["label"] == "normal", "tumour"] == 0).all()
    assert table.loc[table["label"] == "tumour", "tumour"].between(0.5, 1).all()
    assert table["score"].isna().all()
    assert np.issubdtype(table["x0"].dtype, np.int64)


def test_a_slide_whose_tumour_is_drawn_as_a_line_gives_no_tile_and_says_so(slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    shutil.copytree(slides, folder)
    (folder / "case_1.xml").unlink()
    line = '{"type": "LineString", "coordinates": [[512, 256], [1024, 256], [1024, 640], [512, 640], [512, 256]]}'
    feature = f'[{{"type": "Feature", "geometry": {line}, "properties": {{"classification": {{"name": "Tumor"}}}}}}]'
    (folder / "case_1.geojson").write_text(feature)
    found = draw_tiles(
        [folder], tmp_path / "tiles", table=folder / "slides.csv", size_px=64, mpp=1.0, tumour_names=("x",)
    )
    assert "case_1" not in set(found.tiles.table["slide"])
    (warning,) = found.warnings()
    assert "tumour is drawn as LineString, which has no area" in warning


def test_files_and_classes_that_were_not_used_are_named(slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    shutil.copytree(slides, folder)
    text = (folder / "case_1.xml").read_text()
    extra = text.replace('PartOfGroup="Tumor"', 'PartOfGroup="Necrosis"')
    drawn = extra[extra.index("<Annotation ") : extra.index("</Annotations>")]
    (folder / "case_1.xml").write_text(text.replace("</Annotations>", f"{drawn}</Annotations>"))
    (folder / "case_l.xml").write_text(text)
    for _ in range(2):  # drawn, and taken as it is there
        said = draw_tiles([folder], tmp_path / "tiles", size_px=64, mpp=1.0).summary()
        assert "case_1: classes that were passed over: Necrosis" in said
        assert f"no slide has that name, or the form is not known: {folder / 'case_l.xml'}" in said


def test_a_slide_whose_colours_are_doubtful_gives_no_tile_and_is_named(
    draw: Draw, slides: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "slides"
    shutil.copytree(slides, folder)
    pixels = tifffile.imread(slides / "case_1.tif", series=0, level=0)
    wrong = np.ascontiguousarray(pixels[..., [1, 2, 0]])
    write_pyramid(folder / "case_1.tif", [wrong], width=wrong.shape[1], height=wrong.shape[0], mpp=Mpp(0.5, 0.5))
    tiles = draw(tmp_path / "tiles", folder)
    ((name, message),) = ((one.name, one.message) for one in tiles.record.failures)
    assert name == "case_1"
    assert "its colours are doubtful" in message
    assert "case_1" not in set(tiles.table["slide"])


def test_one_of_two_pictures_is_chosen_for_all_that_reads_the_tiles(draw: Draw, slides: Path, tmp_path: Path) -> None:
    folder = tmp_path / "slides"
    folder.mkdir()
    for path in slides.iterdir():
        if path.suffix != ".tif":
            shutil.copy(path, folder)
            continue
        pixels = tifffile.imread(path, series=0, level=0)
        with tifffile.TiffWriter(folder / path.name) as file:
            for picture in (np.full((900, 700, 3), 243, np.uint8), pixels):
                file.write(
                    picture, photometric="rgb", tile=(256, 256), metadata=None, resolution=(20_000, 20_000),
                    resolutionunit="CENTIMETER",
                )  # fmt: skip
    with pytest.raises(DataError, match=r"none of 6 slides.*--series"):
        draw(tmp_path / "tiles", folder)
    tiles = draw(tmp_path / "tiles", folder, series=1)
    assert len(tiles.table) > 0
    source = open_source(f"slides:{tmp_path / 'tiles'}")
    for index, record in enumerate(source.records):
        red, _, blue = source.read(index).reshape(-1, 3).mean(axis=0)
        assert (blue > red) == (record.label == "tumour"), record.id
