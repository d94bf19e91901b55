"""What an odd input is, and how it is judged: read right, refused by name, or wrong."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sentinode.core.errors import SentinodeError

Outcome = Literal["read right", "refused", "wrong"]


class MisreadError(Exception):
    """What was read is not what was written; the message says where they differ."""


@dataclass(frozen=True)
class Oddity:
    """One odd input: how it is written, how it is read, and what is right."""

    name: str
    """Kind and name, such as `slides/jfif-tagged-rgb`; the folder that it is written into."""
    about: str
    """What is odd, in a line."""
    write: Callable[[Path], None]
    """Writes the input into the folder that it is given, which is empty."""
    read: Callable[[Path], None]
    """Reads it from that folder; raises `MisreadError` where what comes out is not what was written."""
    refusal: str = ""
    """A regular expression that the one line of the error has to match; empty: it has to be read right."""


@dataclass(frozen=True)
class Verdict:
    """How an odd input came out."""

    oddity: Oddity
    outcome: Outcome
    detail: str = ""
    """The message with which it was refused, or what is wrong."""


def judge(oddity: Oddity, folder: Path) -> Verdict:
    """Write an odd input into `folder`, read it, and say how it came out.

    Whatever is neither read right nor refused in one line that names what is wrong is "wrong": a traceback too.
    """
    folder.mkdir(parents=True)
    oddity.write(folder)
    try:
        oddity.read(folder)
    except SentinodeError as error:
        return _refused(oddity, str(error))
    except MisreadError as error:
        return Verdict(oddity, "wrong", str(error))
    except Exception as error:  # noqa: BLE001 - any traceback is a wrong answer, and the next input is to be judged
        return Verdict(oddity, "wrong", f"{type(error).__name__}: {error}")
    if oddity.refusal:
        return Verdict(oddity, "wrong", f"read, though it should be refused: {oddity.refusal}")
    return Verdict(oddity, "read right")


def _refused(oddity: Oddity, message: str) -> Verdict:
    named = bool(oddity.refusal) and re.search(oddity.refusal, message) is not None and "\n" not in message
    return Verdict(oddity, "refused" if named else "wrong", message)
