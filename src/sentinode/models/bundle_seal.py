"""The hash of a bundle: over all that its JSON file says, and so over every other file, whose hashes it lists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file, sha256_of_json, write_json

SEAL = "sha256"
"""The key of a bundle's JSON file that holds the hash, which is over all others."""

Info = TypeVar("Info", bound=BaseModel)


def write_sealed(path: Path, info: Info, format_version: int) -> Info:
    """Write the JSON file of a folder whose other files are there, with their hashes and its own.

    Args:
        path: The JSON file.
        info: What it says, with fields `files`, `sha256` and `format_version`, which are filled in.
        format_version: Of what is written.

    Returns:
        The facts as they were written.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    beside = sorted(other for other in path.parent.iterdir() if other.is_file() and other.name != path.name)
    files = {other.name: sha256_of_file(other) for other in beside}
    listed = info.model_copy(update={"files": files, "format_version": format_version})
    sealed = listed.model_copy(update={SEAL: content_sha256(listed.model_dump(mode="json"))})
    write_json(path, sealed.model_dump(mode="json"))
    return sealed


def content_sha256(fields: Mapping[str, Any]) -> str:
    """SHA-256 of canonical JSON of all fields but the hash itself: blanks and the order of keys don't count."""
    return sha256_of_json({key: value for key, value in fields.items() if key != SEAL})


def check_seal(path: Path, fields: Mapping[str, Any]) -> None:
    """Check the hash that a bundle's JSON file has of itself.

    Args:
        path: The file.
        fields: What it says.

    Raises:
        BundleError: It says something else than what was written.
    """
    if (said := fields.get(SEAL)) != (found := content_sha256(fields)):
        raise BundleError(
            f"{path} is not what was written: its SHA-256 is {found}, and it says {said}; undo the change, or get the "
            "bundle again"
        )
