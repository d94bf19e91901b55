"""From a template and its values to one self-contained HTML file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from sentinode.core.files import write_text
from sentinode.core.plurals import count, plural, plural_of
from sentinode.reports import wording


@dataclass(frozen=True)
class MeasuredContext:
    """What a page says around what was measured on a split of a data set."""

    data: str
    """Address of the data."""

    split: str
    """Name of the split that was measured on."""

    method: tuple[str, ...] = ()
    """How it was done, in sentences."""

    notes: tuple[str, ...] = ()
    """What a reader must know, in sentences; the page adds its own."""


def write_page(template: str, values: dict[str, Any], out: Path) -> None:
    """Fill `template` of this room with `values`, everything escaped, and write it to `out`, atomically.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    write_text(out, page_environment().get_template(template).render(values))


def page_environment() -> Environment:
    """The templates of this room, `page.html.j2` among them, which every page extends.

    Everything is escaped, and an unknown name is an error.
    """
    # autoescape=True, not by file ending: names and paths come from other people's data sets.
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": wording.number,
        "per_cent": wording.per_cent,
        "count": count,
        "metric_name": wording.metric_name,
        "figure": lambda metric, name: wording.figure(name, metric),
        "interval": lambda metric, name: wording.interval(name, metric),
        "narrow_interval": lambda metric, name: wording.narrow_interval(name, metric),
        "with_interval": lambda metric, name: wording.with_interval(name, metric),
        "difference": lambda metric, name: wording.difference(name, metric),
        "difference_interval": lambda metric, name: wording.difference_interval(name, metric),
        "p_value": wording.p_value,
        "duration": wording.duration,
        "plural": plural,
        "plural_of": plural_of,
        "shortened": wording.shortened,
    }
    environment.globals["scaled"] = _scaled
    return environment


def _scaled(share: float | None, start: float) -> str:
    """Where a share lies on a track from `start` to 1, in per cent of it."""
    return "0" if share is None else f"{100 * min(max((share - start) / (1 - start), 0), 1):.2f}"
