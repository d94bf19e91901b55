"""The frame of every page: from a template and its values to one self-contained HTML file.

A page has no scripts, no links to elsewhere and no date: the same input gives the same bytes.
"""

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinode.core.files import write_text
from sentinode.core.messages import count, listed, plural, plural_of
from sentinode.reports import wording


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a page says around its figures: what was measured on what, and how."""

    data: str
    """Name or address of the data."""

    model: str = ""
    """Name of the model or bundle, or what was trained, in a few words."""

    split: str = ""
    """Name of the split that was measured on."""

    noun: str = "image"
    """What a sample is called."""

    group_noun: str = "group"
    """What a group is called."""

    method: Sequence[str] = ()
    """How it was done, in sentences."""

    notes: Sequence[str] = ()
    """What a reader must know, in sentences; a page adds its own."""

    exclusions: Mapping[str, int] = field(default_factory=dict)
    """What was left out beforehand: kind → how many."""

    facts: Sequence[tuple[str, str]] = ()
    """Further terms and values for the head."""

    provenance: Mapping[str, str] = field(default_factory=dict)
    """Label → value, in the order in which to print them: hashes, versions, seed."""

    recipe: str = ""
    """The resolved recipe (TOML), to be unfolded."""

    def head(self, n: int, counts: Mapping[str, int] | None = None, groups: int | None = None) -> list[tuple[str, str]]:
        """The facts below a heading: data, split, how many samples, of which classes, from how many groups."""
        facts = [("Data", self.data), ("Split", self.split), ("n", plural(n, self.noun))]
        if counts is not None:
            classes = [f"{count(number)} {wording.class_words(name)}" for name, number in counts.items()]
            facts.append(("Classes", listed(classes) if len(classes) <= wording.FEW else str(len(classes))))
        if groups is not None:
            facts.append((plural_of(self.group_noun).capitalize(), count(groups)))
        return [(term, value) for term, value in (*facts, *self.facts) if value]


def write_page(template: str, values: dict[str, Any], out: Path) -> None:
    """Fill `template` of this room with `values`, everything escaped, and write it to `out`, atomically.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    write_text(out, _environment().get_template(template).render(values))


def _environment() -> Environment:
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
        "mean": statistics.fmean,
        "spread": statistics.stdev,
    }
    environment.globals |= {"scaled": _scaled, "sections": _sections}
    return environment


def _scaled(share: float | None, start: float) -> str:
    """Where a share lies on a track from `start` to 1, in per cent of it."""
    return "0" if share is None else f"{100 * min(max((share - start) / (1 - start), 0), 1):.2f}"


def _sections(main: str) -> list[tuple[str, str]]:
    """Id and name of each section of a page, for its contents; both are escaped already."""
    return [(id_, Markup(name)) for id_, name in re.findall(r'<section id="([^"]+)" aria-label="([^"]+)"', main)]
