"""`folder:DIR`: class folders of image files, with or without split folders around them: `[split/]class/image`."""

import os
from pathlib import Path

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.system_files import is_system_file
from sentinode.data.source import Exclusion, Record, recognise_positive
from sentinode.data.source_splits import split_of_name
from sentinode.data.sources.file_source import FileSource, is_image_name


def recognises(path: Path) -> bool:
    """Whether `path` is a folder that holds class folders, or split folders that hold class folders."""
    if not path.is_dir():
        return False
    folders = _subfolders(path)
    if any(_holds_images(folder) and split_of_name(folder.name) is None for folder in folders):
        return True
    return any(_holds_images(inner) for folder in folders for inner in _subfolders(folder))


def open_path(path: Path) -> FileSource:
    """Open the class folders at `path`.

    Raises:
        DataNotFoundError: There is no image where the layout has them.
        DataError: Split folders and class folders lie side by side, or folders inside a class folder.
    """
    if not path.is_dir():
        raise DataNotFoundError(f"{path} is not a folder; folder: needs one that holds [split/]class/image")
    class_folders = _class_folders(path)
    records: list[Record] = []
    exclusions: list[Exclusion] = []
    for split, folder in class_folders:
        found, left_out = _read_class(path, split, folder)
        records += found
        exclusions += left_out
    if not records:
        raise DataNotFoundError(f"no images in {path}; looked for [split/]class/image (.tif, .png, .jpg, .bmp, .webp)")
    names = tuple(sorted({record.label for record in records if record.label is not None}))
    return FileSource(f"folder:{path}", names, recognise_positive(names), tuple(records), tuple(exclusions))


def _class_folders(root: Path) -> list[tuple[str | None, Path]]:
    """(split, folder) of each class folder, in the order of their names."""
    outer = _subfolders(root)
    with_images = [folder for folder in outer if _holds_images(folder)]
    with_folders = [folder for folder in outer if _subfolders(folder)]
    if with_images and with_folders:
        raise DataError(
            f"{root} mixes two layouts: {with_images[0].name}/ holds images, {with_folders[0].name}/ holds folders; "
            "arrange it as [split/]class/image"
        )
    bare_split = next((folder.name for folder in with_images if split_of_name(folder.name)), None)
    if bare_split:
        raise DataError(
            f"{root / bare_split} is a split that holds images but no class folders; arrange it as split/class/image"
        )
    if with_folders:
        return [(split.name, folder) for split in with_folders for folder in _subfolders(split)]
    return [(None, folder) for folder in outer]


def _read_class(root: Path, split: str | None, folder: Path) -> tuple[list[Record], list[Exclusion]]:
    records: list[Record] = []
    exclusions: list[Exclusion] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if is_system_file(entry.name):
            continue
        if entry.is_dir():
            raise DataError(f"{entry.path} is a folder inside a class folder; arrange it as [split/]class/image")
        name = Path(entry.path).relative_to(root).as_posix()
        if not _is_utf8(name):  # no manifest could hold it
            shown = name.encode("utf-8", "backslashreplace").decode()
            exclusions.append(Exclusion("name that is not UTF-8", shown, "rename it"))
        elif is_image_name(entry.name):
            records.append(Record(id=name, path=entry.path, label=folder.name, group=None, split=split))
        else:
            exclusions.append(Exclusion("not an image file", name, "its name has another ending"))
    if not records:
        shown = folder.relative_to(root).as_posix().encode("utf-8", "backslashreplace").decode()
        exclusions.append(Exclusion("empty class folder", shown))
    return records, exclusions


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _subfolders(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not is_system_file(entry.name))


def _holds_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(is_image_name(entry.name) and entry.is_file() for entry in entries)
