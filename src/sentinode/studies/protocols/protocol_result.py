"""What a protocol gives: the figures that papers give, by label set, beside what is published."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import DataNotFoundError
from sentinode.core.files import write_json
from sentinode.core.messages import plural, some
from sentinode.core.metric import Metric
from sentinode.core.result_folder import ResultKind
from sentinode.studies.protocols.published import TestSet

RECORD = "protocol.json"
OUT_FOLDER = ResultKind("a protocol's result", (RECORD,))
_SHOWN = 8

Figures = Mapping[str, Metric]
"""Name → figure, in the order in which to print them."""


@dataclass(frozen=True)
class ProtocolResult:
    """The figures of a protocol, and where its files are."""

    folder: Path
    test_set: TestSet
    n: int
    """Images, slides or patients that were measured."""
    figures: Mapping[str, Figures]
    """Label set → its figures."""
    notes: tuple[str, ...] = ()
    """What is to be known of this data, in sentences."""
    pages: tuple[Path, ...] = ()
    """What to look at."""

    @property
    def complete(self) -> bool:
        """Whether as many were measured as the published test set has."""
        return self.test_set.n in (None, self.n)

    def to_json(self) -> dict[str, Any]:
        """A machine's answer, and the content of `protocol.json`."""
        sets = {
            name: {figure: metric.to_json() for figure, metric in found.items()} for name, found in self.figures.items()
        }
        return {
            "protocol": self.test_set.name,
            "n": self.n,
            "n_published": self.test_set.n,
            "complete": self.complete,
            "figures": sets,
            "published": [{"name": one.name, "value": one.value, "of": one.of} for one in self.test_set.figures],
            "left_out": list(self.test_set.left_out),
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """Lines for a person: each figure beside what is published, and what was left out."""
        lines = [f"{self.test_set.title}: {plural(self.n, self.test_set.noun)}"]
        if not self.complete:
            lines.append(f"not the published test set, which has {self.test_set.n:,}: don't compare with its figures")
        for label_set, found in self.figures.items():
            lines.append(label_set)
            for name, metric in found.items():
                published = self.test_set.published(name)
                lines.append(
                    f"  {name.replace('_', ' '):<24} {metric!s}" + (f"   published: {published}" if published else "")
                )
        lines += [*self.test_set.left_out, *self.notes]
        return "\n".join([*lines, *(f"look at   {page}" for page in self.pages)])

    def save(self) -> "ProtocolResult":
        """Write `protocol.json`; gives itself back."""
        write_json(self.folder / RECORD, self.to_json())
        return self


def wrong_layout(test_set: TestSet, root: Path) -> DataNotFoundError:
    """The error for a folder in another layout: what was looked for, and what is there."""
    if not root.exists():
        return DataNotFoundError(f"{root} does not exist; give the folder of {test_set.title}")
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else [root.name]
    found = some(names, _SHOWN) or "nothing"
    return DataNotFoundError(
        f"{root} is not in the layout of {test_set.name}; looked for {'; '.join(test_set.looked_for)}; found {found}"
    )
