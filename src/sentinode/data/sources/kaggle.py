"""`kaggle:DIR`: the Histopathologic Cancer Detection competition: train_labels.csv, train/<id>.tif, test/<id>.tif."""

import os
from collections.abc import Iterator
from pathlib import Path

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.system_files import is_system_file
from sentinode.data.source import Exclusion, Record
from sentinode.data.sources.file_source import FileSource

CLASS_NAMES = ("normal", "tumour")
"""Label 0 and label 1: at least one tumour pixel in the central 32×32."""

COMPETITION_TEST = "competition-test"
"""The source's split of the images whose labels the competition keeps: not used in training."""

_KNOWN_BAD = {
    "dd6dfed324f9fcb6f93f46f32fc800f2ec196be2": "blank",
    "9369c7278ec8bcc6c880d99194de09fc2bd4efbe": "black",
}
_LABELS = "train_labels.csv"
_SLIDES = "patch_id_wsi_full.csv"  # the community's table of the slide that each patch was cut from


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with train_labels.csv."""
    return (path / _LABELS).is_file()


def open_path(path: Path) -> FileSource:
    """Open the competition's folder. Its images lie in train/, or beside train_labels.csv where there is no train/.

    Raises:
        DataNotFoundError: There is no train_labels.csv.
        DataError: A table lacks a column or contradicts itself.
    """
    if not recognises(path):
        raise DataNotFoundError(f"{path} has no {_LABELS}; kaggle: needs it, with train/<id>.tif beside it")
    rows = read_table(path / _LABELS).rows(("id", "label"))
    slides = _read_slides(path / _SLIDES)
    train = path / "train" if (path / "train").is_dir() else path
    records: list[Record] = []
    for row in rows:
        name, label = row.key("id"), row["label"]
        # A label other than 0 and 1 stays as it is: the checks of the manifest find it unknown, and count it.
        class_name = dict(zip("01", CLASS_NAMES, strict=True)).get(label, label) or None
        records.append(Record(name, str(train / f"{name}.tif"), class_name, slides.get(name), "train"))
    labelled = {row["id"] for row in rows}
    records += _unlabelled(train, "train", slides, labelled)
    records += _unlabelled(path / "test", COMPETITION_TEST, slides, set())
    exclusions = [
        Exclusion("known bad image", record.id, _KNOWN_BAD[record.id]) for record in records if record.id in _KNOWN_BAD
    ]
    kept = tuple(record for record in records if record.id not in _KNOWN_BAD)
    return FileSource(f"kaggle:{path}", CLASS_NAMES, CLASS_NAMES[1], kept, tuple(exclusions))


def _unlabelled(folder: Path, split: str, slides: dict[str, str], labelled: set[str]) -> Iterator[Record]:
    if not folder.is_dir():
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        name, ending = os.path.splitext(entry.name)  # noqa: PTH122 – a Path for each of 57,458 names takes seconds
        if ending == ".tif" and not is_system_file(entry.name) and name not in labelled:
            yield Record(name, entry.path, None, slides.get(name), split)


def _read_slides(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    slides: dict[str, str] = {}
    for row in read_table(path).rows(("id", "wsi")):
        if slides.setdefault(row.key("id"), row["wsi"]) != row["wsi"]:
            raise DataError(f"{path} gives {row['id']!r} two slides; keep one row for each id")
    return {name: slide for name, slide in slides.items() if slide}
