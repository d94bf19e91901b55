"""Remedies for who has a browser or a client: an option of the command line or of Python is none for them."""

from sentinode.core.errors import SentinodeError
from sentinode.serving.problems import Problem
from sentinode.slides.slide import MPP_REMEDY
from sentinode.slides.tiff.tiff_pictures import SERIES_REMEDY

_INSTEAD = {
    MPP_REMEDY: "in its file, by the resolution tags",
    SERIES_REMEDY: "save the one that is meant as a file of its own",
}


def for_clients(message: str) -> str:
    """A message about a slide with remedies that a client of the server has."""
    for remedy, instead in _INSTEAD.items():
        message = message.replace(remedy, instead)
    return message


def unfit_model(error: SentinodeError) -> Problem:
    """That the served model can't scan: only the server's operator can give what is missing, or another one."""
    reason = str(error).partition(";")[0]
    return Problem(422, f"the served model can't scan slides: {reason}; ask the server's operator for another")
