"""A folder of files and a JSON file that lists their hashes: read and checked alike, whatever kind of bundle it is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file
from sentinode.core.messages import one_line

Info = TypeVar("Info", bound=BaseModel)


def read_facts(path: Path, kind: type[Info], newest: int) -> tuple[Info, dict[str, Any]]:
    """What a bundle's JSON file says: as its model, and as it was written.

    Args:
        path: The file.
        kind: What it has to be, with a field `format_version`.
        newest: The newest format that can be read.

    Raises:
        BundleError: It is damaged, or of a newer format.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        version = fields["format_version"]
        if isinstance(version, int) and version > newest:
            raise BundleError(
                f"bundle {path.parent} has format {version}, newer than {newest}, the newest that this version reads; "
                "upgrade sentinode"
            )
        return kind.model_validate(fields), fields
    except ValidationError as error:
        raise BundleError(f"{path} is damaged: {one_line(error)}; get the bundle again") from error
    except (OSError, KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is damaged ({type(error).__name__}: {error}); get the bundle again") from error


def check_files(folder: Path, required: frozenset[str], listed: Mapping[str, str]) -> None:
    """Check that every file is the one that was written.

    Args:
        folder: The bundle's.
        required: Files that it must have.
        listed: SHA-256 of its files, by name.

    Raises:
        BundleError: A file is missing or was changed.
    """
    for file in sorted(required | set(listed)):
        path = folder / file
        if not path.is_file():
            raise BundleError(f"bundle {folder} is incomplete: {file} is missing; copy the whole folder again")
        if sha256_of_file(path) != listed.get(file):
            raise BundleError(
                f"bundle {folder}: {file} is not the file that was written (its SHA-256 differs); get the bundle again"
            )
