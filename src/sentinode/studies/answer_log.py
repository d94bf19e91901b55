"""Answers on the disk while a long scoring is under way, so that one that was stopped goes on where it was."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from sentinode.core.files import storage_errors
from sentinode.data.sources.file_source import file_stamp


class LoggedAnswer(NamedTuple):
    """One line of an answer log."""

    id: str
    label: str
    """The answer, as it will be written."""
    stamp: list[int]
    """Size and time of the file that it is the answer to."""


class AnswerLog:
    """A file of answers, of one model and engine. A torn last line and answers to files that changed don't count."""

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        """Args: where it lies; what the answers depend on beside the files."""
        self.path = path
        self._head = json.dumps(head, sort_keys=True) + "\n"

    def load(self) -> dict[str, LoggedAnswer]:
        """The answers of an earlier run, by id; a log of another model is begun anew."""
        with storage_errors(self.path):
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
            if not text.startswith(self._head):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.write_text(self._head, encoding="utf-8")
                return {}
            whole, _, torn = text.rpartition("\n")
            if torn:
                os.truncate(self.path, len(whole.encode()) + 1)
        answers = (LoggedAnswer(*json.loads(line)) for line in whole.splitlines()[1:])
        return {answer.id: answer for answer in answers}

    def append(self, answers: Iterable[LoggedAnswer]) -> None:
        """Note answers; they are on the disk when this returns.

        Raises:
            StorageError: The disk is full.
        """
        with storage_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(answer) + "\n" for answer in answers))
            file.flush()
            os.fsync(file.fileno())


def stamp_of(path: Path) -> list[int]:
    """Size and time of a file; empty where there is none."""
    try:
        return file_stamp(path)
    except OSError:
        return []
