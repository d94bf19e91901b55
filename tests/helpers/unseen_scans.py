"""Scans that say nothing of their slide: failed, blank, or read in part."""

import json
from pathlib import Path
from typing import Any

from sentinode.core.files import write_json
from sentinode.scanning.scan_record import RECORD_FILE, FailedScan, Failure


def write_failed(folder: Path, message: str = "it is truncated") -> None:
    """A slide that could not be opened."""
    folder.mkdir(parents=True)
    failure = Failure(stage="opening", type="SlideError", message=message)
    record = FailedScan(name=folder.name, config={}, config_sha256="c", failure=failure)
    write_json(folder / RECORD_FILE, record.model_dump(mode="json"))


def change_record(folder: Path, **changes: Any) -> None:
    """Change fields of a scan's record; those of `tiles` one by one."""
    path = folder / RECORD_FILE
    record = json.loads(path.read_text(encoding="utf-8"))
    record["tiles"] |= changes.pop("tiles", {})
    write_json(path, record | changes)
