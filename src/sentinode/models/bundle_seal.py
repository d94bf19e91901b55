"""The hash of a bundle: over all that `bundle.json` says, and so over every other file, whose hashes it lists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file, sha256_of_json, write_json
from sentinode.models.bundle_info import FORMAT_VERSION, INFO_FILE, BundleInfo

SEAL = "sha256"
"""The key of `bundle.json` that holds the hash, which is over all others."""

_FIRST_SEALED = 2


def write_sealed(folder: Path, info: BundleInfo) -> BundleInfo:
    """Write `bundle.json` of a folder whose other files are there, with their hashes and its own.

    Returns:
        The facts as they were written.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    files = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir()) if path.name != INFO_FILE}
    listed = info.model_copy(update={"files": files, "format_version": FORMAT_VERSION})
    sealed = listed.model_copy(update={SEAL: content_sha256(listed.model_dump(mode="json"))})
    write_json(folder / INFO_FILE, sealed.model_dump(mode="json"))
    return sealed


def content_sha256(fields: Mapping[str, Any]) -> str:
    """SHA-256 of canonical JSON of all fields but the hash itself: blanks and the order of keys don't count."""
    return sha256_of_json({key: value for key, value in fields.items() if key != SEAL})


def check_seal(folder: Path, fields: Mapping[str, Any]) -> None:
    """Check the hash that `bundle.json` has of itself; in format 1 it has none.

    Args:
        folder: The bundle's.
        fields: What the file says.

    Raises:
        BundleError: It says something else than what was written.
    """
    if fields["format_version"] < _FIRST_SEALED and SEAL not in fields:
        return
    if (said := fields.get(SEAL)) != (found := content_sha256(fields)):
        raise BundleError(
            f"{folder / INFO_FILE} is not what was written: its SHA-256 is {found}, and it says {said}; undo the "
            "change, or get the bundle again"
        )
