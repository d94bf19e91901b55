"""What operating systems and file servers leave beside a user's files, and nobody means."""

from pathlib import PurePath

_NAMES = frozenset(
    {
        "__macosx",  # in every ZIP that macOS packs: a ._NAME for each file
        "@eadir",  # Synology: a folder with thumbnails beside each folder of pictures
        "#recycle", "#snapshot", "@recycle", "$recycle.bin", "system volume information", "lost+found",
        "thumbs.db", "ehthumbs.db", "desktop.ini",
    }
)  # fmt: skip


def is_system_file(name: str) -> bool:
    """Whether a file or folder of this name belongs to a system, or is hidden: such are passed over everywhere.

    Examples:
        >>> [is_system_file(name) for name in ("Thumbs.db", "._a.tif", ".DS_Store", "__MACOSX", "thumbs.png")]
        [True, True, True, True, False]
    """
    return name.startswith(".") or name.casefold() in _NAMES


def lies_in_system_folder(path: PurePath, root: PurePath) -> bool:
    """Whether `path` or a folder between it and `root` is such; `root` itself, which somebody named, may be."""
    return any(is_system_file(part) for part in path.relative_to(root).parts)
