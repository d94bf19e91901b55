"""Which backbones there are, under which licence, what others measured, and what they cost here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.extras import job
from sentinode.core.messages import plural
from sentinode.core.settings import Settings
from sentinode.face.arguments import as_texts
from sentinode.face.notebook import html_table
from sentinode.models.backbone_cost import Cost, measure_cost
from sentinode.models.backbones import Backbone
from sentinode.models.backbones import backbones as table

_HEAD = ("name", "licence", "use", "M", "GB", "px", "µm/px", "numbers", "here", "PCam", "robust", "ms/tile")
_FIGURES = {"PCam": "PCam balanced accuracy", "robust": "robustness index"}


@dataclass(frozen=True)
class BackboneChoice:
    """A backbone as it stands on this machine."""

    name: str
    facts: Backbone
    at_hand: bool
    """Whether its weights are on this machine."""
    cost: Cost | None
    """Measured now; None: not asked for."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        facts = self.facts
        cost = None if self.cost is None else vars(self.cost)
        return {
            "name": self.name,
            **facts.model_dump(mode="json", exclude={"model", "file", "form"}),
            "repository": facts.repository,
            "gigabytes": round(facts.gigabytes, 2),
            "at_hand": self.at_hand,
            "cost": cost,
            "model": facts.model.model_dump(mode="json", exclude_unset=True),
        }

    def published(self, figure: str) -> float | None:
        """A figure that others measured; None: nobody whom the table knows."""
        return next((each.value for each in self.facts.published if each.figure == figure), None)


class Backbones(tuple[BackboneChoice, ...]):
    """A backbone a row. A notebook shows the table."""

    __slots__ = ()

    def to_json(self) -> list[dict[str, Any]]:
        """A machine's answer."""
        return [choice.to_json() for choice in self]

    def summary(self) -> str:
        """The table, and below it what its columns mean and why some are refused."""
        rows = [_HEAD, *map(_cells, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        reasons = [f"{choice.name}: refused, {choice.facts.refused}" for choice in self if choice.facts.refused]
        return "\n".join([*lines, "", *reasons, *_notes(self)])

    def _repr_html_(self) -> str:
        return html_table(_HEAD, map(_cells, self))


@job("torch")
def backbones(names: Sequence[str] = (), *, measure: bool = False, settings: Settings | None = None) -> Backbones:
    """List backbones: licence, size, µm/px, published figures, whether their weights are here, and what a tile costs.

    Args:
        names: Those to list; none: all.
        measure: Time each of `names` here, with random weights; of the largest that takes minutes, and several times
            their size in memory.
        settings: The machine's; None: by the environment.

    Examples:
        >>> [choice.name for choice in sn.backbones() if choice.facts.licence == "MIT"]
        ['midnight-12k']

    Raises:
        ArgumentError: An argument is of another kind.
        SentinodeError: There is no backbone of a name, or none is named to be measured.
    """
    from sentinode.models.networks.hub import at_hand

    wanted, known = as_texts("names", names, '"hibou-l"'), table()
    if unknown := [name for name in wanted or () if name not in known]:
        raise SentinodeError(f"there is no backbone {unknown[0]!r} in the table; it has {', '.join(known)}")
    if measure and not wanted:
        raise SentinodeError("measuring builds each network, up to 1.1 billion weights: name those to measure")
    threads = (settings or Settings.from_environment()).threads
    return Backbones(
        BackboneChoice(name, facts, at_hand(facts), measure_cost(facts, threads=threads) if measure else None)
        for name, facts in ((name, known[name]) for name in wanted or known)
    )


def _cells(choice: BackboneChoice) -> tuple[str, ...]:
    facts = choice.facts
    use = "refused" if facts.refused else "ask first" if facts.gated else "yes"
    mpp = ", ".join(f"{each:g}" for each in facts.mpp) or "–"
    figures = (choice.published(figure) for figure in _FIGURES.values())
    return (
        choice.name, facts.licence, use, f"{facts.parameters:,.1f}", f"{facts.gigabytes:.2f}",
        str(facts.input_size or "any"), mpp, str(facts.embedding), "yes" if choice.at_hand else "no",
        *("–" if value is None else f"{value:.3f}" for value in figures),
        "–" if choice.cost is None else f"{choice.cost.milliseconds:,.1f}",
    )  # fmt: skip


def _notes(choices: Backbones) -> list[str]:
    published = sorted({(each.figure, each.source) for choice in choices for each in choice.facts.published})
    notes = ["M, GB: million parameters, and their size in float32; here: whether the weights are on this machine"]
    notes += [
        f"{name}: {figure}, published by {source} (docs/backbones.md)"
        for name, wanted in _FIGURES.items()
        for figure, source in published
        if figure == wanted
    ]
    costs = [choice.cost for choice in choices if choice.cost]
    circumstances = {
        f"ms/tile: measured now, engine {cost.engine}, {plural(cost.threads, 'thread')}, tiles of {cost.tile_size} px"
        for cost in costs
    }
    return [*notes, *sorted(circumstances)]
