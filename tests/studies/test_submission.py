from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import layouts
from sentinode.core.errors import BundleError, DataError, DataNotFoundError, StorageError
from sentinode.core.images import read_image
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.prediction import predict_images
from sentinode.studies import submission
from sentinode.studies.submission import Submission, write_submission


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The competition's folder, ten images in test/, named in reverse by the sample."""
    made: Path = layouts.make_kaggle(tmp_path / "kaggle", n=2, size=(96, 96), competition_test=10)
    names = sorted((path.stem for path in (made / "test").iterdir()), reverse=True)
    pd.DataFrame({"id": names, "label": 0}).to_csv(made / "sample_submission.csv", index=False)
    return made


@pytest.fixture
def submit(folder: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes tmp_path/out/submission.csv, noting answers two at a time."""
    monkeypatch.setattr(submission, "_NOTED", 2)

    def run(name: str = "pcam") -> Submission:
        out = tmp_path / "out" / "submission.csv"
        return write_submission(name, f"kaggle:{folder}", out, settings=settings, progress=Progress())

    return run


def expected(folder: Path) -> pd.DataFrame:
    """What the shipped model says, asked directly."""
    names = pd.read_csv(folder / "sample_submission.csv", dtype=str)["id"]
    tiles = np.stack([read_image(folder / "test" / f"{name}.tif") for name in names])
    engine = open_engine(open_bundle("pcam"), "openvino", threads=1)
    column = engine.info.classes.names.index("tumour")
    return pd.DataFrame({"id": names, "label": engine.predict(tiles).probabilities[:, column]})


def check(path: Path, folder: Path) -> None:
    found, wanted = pd.read_csv(path, dtype={"id": str}), expected(folder)
    assert list(found.columns) == ["id", "label"]
    assert found["id"].tolist() == wanted["id"].tolist()
    np.testing.assert_allclose(found["label"], wanted["label"], atol=1e-6)
    assert found["label"].std() > 0


def test_every_image_has_its_probability_in_the_samples_order(submit: Any, folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (96, 96)).save(folder / "test" / "zzz.tif")
    result = submit()
    check(result.path, folder)
    assert (result.n, result.positive, result.resumed, result.extra) == (10, "tumour", 0, ("zzz",))
    assert result.to_json()["ordered_by"] == "sample_submission.csv"
    assert "label is the probability of tumour" in result.summary()
    assert "which it does not ask for: zzz" in result.summary()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["submission.csv"]
    assert submit().n == 10  # an older submission is replaced


def test_one_that_was_stopped_goes_on(
    submit: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored: list[Path] = []

    def stopping(engine: Any, paths: Any) -> Iterator[Any]:
        for one in predict_images(engine, paths):
            scored.append(one.path)
            yield one
            if len(scored) == 5:
                raise KeyboardInterrupt

    monkeypatch.setattr(submission, "predict_images", stopping)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        submit()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["submission.csv.partial"]
    Image.new("RGB", (96, 96), (150, 90, 160)).save(scored[0])  # changed since: its answer counts no longer
    result = submit()
    assert (result.resumed, len(scored)) == (4, 5 + 6)
    assert "4 were there" in result.summary()
    check(result.path, folder)


def test_an_image_that_cannot_be_used_costs_no_other_answer(submit: Any, folder: Path, tmp_path: Path) -> None:
    broken = sorted((folder / "test").iterdir())[2:4]
    content = [path.read_bytes() for path in broken]
    for path in broken:
        path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"2 of the 10 .*mend them"):
        submit()
    assert not (tmp_path / "out" / "submission.csv").exists()
    for path, old in zip(broken, content, strict=True):
        path.write_bytes(old)
    result = submit()
    assert result.resumed == 8
    check(result.path, folder)


def test_missing_images_are_refused_and_nothing_is_written(submit: Any, folder: Path, tmp_path: Path) -> None:
    for path in sorted((folder / "test").iterdir())[:3]:
        path.unlink()
    with pytest.raises(DataNotFoundError, match="3 of the 10 images"):
        submit()
    assert not (tmp_path / "out").exists()


def test_what_is_no_submission_is_left_alone(submit: Any, tmp_path: Path, settings: Settings, folder: Path) -> None:
    out = tmp_path / "out" / "submission.csv"
    out.parent.mkdir()
    out.write_text("id,sex\n1,f\n")
    with pytest.raises(StorageError, match="something else than a submission"):
        submit()
    assert out.read_text() == "id,sex\n1,f\n"
    with pytest.raises(StorageError, match="folder; give"):
        write_submission("pcam", str(folder), tmp_path / "out", settings=settings, progress=Progress())


def test_two_do_not_write_one_file(submit: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    locks, lock = settings.cache / "locks", submission.locked

    def while_another_does(path: Path, doing: str) -> AbstractContextManager[None]:
        assert path.parent == locks
        held.enter_context(lock(path))
        return lock(path, doing)

    monkeypatch.setattr(submission, "locked", while_another_does)
    with ExitStack() as held, pytest.raises(StorageError, match=r"another process is writing .*submission\.csv"):
        submit()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": ("a", "b", "c"), "positive": None}, "tells a, b, c apart; the competition wants the probability"),
        ({"names": ("normal", "tumour"), "positive": "normal"}, "looks for 'normal', the competition for 'tumour'"),
    ],
)
def test_a_bundle_of_another_question_is_refused(
    submit: Any, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    opened = open_bundle("pcam")
    info = opened.info.model_copy(update={"classes": opened.info.classes.model_copy(update=changes)})
    monkeypatch.setattr(submission, "open_bundle", lambda name: Bundle(name, opened.folder, info))
    with pytest.raises(BundleError, match=message):
        submit()


def test_a_bundle_for_other_tiles_is_refused(submit: Any, folder: Path) -> None:
    for path in (folder / "test").iterdir():
        Image.new("RGB", (50, 40)).save(path)
    with pytest.raises(BundleError, match=r"96×96 px.*50×40"):
        submit()
