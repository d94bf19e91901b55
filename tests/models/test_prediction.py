from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataNotFoundError
from sentinode.metrics.predictions import Predictions
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.prediction import Failure, Prediction, expand_images, predict_images

BundleOf = Callable[[str], Bundle]


@pytest.fixture(scope="module")
def engine(bundle_of: BundleOf) -> Engine:
    return open_engine(bundle_of("plain"), "openvino", threads=1)


def _save(tiles: np.ndarray, folder: Path) -> list[Path]:
    paths = [folder / f"tile{number}.png" for number in range(len(tiles))]
    for path, tile in zip(paths, tiles, strict=True):
        Image.fromarray(tile).save(path)
    return paths


@pytest.mark.parametrize("kind", ["plain", "logit-d4-half", "many-classes"])
def test_answers_are_those_of_the_evaluation(bundle_of: BundleOf, tiles: np.ndarray, tmp_path: Path, kind: str) -> None:
    engine = open_engine(bundle_of(kind), "openvino", threads=1)
    info = engine.info
    found = list(predict_images(engine, _save(tiles, tmp_path), batch=10))
    names = info.classes.names
    predictions = Predictions(
        ids=[str(n) for n in range(len(tiles))],
        paths=[""] * len(tiles),
        labels=np.zeros(len(tiles), np.int64),
        probabilities=engine.predict(tiles).probabilities.astype(np.float64),
        class_names=names,
        positive=names.index(info.classes.positive) if info.classes.positive else None,
    )
    threshold = info.threshold.value if info.threshold else None
    assert info.low_confidence is not None
    decisions = predictions.decisions(threshold, info.low_confidence)
    assert all(isinstance(each, Prediction) for each in found)
    answers = [each for each in found if isinstance(each, Prediction)]
    assert [each.label for each in answers] == [names[index] for index in decisions.classes]
    assert [each.low_confidence for each in answers] == decisions.low_confidence.tolist()
    np.testing.assert_allclose([each.confidence for each in answers], decisions.confidences, atol=1e-6)


def test_an_image_that_cannot_be_used_keeps_its_place(engine: Engine, tiles: np.ndarray, tmp_path: Path) -> None:
    paths = _save(tiles[:5], tmp_path)
    paths[0].write_bytes(b"nothing")
    content = paths[2].read_bytes()
    paths[2].write_bytes(content[: len(content) // 2])
    Image.fromarray(np.zeros((20, 40, 3), np.uint8)).save(paths[3])
    paths.append(tmp_path / "missing.png")
    found = list(predict_images(engine, paths, batch=2))
    assert [each.path for each in found] == paths
    assert [isinstance(each, Failure) for each in found] == [True, False, True, True, False, True]
    messages = [each.message for each in found if isinstance(each, Failure)]
    assert "not an image" in messages[0]
    assert "truncated" in messages[1]
    assert "is 40×20 px, the model takes 30×30" in messages[2]
    assert "does not exist" in messages[3]


def test_another_size_is_refused_unless_resizing_was_asked_for(engine: Engine, tmp_path: Path) -> None:
    Image.new("RGB", (60, 60), (200, 90, 150)).save(tmp_path / "large.png")
    Image.new("RGB", (30, 30), (200, 90, 150)).save(tmp_path / "right.png")
    Image.new("RGB", (60, 30)).save(tmp_path / "wide.png")
    paths = [tmp_path / name for name in ("large.png", "right.png", "wide.png")]
    refused = next(predict_images(engine, paths))
    assert isinstance(refused, Failure)
    assert "60×60 px, the model takes 30×30; cut tiles of 30×30 px, or pass --resize" in refused.message
    large, right, wide = predict_images(engine, paths, resize=True)
    assert isinstance(large, Prediction)
    assert isinstance(right, Prediction)
    assert large.probabilities == right.probabilities
    assert isinstance(wide, Failure)
    assert "would distort" in wide.message


def test_it_reads_no_further_than_it_must(engine: Engine, tiles: np.ndarray, tmp_path: Path) -> None:
    paths, asked = _save(tiles[:6], tmp_path), []

    def told() -> Iterator[Path]:
        for path in paths:
            asked.append(path)
            yield path

    stream = predict_images(engine, told(), batch=2)
    assert asked == []
    next(stream)
    assert asked == paths[:4]  # one batch, and the one that is read meanwhile
    list(stream)
    assert asked == paths


def test_files_folders_and_patterns_are_expanded_in_natural_order(tmp_path: Path) -> None:
    for name in ("b/tile10.png", "b/tile2.PNG", "b/c/tile1.jpg", "b/notes.txt", "b/.hidden.png", "a.tif", "odd"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    found = expand_images(
        [str(tmp_path / "odd"), str(tmp_path / "b"), str(tmp_path / "*.tif"), str(tmp_path / "a.tif")]
    )
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "odd",
        "b/c/tile1.jpg",
        "b/tile2.PNG",
        "b/tile10.png",
        "a.tif",
    ]
    assert expand_images([str(tmp_path / "**" / "tile1*")]) == [tmp_path / "b/c/tile1.jpg", tmp_path / "b/tile10.png"]


def test_an_argument_that_stands_for_nothing_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataNotFoundError, match="holds no image"):
        expand_images([str(tmp_path)])
    with pytest.raises(DataNotFoundError, match="no pattern that matches an image"):
        expand_images([str(tmp_path / "*.png")])


def test_thumbnails_of_a_file_server_and_leavings_of_a_zip_are_no_images(tmp_path: Path) -> None:
    for name in ("a.png", "@eaDir/a.png/THUMB_M.jpg", "__MACOSX/._a.png", "inner/__MACOSX/b.png", "inner/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    wanted = [tmp_path / "a.png", tmp_path / "inner/b.png"]
    assert expand_images([str(tmp_path)]) == wanted
    assert expand_images([str(tmp_path / "**")]) == wanted
    named = tmp_path / "inner/__MACOSX"  # whoever writes it out means it
    assert expand_images([str(named / "*.png")]) == [named / "b.png"]
