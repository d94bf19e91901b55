from pathlib import Path

import pandas as pd
import pytest

from helpers import layouts
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.data.sources.kaggle_competition import listed, open_competition_test


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The competition's folder with eight images in test/."""
    made: Path = layouts.make_kaggle(tmp_path / "kaggle", n=2, competition_test=8)
    return made


def write_sample(folder: Path, ids: list[str]) -> None:
    pd.DataFrame({"id": ids, "label": [0] * len(ids)}).to_csv(folder / "sample_submission.csv", index=False)


def test_the_order_is_the_samples_and_what_it_does_not_name_is_told(folder: Path) -> None:
    names = sorted(path.stem for path in (folder / "test").iterdir())
    order = [names[place] for place in (5, 0, 3, 7)]
    write_sample(folder, order)
    for address in (f"kaggle:{folder}", str(folder)):
        found = open_competition_test(address)
        assert found.ids == tuple(order)
        assert found.ordered_by == "sample_submission.csv"
        assert found.extra == tuple(names[place] for place in (1, 2, 4, 6))
        assert all(found.path(name).is_file() for name in found.ids)


def test_without_a_sample_the_files_are_sorted(folder: Path) -> None:
    for name in ("notes.txt", ".hidden.tif"):
        (folder / "test" / name).touch()
    (folder / "train_labels.csv").unlink()  # a submission needs no labels
    found = open_competition_test(f"kaggle:{folder}")
    assert found.ids == tuple(sorted(path.stem for path in (folder / "test").glob("[0-9a-f]*.tif")))
    assert len(found.ids) == 8
    assert found.extra == ()
    assert "file names of" in found.ordered_by


def test_missing_images_are_counted_and_listed(folder: Path) -> None:
    names = sorted(path.stem for path in (folder / "test").iterdir())
    write_sample(folder, names)
    for name in names[1:]:
        (folder / "test" / f"{name}.tif").unlink()
    with pytest.raises(
        DataNotFoundError, match=f"7 of the 8 images .* are not in .*: {', '.join(names[1:6])} and 2 more"
    ):
        open_competition_test(str(folder))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,label\na,0\nb,0\na,0\n", "has 'a' twice"),
        ("name,label\na,0\n", "has no column id"),
        ("id,label\n", "has no rows"),
    ],
)
def test_a_damaged_sample_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "sample_submission.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        open_competition_test(str(folder))


def test_a_folder_without_test_images_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"kaggle:DIR"):
        open_competition_test(f"folder:{folder}")
    (folder / "test").rename(tmp_path / "elsewhere")
    with pytest.raises(DataNotFoundError, match="has no test/; unpack"):
        open_competition_test(str(folder))
    (folder / "test").mkdir()
    with pytest.raises(DataNotFoundError, match=r"has no \.tif file"):
        open_competition_test(str(folder))


def test_a_few_names_are_shown() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([str(number) for number in range(1205)]) == "0, 1, 2, 3, 4 and 1,200 more"
