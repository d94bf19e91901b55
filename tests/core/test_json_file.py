"""JSON files that are read back: whole, or refused with the remedy."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.json_file import read_json


class _Rule(BaseModel):
    threshold: float


def _read(path: Path) -> _Rule:
    return read_json(path, _Rule.model_validate, absent="is not there; fit it", damaged="is damaged ({}); fit it again")


def test_what_was_written_is_read(tmp_path: Path) -> None:
    (tmp_path / "rule.json").write_text('{"threshold": 0.5}', encoding="utf-8")
    assert _read(tmp_path / "rule.json").threshold == 0.5


def test_no_file_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match=r"none\.json is not there; fit it"):
        _read(tmp_path / "none.json")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe{",
        b'{"threshold": "high"}',
        b"[" * 100_000,
        b'{"threshold": ' + b"9" * 5000 + b"}",
    ],
    ids=["empty", "no key", "no text", "no number", "brackets", "digits"],
)
def test_what_is_damaged_is_refused_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rule.json").write_bytes(content)
    with pytest.raises(DataError, match=r"rule\.json is damaged \(.+\); fit it again") as refused:
        _read(tmp_path / "rule.json")
    assert "\n" not in str(refused.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is damaged"):
        _read(tmp_path)
