"""`unlabelled:DIR`: image files without labels, in a folder and those below it. For pretraining alone."""

from pathlib import Path

from sentinode.core.errors import DataNotFoundError
from sentinode.data.source import Record
from sentinode.data.sources.file_source import FileSource, is_image_name


def recognises(path: Path) -> bool:
    """Never: any folder with an image somewhere in it would do, so this one has to be named."""
    del path
    return False


def open_path(path: Path) -> FileSource:
    """Open the images below `path`, in the order of their names.

    Raises:
        DataNotFoundError: There is none.
    """
    files = sorted(file for file in path.rglob("*") if is_image_name(file.name) and file.is_file())
    if not files:
        raise DataNotFoundError(f"no images in {path} or below it; looked for .tif, .png, .jpg, .bmp, .webp")
    records = [
        Record(id=file.relative_to(path).as_posix(), path=str(file), label=None, group=None, split=None)
        for file in files
    ]
    return FileSource(f"unlabelled:{path}", (), None, tuple(records))
